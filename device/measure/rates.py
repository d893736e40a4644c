"""Error rates of one-to-one comparison, counted exactly (ISO/IEC 19795-1)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TARGETS = (1e-3, 1e-4, 1e-5, 1e-6)  # false match rates worth reporting, highest first
FEWEST_FALSE_MATCHES = 10  # a rate resting on fewer has a standard error of more than a third, and is not reported
ENOUGH_FALSE_MATCHES = 30  # the rule of 30 (ISO/IEC 19795-1, annex B): within 30 % of the truth, with 90 % confidence

Scores = NDArray[np.float32]  # comparison scores, higher is more alike


class NonMatedScores:
    """The scores of comparisons between different people, of which only the highest matter.

    Memory stays at a few times `keep` scores, however many are added.
    """

    def __init__(self, *, keep: int) -> None:
        """`keep` is how many of the highest scores are kept: a threshold for f needs more than f times all of them."""
        if keep < 1:
            raise ValueError(f"at least one score must be kept, got {keep}")
        self._keep = keep
        self._floor = -math.inf  # whatever is lower is counted and forgotten
        self._top: Scores = np.empty(0, dtype=np.float32)
        self.count = 0

    def add(self, scores: Scores) -> None:
        """Add comparison scores, an array of any shape. Raises ValueError when one is not a number."""
        flat = scores.ravel()
        if np.isnan(flat).any():
            raise ValueError("a comparison score is not a number")
        self.count += flat.size
        self._top = np.concatenate([self._top, flat[flat >= self._floor]])
        if self._top.size > self._keep:
            self._top = np.partition(self._top, self._top.size - self._keep)[-self._keep :]
            self._floor = float(self._top.min())

    def threshold_at(self, fmr: float) -> float:
        """The lowest threshold at which no more than `fmr` of the comparisons are matches (score >= threshold).

        Scores that are equal fall on the same side, so the rate may be lower than `fmr`, never higher. Raises
        ValueError when too few scores were kept to tell.
        """
        allowed = self.false_matches_allowed(fmr)
        if allowed >= self._top.size:
            raise ValueError(f"{self._top.size} scores were kept, which does not tell the threshold for FMR {fmr:g}")
        first_refused = np.partition(self._top, self._top.size - allowed - 1)[self._top.size - allowed - 1]
        return float(np.nextafter(first_refused, np.float32(np.inf)))

    def false_matches_allowed(self, fmr: float) -> int:
        """How many false matches a rate of `fmr` is here: the whole part of their product."""
        return math.floor(fmr * self.count + 1e-9)  # 1e-3 * 3000 must be 3 in binary, too

    def false_matches_at(self, threshold: float) -> int:
        """How many comparisons match at `threshold`. Raises ValueError below what was kept."""
        if threshold <= self._floor:
            raise ValueError(f"scores as low as {threshold:g} were not kept")
        return int((self._top >= np.float32(threshold)).sum())

    def targets(self) -> tuple[float, ...]:
        """Those of TARGETS that so many comparisons can tell."""
        return tuple(fmr for fmr in TARGETS if self.false_matches_allowed(fmr) >= FEWEST_FALSE_MATCHES)


def false_non_match_rate(mated: Scores, threshold: float) -> float:
    """The share of comparisons of the same person that do not match. Raises ValueError when there is none."""
    if not mated.size:
        raise ValueError("there is no mated comparison")
    return float((mated < np.float32(threshold)).mean())


def rank_one_rate(scores: Scores, *, own: NDArray[np.int64]) -> float:
    """How often the best reference is the right one. A tie with another person is a miss.

    `scores` is (probes, references); `own` is (probes,), the column of each probe's own person.
    """
    rows = np.arange(len(scores))
    right = scores[rows, own]
    others = scores.copy()
    others[rows, own] = -np.inf
    return float((right > others.max(axis=1)).mean())
