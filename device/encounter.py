"""One visit: everything that one face has shown since it was last decided."""

from __future__ import annotations

from collections import Counter

from device.config import RecognitionSettings
from device.liveness.verdict import LivenessJudge
from device.types import Frame, PadVerdict, Quality, QualityIssue, Template
from device.vision.template import fuse
from device.vision.track import Track


class Encounter:
    """Gathers the usable frames of one track until they suffice for a decision.

    Templates are fused over all usable frames, not over a sliding window: an impostor who tries for long gets one
    ever better measurement of his own face instead of many independent chances.
    """

    def __init__(self, track: Track, judge: LivenessJudge, settings: RecognitionSettings) -> None:
        self.track = track  # where the face was last seen usably
        self.judge = judge
        self._settings = settings
        self._templates: list[Template] = []
        self._weights: list[float] = []
        self._issues: Counter[QualityIssue] = Counter()
        self.first_usable_at: float | None = None  # monotonic seconds
        self.newest: Frame | None = None  # the newest usable frame
        self.quality: Quality | None = None  # of that frame

    @property
    def frames(self) -> int:
        """How many usable frames there are."""
        return len(self._templates)

    @property
    def newest_at(self) -> float:
        """Capture time of the newest usable frame, monotonic seconds; 0 before the first."""
        return 0.0 if self.newest is None else self.newest.captured_at

    @property
    def is_ready(self) -> bool:
        """Enough usable frames to decide."""
        return self.frames >= self._settings.min_frames

    @property
    def is_exhausted(self) -> bool:
        """What is undecided now is a denial: a challenge failed, or the person was kept waiting long enough.

        While a challenge or a light code is under way the person is not denied for taking the time it takes.
        """
        if self.judge.has_failed:
            return True
        return self.frames >= self._settings.max_frames and not self.judge.is_asking

    @property
    def main_issue(self) -> QualityIssue | None:
        """The objection heard most often so far, to tell the person what to do."""
        return self._issues.most_common(1)[0][0] if self._issues else None

    def reject(self, quality: Quality) -> None:
        """Count a frame that the quality gates object to; it is not compared."""
        self._issues.update(quality.issues)

    def is_constant(self, template: Template) -> bool:
        """Whether `template` looks like the frames before it: a face swapped within one track does not."""
        if not self._templates:
            return True
        return float(self.probe().vector @ template.vector) >= self._settings.min_constancy

    def admit(
        self, frame: Frame, track: Track, *, quality: Quality, template: Template, texture_score: float | None
    ) -> None:
        """Add one usable frame and what was measured on it."""
        self._templates.append(template)
        self._weights.append(quality.weight)
        self.judge.observe(frame.image, track.mesh, texture_score=texture_score)
        self.track, self.newest, self.quality = track, frame, quality
        if self.first_usable_at is None:
            self.first_usable_at = frame.captured_at

    def probe(self) -> Template:
        """The fused template. Raises ValueError before the first usable frame."""
        return fuse(self._templates, self._weights)

    def verdict(self) -> PadVerdict:
        """What liveness says so far."""
        return self.judge.verdict()
