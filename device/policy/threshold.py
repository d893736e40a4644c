"""The threshold: chosen from a stated goal, the gallery's size and what was measured of the model, never by hand.

A search compares a probe with N references. If each comparison matches a stranger with probability FMR, the search does
with FPIR = 1 - (1 - FMR)^N (ISO/IEC 19795-1, on estimating identification from verification error rates), which takes
comparisons as independent and so errs on the safe side for several references of one person.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from device.errors import TargetUnreachableError
from device.types import ModelId, Threshold


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One measured point of a model: the share of non-mated comparisons that reach a score."""

    fmr: float  # (0, 1)
    threshold: float  # comparison score


@dataclass(frozen=True, slots=True)
class ThresholdPolicy:
    """How thresholds are chosen for one model and one goal.

    Raises TargetUnreachableError for a model without measured operating points, or without any as strict as `max_fmr`,
    and ValueError for points that are out of range or where a lower FMR does not need a higher score.
    """

    model_id: ModelId
    points: tuple[OperatingPoint, ...]  # in any order; kept from the highest FMR to the lowest
    target_fpir: float  # (0, 1): of all strangers who are searched, the share that may match anybody
    max_fmr: float = 1.0  # (0, 1]: no comparison is more lenient than this, however small the gallery

    def __post_init__(self) -> None:
        if not self.points:
            raise TargetUnreachableError(f"{self.model_id} has no measured operating points, so no threshold is known")
        if not 0.0 < self.target_fpir < 1.0:
            raise ValueError(f"target_fpir must lie between 0 and 1, got {self.target_fpir}")
        if not 0.0 < self.max_fmr <= 1.0:
            raise ValueError(f"max_fmr must lie in (0, 1], got {self.max_fmr}")
        ordered = tuple(sorted(self.points, key=lambda point: -point.fmr))
        for point in ordered:
            if not (0.0 < point.fmr < 1.0 and math.isfinite(point.threshold)):
                raise ValueError(f"{self.model_id}: not an operating point: {point}")
        for higher, lower in itertools.pairwise(ordered):
            if not (lower.fmr < higher.fmr and lower.threshold > higher.threshold):
                raise ValueError(f"{self.model_id}: operating points contradict each other: {higher}, {lower}")
        if self.max_fmr < ordered[-1].fmr:
            raise TargetUnreachableError(
                f"{self.model_id} was measured down to an FMR of {ordered[-1].fmr:g}, so max_fmr {self.max_fmr:g} "
                "cannot be promised; choose another model or a higher max_fmr"
            )
        object.__setattr__(self, "points", ordered)

    @property
    def largest_gallery(self) -> int:
        """How many references a gallery may hold for the goal to be met; 0 when the model cannot meet it at all."""
        largest = int(math.log1p(-self.target_fpir) / math.log1p(-self.points[-1].fmr))
        return largest + 1 if self.needed_fmr(largest + 1) >= self.points[-1].fmr else largest  # rounding

    def needed_fmr(self, gallery_size: int) -> float:
        """The FMR at which a search among `gallery_size` references meets the goal: 1 - (1 - FPIR)^(1/N)."""
        return -math.expm1(math.log1p(-self.target_fpir) / max(1, gallery_size))

    def choose(self, gallery_size: int) -> Threshold:
        """The threshold for a search among `gallery_size` references, 0 or more.

        Between measured points the score is interpolated linearly over log FMR. Above the highest measured FMR the
        score of that point is taken, which is stricter than the goal. Below the lowest nothing is known: raises
        TargetUnreachableError naming the largest gallery that the model can serve.
        """
        fmr = min(self.needed_fmr(gallery_size), self.max_fmr)
        if fmr < self.points[-1].fmr:
            raise TargetUnreachableError(
                f"{self.model_id} cannot meet target_fpir {self.target_fpir:g} among {gallery_size} references: it can "
                f"serve {self.largest_gallery} at most; remove people, or choose another model or target"
            )
        if fmr >= self.points[0].fmr:
            return Threshold(self.points[0].threshold, self.points[0].fmr, self.model_id)
        for higher, lower in itertools.pairwise(self.points):
            if fmr >= lower.fmr:
                share = math.log(higher.fmr / fmr) / math.log(higher.fmr / lower.fmr)
                score = higher.threshold + share * (lower.threshold - higher.threshold)
                return Threshold(score, fmr, self.model_id)
        raise AssertionError("unreachable: the lowest point bounds the loop")
