"""The trial: searching everyone and the newcomer together, before the newcomer is written down."""

from __future__ import annotations

from collections.abc import Sequence

from device.collection.gallery import NO_OTHER_PERSON_MARGIN
from device.collection.people import Reference
from device.policy.threshold import ThresholdPolicy
from device.ports import Gallery
from device.types import Match, NonMatch, SearchOutcome, Template
from enroll.pose_grid import score_of
from enroll.session import CANDIDATE


class Trial:
    """A gallery as it would be with the newcomer in it. Nothing is stored."""

    def __init__(self, gallery: Gallery, references: Sequence[Reference], *, thresholds: ThresholdPolicy) -> None:
        self._gallery = gallery
        self._references = tuple(references)
        self._thresholds = thresholds

    def search(self, probe: Template, *, enrolled: int) -> SearchOutcome:
        """Compare `probe` with the newcomer and with everyone, at the threshold for all of their references.

        `enrolled` is how many references the gallery holds. Raises TargetUnreachableError when the goal could not be
        met with the newcomer, CollectionError's leaves when the file fails.
        """
        threshold = self._thresholds.choose(enrolled + len(self._references))
        own = max(score_of(reference.template, probe) for reference in self._references)
        everyone = self._gallery.search(probe)
        other = everyone.score if isinstance(everyone, Match) else everyone.best_score
        if other is not None and other >= own:
            return everyone
        if own < threshold.score:
            return NonMatch(own, threshold)
        return Match(CANDIDATE, own, NO_OTHER_PERSON_MARGIN if other is None else own - other, threshold)
