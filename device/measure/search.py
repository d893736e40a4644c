"""How fast a gallery of any size is searched, and whether the quick search answers as the full product does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.collection.matrix import ReferenceMatrix
from device.types import PersonId

DIMENSIONS = 128
EXTRA_REFERENCES_OF = 1000  # so many people have five references, the others one
REFERENCES_OF_THOSE = 5
DECISION_SCORE = 0.58  # MobileFaceNet's measured threshold at FMR 1e-6, the strictest there is
# Scores of 2,717 mated pairs of lfw-dev with MobileFaceNet int8 on the whole path: 0, 5, 10 ... 100 %.
MATED_SCORES = (
    0.0077, 0.4478, 0.5040, 0.5386, 0.5676, 0.5865, 0.6065, 0.6261, 0.6448, 0.6602, 0.6753,
    0.6891, 0.7051, 0.7173, 0.7316, 0.7452, 0.7642, 0.7839, 0.8050, 0.8346, 0.9706,
)  # fmt: skip

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SearchTimes:
    """Milliseconds of one search, one thread."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class SearchFigures:
    """What was measured on one gallery of random directions."""

    people: int
    references: int
    build_s: float  # from the vectors to a matrix that has answered once
    mated: SearchTimes
    non_mated: SearchTimes
    product: SearchTimes  # the plain numpy product and its maximum
    faiss_flat: SearchTimes | None  # faiss.IndexFlatIP; None where faiss is not installed
    same_top: int  # mated probes with the same nearest person as by the full product
    same_decision: int  # non-mated probes with the same accept or deny
    mated_probes: int
    non_mated_probes: int
    bytes_per_reference: float  # of vectors, scores and sketches


def measure_search(*, people: int, probes: int, timed: int = 300) -> SearchFigures:
    """Enrol random people, search with `probes` mated and as many non-mated probes, and compare with the full product.

    The full product of all probes is taken in blocks by BLAS; `timed` probes are timed one by one in every way.
    """
    source = np.random.default_rng(5)
    vectors, owners = _enrol(people, source)
    started = time.perf_counter()
    matrix = ReferenceMatrix()
    matrix.put(owners, vectors)
    mated = _mated_probes(vectors[source.integers(0, len(vectors), probes)], source)
    matrix.nearest(mated[0])
    build_s = time.perf_counter() - started
    strangers = _unit(source.standard_normal((probes, DIMENSIONS), dtype=np.float32))
    full_mated, full_strangers = _full_product(vectors, mated), _full_product(vectors, strangers)
    quick_mated, mated_ms = _search(matrix, mated, matters_from=-1.0)
    quick_strangers, non_mated_ms = _search(matrix, strangers, matters_from=DECISION_SCORE)
    return SearchFigures(
        people=people,
        references=len(vectors),
        build_s=build_s,
        mated=_times(mated_ms),
        non_mated=_times(non_mated_ms),
        product=_times(_timed(lambda probe: (vectors @ probe).argmax(), mated[:timed])),
        faiss_flat=_faiss_flat(vectors, mated[:timed]),
        same_top=sum(person == owners[row] for (person, _), (row, _) in zip(quick_mated, full_mated, strict=True)),
        same_decision=sum(
            (one >= DECISION_SCORE) == (other >= DECISION_SCORE)
            for (_, one), (_, other) in zip(quick_strangers, full_strangers, strict=True)
        ),
        mated_probes=probes,
        non_mated_probes=probes,
        bytes_per_reference=DIMENSIONS * 4 + 4 + DIMENSIONS / 4,
    )


def _enrol(people: int, source: np.random.Generator) -> tuple[Vectors, list[PersonId]]:
    many = min(EXTRA_REFERENCES_OF, people)
    first = _unit(source.standard_normal((people, DIMENSIONS), dtype=np.float32))
    more = _mated_probes(np.repeat(first[:many], REFERENCES_OF_THOSE - 1, axis=0), source)
    owners = [PersonId(f"p-{number:016x}") for number in range(people)]
    owners += [owner for owner in owners[:many] for _ in range(REFERENCES_OF_THOSE - 1)]
    return np.concatenate([first, more]), owners


def _mated_probes(vectors: Vectors, source: np.random.Generator) -> Vectors:
    """A probe for each row, whose score with it is drawn from what was measured."""
    shares = np.linspace(0.0, 1.0, len(MATED_SCORES))
    scores = np.interp(source.random(len(vectors)), shares, MATED_SCORES)[:, None].astype(np.float32)
    noise = source.standard_normal(vectors.shape, dtype=np.float32)
    noise = _unit(noise - np.sum(noise * vectors, axis=1, keepdims=True) * vectors)
    probes: Vectors = _unit(scores * vectors + np.sqrt(1.0 - scores**2) * noise)
    return probes


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _full_product(vectors: Vectors, probes: Vectors, *, block: int = 64) -> list[tuple[int, float]]:
    best: list[tuple[int, float]] = []
    for start in range(0, len(probes), block):
        scores = probes[start : start + block] @ vectors.T
        rows = scores.argmax(axis=1)
        best += [(int(row), float(scores[number, row])) for number, row in enumerate(rows)]
    return best


def _search(
    matrix: ReferenceMatrix, probes: Vectors, *, matters_from: float
) -> tuple[list[tuple[PersonId, float]], list[float]]:
    found: list[tuple[PersonId, float]] = []
    times = []
    for probe in probes:
        started = time.perf_counter()
        nearest = matrix.nearest(probe, matters_from=matters_from)
        times.append(time.perf_counter() - started)
        assert nearest is not None  # noqa: S101 (the matrix is not empty)
        found.append((nearest.person, nearest.score))
    return found, times


def _faiss_flat(vectors: Vectors, probes: Vectors) -> SearchTimes | None:
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(vectors)
    return _times(_timed(lambda probe: index.search(probe[None], 1), probes))


def _timed(search: Callable[[Vectors], object], probes: Vectors) -> list[float]:
    times = []
    for probe in probes:
        started = time.perf_counter()
        search(probe)
        times.append(time.perf_counter() - started)
    return times


def _times(seconds: list[float]) -> SearchTimes:
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    return SearchTimes(round(float(p50) * 1e3, 3), round(float(p95) * 1e3, 3))
