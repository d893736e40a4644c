"""The search matrix: references as rows, and which person each row belongs to. No database, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.types import PersonId

GROWTH = 1.5  # spare rows, so that enrolling one person copies one person's rows and not everybody's
SPARE_ROWS = 64


@dataclass(frozen=True, slots=True)
class Nearest:
    """The person whose best reference is nearest to a probe, and how near the best other person is."""

    person: PersonId
    score: float
    other_score: float | None  # None: there is no other person


class ReferenceMatrix:
    """Rows of unit length, C-contiguous float32, in no particular order. One thread at a time.

    Memory: `dimensions` x 4 bytes for each row, 4 for its score and about 100 for whose it is; up to half as much
    again is spare.
    """

    def __init__(self) -> None:
        self._vectors = np.empty((0, 0), dtype=np.float32)  # (capacity, dimensions)
        self._scores = np.empty(0, dtype=np.float32)  # (capacity,): reused, so that a search allocates nothing
        self._owners: list[PersonId] = []  # of each row in use
        self._rows: dict[PersonId, list[int]] = {}

    @property
    def rows(self) -> int:
        """How many references are searched."""
        return len(self._owners)

    @property
    def people(self) -> int:
        """How many people they belong to."""
        return len(self._rows)

    @property
    def dimensions(self) -> int:
        """The length of every row; 0 while there has been none."""
        return self._vectors.shape[1]

    def put(self, owners: list[PersonId], vectors: NDArray[np.float32]) -> None:
        """Append rows, (len(owners), dimensions) of unit length. Raises ValueError when the dimensions differ."""
        if not owners:
            return
        if self.rows and vectors.shape[1] != self.dimensions:
            raise ValueError(f"rows have {self.dimensions} dimensions, these have {vectors.shape[1]}")
        first = self.rows
        self._reserve(first + len(owners), vectors.shape[1])
        self._vectors[first : first + len(owners)] = vectors
        for row, owner in enumerate(owners, start=first):
            self._rows.setdefault(owner, []).append(row)
        self._owners.extend(owners)

    def drop(self, person: PersonId) -> None:
        """Take a person's rows out; harmless when there are none."""
        for row in sorted(self._rows.pop(person, ()), reverse=True):
            last = self.rows - 1
            owner = self._owners.pop()
            if row != last:  # the last row fills the gap
                self._vectors[row] = self._vectors[last]
                self._owners[row] = owner
                rows = self._rows[owner]
                rows[rows.index(last)] = row
            self._vectors[last] = 0.0  # an erased person leaves memory, too

    def nearest(self, probe: NDArray[np.float32]) -> Nearest | None:
        """The person nearest to `probe`, (dimensions,) of unit length; None when there is nobody.

        Several references of a person count once, by the best of them. The score is the cosine similarity.
        """
        if not self.rows:
            return None
        scores = self._scores[: self.rows]
        np.dot(self._vectors[: self.rows], probe, out=scores)
        best = int(scores.argmax())
        person, score = self._owners[best], float(scores[best])
        if self.people == 1:
            return Nearest(person, score, None)
        scores[self._rows[person]] = -np.inf
        return Nearest(person, score, float(scores.max()))

    def _reserve(self, rows: int, dimensions: int) -> None:
        if rows <= len(self._vectors) and dimensions == self.dimensions:
            return
        capacity = max(rows, int(self.rows * GROWTH)) + SPARE_ROWS
        vectors = np.zeros((capacity, dimensions), dtype=np.float32)
        if self.rows:
            vectors[: self.rows] = self._vectors[: self.rows]
        self._vectors, self._scores = vectors, np.empty(capacity, dtype=np.float32)
