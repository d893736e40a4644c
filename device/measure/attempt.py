"""One attempt at a door's liveness, as the loop would see it; nothing is decided and no lock is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.camera.checks import StreamGuard
from device.config import LivenessSettings
from device.liveness.appearance import Gesture
from device.liveness.challenge import Failure
from device.liveness.light import LightCode
from device.liveness.verdict import LivenessJudge
from device.liveness.warden import asked_word
from device.loop import Vision
from device.types import Attack, BonaFide, CueReading, Frame, PadVerdict, Template, TrackId
from device.vision.template import fuse


@dataclass(frozen=True, slots=True)
class Stand:
    """Where presentations are judged: the vision of one door, its liveness, and who it knows."""

    vision: Callable[[], Vision]  # with a fresh tracker for each presentation
    liveness: LivenessSettings
    is_enrolled: Callable[[Template], bool] | None


class Attempt:
    """Looks at frames until liveness has decided. The largest face counts. One thread."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._vision = stand.vision()
        self._judges: dict[TrackId, LivenessJudge] = {}
        self._judge: LivenessJudge | None = None  # of the track that was seen last
        self._templates: list[Template] = []
        self.verdict: PadVerdict | None = None  # None: no face was followed yet
        self.is_present = False  # in the newest frame

    @property
    def is_over(self) -> bool:
        """Nothing that is shown further changes the verdict."""
        return isinstance(self.verdict, Attack | BonaFide) or (self._judge is not None and self._judge.has_failed)

    @property
    def gesture(self) -> Gesture | None:
        """What the person is asked to do now."""
        return None if self._judge is None else self._judge.gesture

    @property
    def word(self) -> str | None:
        """The door's word for what it asks now, to hold still included; None while it asks nothing."""
        return None if self._judge is None else asked_word(self._judge)

    @property
    def guard(self) -> StreamGuard | None:
        """What tells a camera's stream from another, for frames that come from a camera now."""
        return self._vision.guard

    def look(self, frame: Frame, *, guard: StreamGuard | None = None) -> None:
        """One more frame; with a `guard` also whether the stream is a camera's."""
        tracks = self._vision.tracker.follow(frame)
        fault = None if guard is None else guard.inspect(frame)
        self.is_present = bool(tracks)
        if not tracks or self.is_over:
            return
        track, image, mesh = tracks[0], frame.image, tracks[0].mesh
        judge = self._judges.setdefault(track.id, LivenessJudge(self._stand.liveness, motion=self._vision.motion))
        self._judge = judge
        if fault is not None:
            judge.note_injection(CueReading(fault.value, 1.0, 0.0))
        if self._vision.gate.judge(image, mesh).is_sufficient:
            texture = self._vision.texture
            score = None if texture is None else texture.bona_fide_score(image, track.box)
            judge.observe(image, mesh, texture_score=score)
            self._templates.append(self._vision.extractor.extract(image, mesh))
        judge.watch(image, mesh, at=frame.captured_at)
        if len(tracks) > 1:
            judge.interrupt(Failure.SECOND_FACE)
        self.verdict = judge.verdict()

    def code_to_flash(self) -> LightCode | None:
        """The code that the lamps must begin now; asked once a frame, answered once an attempt."""
        return None if self._judge is None or self.is_over else self._judge.code_to_flash()

    def begin_light(self, began_at: float) -> None:
        """The lamps flash since `began_at`, monotonic seconds."""
        if self._judge is not None:
            self._judge.begin_light(began_at)

    def is_match(self) -> bool | None:
        """Whether the fused template matches an enrolled person; None without a matcher or a usable frame."""
        if self._stand.is_enrolled is None or not self._templates:
            return None
        return self._stand.is_enrolled(fuse(self._templates, [1.0] * len(self._templates)))
