"""The secret turn of templates: one site's do not match another's, and a site can revoke all of its own.

Templates are multiplied by an orthogonal matrix before they are sealed. Dot products, and with them all comparison
scores, stay what they were. ISO/IEC 24745 calls such templates renewable and unlinkable, and the seed auxiliary data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BYTES_PER_NUMBER = 16  # two 64-bit integers make one normal number


def seed_bytes(dimensions: int) -> int:
    """How many secret bytes `orthogonal_matrix` takes."""
    return dimensions * dimensions * BYTES_PER_NUMBER


def orthogonal_matrix(seed: bytes, *, dimensions: int) -> NDArray[np.float32]:
    """A (dimensions, dimensions) orthogonal matrix, uniform over all of them when the seed is, and the same everywhere.

    Normal numbers by Box and Muller (1958), then QR with the signs of R taken into Q (Mezzadri 2007, section 5).
    Raises ValueError for a seed of another length than `seed_bytes` says.
    """
    if len(seed) != seed_bytes(dimensions):
        raise ValueError(f"a matrix of {dimensions} dimensions takes {seed_bytes(dimensions)} bytes, got {len(seed)}")
    integers = np.frombuffer(seed, dtype="<u8").reshape(2, dimensions, dimensions)
    uniform = ((integers >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # inside (0, 1)
    normal = np.sqrt(-2.0 * np.log(uniform[0])) * np.cos(2.0 * np.pi * uniform[1])
    q, r = np.linalg.qr(normal)
    return np.ascontiguousarray(q * np.sign(np.diag(r)), dtype=np.float32)


def turn(vectors: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`vectors`, (n, dimensions) or (dimensions,), turned by `matrix`; the transposed matrix turns them back."""
    return np.ascontiguousarray(vectors @ matrix.T)
