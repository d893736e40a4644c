"""Sketches: 256 bits of each template, compared a hundred times faster than the templates themselves.

A bit says on which side of a plane through the mean of all templates one lies. Two directions at an angle a differ in a
random plane's bit with probability a/pi (Goemans and Williamson 1995; Charikar 2002), so the number of differing bits
measures the angle. The planes are two orthonormal frames, which spreads their errors less than independent planes.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

BITS_PER_FRAME = 2  # bits for each dimension: 256 for the usual 128
# A pair differs in so many standard deviations more bits than its angle says once in 4,000 or rarer.
SIGMAS = 3.5
EVENNESS = 0.85  # measured: bits of two frames spread so much less than those of independent planes
FRAME_SEED = 20_260_105  # the second frame is random and public; secrecy is the site's matrix's business
CHUNK_ROWS = 65_536  # sketched at once, so that memory does not peak
CLOSEST_BY_HEAP = 512  # measured: a heap is quicker for few, counting for many

Scan: TypeAlias = Callable[[NDArray[np.uint8], NDArray[np.uint8], int], tuple[NDArray[np.int64], int]]


class Sketches:
    """The sketches of a matrix' rows, kept in step with it. One thread at a time.

    Memory: `dimensions` / 4 bytes for each row of capacity.
    """

    def __init__(self, vectors: NDArray[np.float32], *, rows: int) -> None:
        self.capacity, dimensions = vectors.shape
        self._mean = vectors[:rows].mean(axis=0, dtype=np.float64).astype(np.float32)
        normal = np.random.default_rng(FRAME_SEED).standard_normal((dimensions, dimensions))
        self._frame = np.linalg.qr(normal)[0].astype(np.float32)
        self._bits = BITS_PER_FRAME * dimensions
        self._codes = np.zeros((self.capacity, -(-self._bits // 64) * 8), dtype=np.uint8)
        self._scan = fastest_scan()
        self._typical_length = math.sqrt(max(1e-6, 1.0 - float(self._mean @ self._mean)))  # of a row from the mean
        for first in range(0, rows, CHUNK_ROWS):
            part = slice(first, min(rows, first + CHUNK_ROWS))
            self.write(part, vectors[part])

    def write(self, rows: slice, vectors: NDArray[np.float32]) -> None:
        """Sketch `vectors`, (n, dimensions), as `rows`."""
        self._codes[rows] = self._sketch(vectors)

    def move(self, row: int, *, to: int) -> None:
        """Let the sketch of one row take another's place, and clear its own."""
        self._codes[to] = self._codes[row]
        self._codes[row] = 0

    def closest(self, probe: NDArray[np.float32], *, rows: int, count: int) -> tuple[NDArray[np.int64], int]:
        """The `count` of the first `rows` rows whose sketches differ least from that of `probe`, (dimensions,).

        And the number of bits up to which all such rows are among them.
        """
        count = min(count, rows)
        found, bits = self._scan(self._sketch(probe[None]), self._codes[:rows], count)
        return found, self._bits if count == rows else bits

    def is_beyond(self, seen_to_bits: int, probe: NDArray[np.float32], *, score: float) -> bool:
        """Whether a row that scores `score` or more would differ in fewer than `seen_to_bits` bits."""
        length = float(np.linalg.norm(probe - self._mean)) * self._typical_length
        cosine = 1.0 - (1.0 - score) / max(length, 1e-6)  # of the angle as seen from the mean
        share = math.acos(max(-1.0, min(1.0, cosine))) / math.pi
        spread = EVENNESS * math.sqrt(self._bits * share * (1.0 - share))
        return bool(self._bits * share + SIGMAS * spread < seen_to_bits)

    def _sketch(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        centred = vectors - self._mean
        sides = np.concatenate([centred > 0, centred @ self._frame > 0], axis=1)
        packed = np.packbits(sides, axis=1)
        if packed.shape[1] == self._codes.shape[1]:
            return packed
        return np.pad(packed, ((0, 0), (0, self._codes.shape[1] - packed.shape[1])))


def fastest_scan() -> Scan:
    """Faiss where it is installed (the extra `search`), numpy elsewhere; both find rows of the same distances."""
    return scan_with_faiss if importlib.util.find_spec("faiss") is not None else scan_with_numpy


def scan_with_faiss(probe: NDArray[np.uint8], codes: NDArray[np.uint8], count: int) -> tuple[NDArray[np.int64], int]:
    """The `count` rows of `codes`, (n, bytes), that differ least from `probe`, (1, bytes), and in how many bits."""
    import faiss

    variant = "hc" if count <= CLOSEST_BY_HEAP else "mc"
    distances, rows = faiss.knn_hamming(probe, codes, count, variant=variant)
    return rows[0], int(distances[0, -1])


def scan_with_numpy(probe: NDArray[np.uint8], codes: NDArray[np.uint8], count: int) -> tuple[NDArray[np.int64], int]:
    """The same without faiss."""
    words: Any = codes.view(np.uint64)
    bits = np.zeros(len(codes), dtype=np.uint16)
    for column, word in enumerate(probe.view(np.uint64)[0]):
        bits += np.bitwise_count(words[:, column] ^ word)
    rows = np.argpartition(bits, count - 1)[:count]
    return rows, int(bits[rows].max())
