"""The search matrix: references as rows, and which person each row belongs to. No database, no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.collection.sketch import Sketches
from device.types import PersonId

GROWTH = 1.5  # spare rows, so that enrolling one person copies one person's rows and not everybody's
SPARE_ROWS = 64
SKETCHED_ABOVE_ROWS = 50_000  # up to here the plain product takes less than a millisecond or two
CLOSEST = (512, 4096)  # how many sketches' rows are compared exactly: first few, then more, then all
MARGIN_SEEN = 0.05  # another person is missed only if further away from the best than this: the policy's min_margin


@dataclass(frozen=True, slots=True)
class Nearest:
    """The person whose best reference is nearest to a probe, and how near the best other person is."""

    person: PersonId
    score: float
    other_score: float | None  # None: there is no other person


class ReferenceMatrix:
    """Rows of unit length, C-contiguous float32, in no particular order. One thread at a time.

    Memory for each row: `dimensions` x 4 bytes, 4 for its score and about 100 for whose it is; above
    `sketched_above` rows 32 more for its sketch. Up to half as much again is spare.
    """

    def __init__(self, *, sketched_above: int = SKETCHED_ABOVE_ROWS) -> None:
        self._vectors = np.empty((0, 0), dtype=np.float32)  # (capacity, dimensions)
        self._scores = np.empty(0, dtype=np.float32)  # (capacity,): reused, so that a search allocates nothing
        self._owners: list[PersonId] = []  # of each row in use
        self._rows: dict[PersonId, list[int]] = {}
        self._sketches: Sketches | None = None  # None: few enough rows to compare them all
        self._sketched_above = sketched_above

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
        if self._sketches is not None:
            self._sketches.write(slice(first, self.rows), vectors)

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
            if self._sketches is not None:
                self._sketches.move(last, to=row)

    def nearest_of(self, person: PersonId, probe: NDArray[np.float32]) -> float | None:
        """The score of `probe`, (dimensions,) of unit length, against the nearest row of `person`; None without any."""
        rows = self._rows.get(person)
        return None if rows is None else float((self._vectors[rows] @ probe).max())

    def nearest(self, probe: NDArray[np.float32], *, matters_from: float = -1.0) -> Nearest | None:
        """The person nearest to `probe`, (dimensions,) of unit length; None when there is nobody.

        Several references of a person count once, by the best of them. The score is the cosine similarity. Of more than
        `sketched_above` rows a score below `matters_from` may not be the very best of all, and neither may that of
        another person who is more than MARGIN_SEEN away; both stay on their side of what matters.
        """
        if not self.rows:
            return None
        if self.rows > self._sketched_above:
            found = self._nearest_by_sketch(probe, matters_from)
            if found is not None:
                return found
        scores = self._scores[: self.rows]
        np.dot(self._vectors[: self.rows], probe, out=scores)
        best = int(scores.argmax())
        person, score = self._owners[best], float(scores[best])
        if self.people == 1:
            return Nearest(person, score, None)
        scores[self._rows[person]] = -np.inf
        return Nearest(person, score, float(scores.max()))

    def _nearest_by_sketch(self, probe: NDArray[np.float32], matters_from: float) -> Nearest | None:
        """The same among the rows whose sketches are nearest; None when others could be nearer yet."""
        sketches = self._sketched()
        for count in CLOSEST:
            rows, seen_to_bits = sketches.closest(probe, rows=self.rows, count=count)
            scores = self._vectors[rows] @ probe
            best = int(scores.argmax())
            person, score = self._owners[rows[best]], float(scores[best])
            needed = score - MARGIN_SEEN if score >= matters_from else matters_from
            if not sketches.is_beyond(seen_to_bits, probe, score=needed):
                continue
            scores[np.isin(rows, self._rows[person])] = -np.inf
            other_score = float(scores.max())
            if math.isfinite(other_score):
                return Nearest(person, score, other_score)
        return None

    def _sketched(self) -> Sketches:
        """The sketches of all rows, made when the matrix has outgrown the plain product."""
        if self._sketches is None or self._sketches.capacity != len(self._vectors):
            self._sketches = Sketches(self._vectors, rows=self.rows)
        return self._sketches

    def _reserve(self, rows: int, dimensions: int) -> None:
        if rows <= len(self._vectors) and dimensions == self.dimensions:
            return
        capacity = max(rows, int(self.rows * GROWTH)) + SPARE_ROWS
        vectors = np.zeros((capacity, dimensions), dtype=np.float32)
        if self.rows:
            vectors[: self.rows] = self._vectors[: self.rows]
        self._vectors, self._scores, self._sketches = vectors, np.empty(capacity, dtype=np.float32), None
