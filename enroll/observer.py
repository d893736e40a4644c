"""The observer: turns frames into findings with the door's own stages, liveness included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device.bystander import NoDoor
from device.config import LivenessSettings
from device.ports import Lamps
from device.types import BonaFide, Frame, Template, TrackId
from enroll.session import Finding

if TYPE_CHECKING:
    from device.liveness.verdict import LivenessJudge
    from device.loop import Vision
    from device.vision.track import Track

REST_S = 5.0  # after a failed challenge, before the next: whatever moves like a sheet shows it in the meantime
ATTEMPTS = 3  # at a challenge; then it stays undecided


class Observer:
    """Looks at one camera for one session. One thread."""

    def __init__(self, vision: Vision, liveness: LivenessSettings, *, lamps: Lamps | None) -> None:
        from device.liveness.warden import Warden

        self._vision = vision
        self._warden = Warden(liveness, motion=vision.motion, door=NoDoor(), lamps=lamps)
        self._track: TrackId | None = None
        self._judge: LivenessJudge | None = None
        self._templates: list[Template] = []
        self._weights: list[float] = []
        self._failures = 0
        self._failed_at: float | None = None
        self._usable: tuple[Frame, Track] | None = None  # the newest

    def begin_visit(self) -> None:
        """Everything has to be earned again, as by somebody who walks up to the door; an attack sticks."""
        self._track, self._failures, self._failed_at = None, 0, None

    def probe(self) -> Template:
        """The fused template of this visit. Raises ValueError before its first usable frame."""
        from device.vision.template import fuse

        return fuse(self._templates, self._weights)

    def keepsake(self) -> bytes:
        """A reference photo cut from the newest usable frame. Raises ValueError when there is none."""
        from device.vision.keepsake import make_keepsake

        if self._usable is None:
            raise ValueError("nobody was seen")
        frame, track = self._usable
        return make_keepsake(frame.image, track.mesh)

    def look(self, frame: Frame, *, may_ask: bool) -> Finding:
        """What `frame` shows; `may_ask` lets liveness ask for gestures. Raises ModelError when a network fails."""
        tracks = self._vision.tracker.follow(frame)
        self._warden.leave_out({track.id for track in tracks})
        fault = None if self._vision.guard is None else self._vision.guard.inspect(frame)
        if not tracks:
            self._track = None
            return Finding(at=frame.captured_at)
        judge = self._judge_of(tracks[0])
        if fault is not None:
            self._warden.note_stream(fault, tracks)
        return self._judged(frame, tracks, judge, may_ask=may_ask)

    def _judge_of(self, track: Track) -> LivenessJudge:
        if self._judge is None or track.id != self._track:
            self._track, self._judge = track.id, self._warden.judge_of(track.id)
            self._templates, self._weights, self._failed_at = [], [], None
        return self._judge

    def _judged(self, frame: Frame, tracks: list[Track], judge: LivenessJudge, *, may_ask: bool) -> Finding:
        from device.vision.enrolment import BYSTANDER

        track = tracks[0]
        faces = sum(other.box.area >= BYSTANDER * track.box.area for other in tracks)
        quality = self._vision.gate.judge(frame.image, track.mesh)
        template = None
        if quality.is_sufficient and faces == 1:
            template = self._vision.extractor.extract(frame.image, track.mesh)
            texture = self._vision.texture
            score = None if texture is None else texture.bona_fide_score(frame.image, track.box)
            judge.observe(frame.image, track.mesh, texture_score=score)
            self._templates.append(template)
            self._weights.append(quality.weight)
            self._usable = (frame, track)
        if may_ask:
            self._warden.watch(frame, track, faces=faces)
        pad = judge.verdict()
        if judge.has_failed and not isinstance(pad, BonaFide):
            self._try_again(judge, at=frame.captured_at)
        return Finding(
            at=frame.captured_at,
            faces=faces,
            track=track.id,
            quality=quality,
            template=template,
            pad=pad,
            prompt=None if judge.gesture is None else judge.gesture.value,
            is_asking=judge.is_asking,
            is_hopeless=self._failures >= ATTEMPTS,
            frames=len(self._templates),
        )

    def _try_again(self, judge: LivenessJudge, *, at: float) -> None:
        """Count a failed challenge once, and let the person try again after a rest."""
        if self._failed_at is None:
            self._failures, self._failed_at = self._failures + 1, at
        elif at - self._failed_at >= REST_S:
            self._failed_at = None
            judge.challenge = None  # what motion and texture have seen of this track stays
