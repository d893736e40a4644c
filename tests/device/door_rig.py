"""The real loop, tracker, gates, liveness and rules, on fakes of the networks and of the world around them."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import msgspec
from builders import make_face, make_frame, make_image, make_match, make_mesh, make_person
from fakes import (
    FakeAudit,
    FakeDetector,
    FakeDoor,
    FakeExtractor,
    FakeFitter,
    FakeGallery,
    FakeKeypad,
    FakeMotion,
    FakePins,
    FakeTexture,
)

from device.app import earliest_time
from device.camera.checks import StreamGuard
from device.clock import FakeClock
from device.config import Settings
from device.liveness.solidity import Motion
from device.loop import Decided, DoorLoop, Surroundings, Vision
from device.policy.decide import Policy, decide
from device.policy.rules import Rule, RuleSettings, door_rules
from device.second_factor import Inquiry, NoInquiry
from device.stopwatch import Stopwatch
from device.types import Face, Mesh
from device.vision.mesh import face_box
from device.vision.quality import QualityGate
from device.vision.track import FaceTracker

FRAME_S = 1 / 15
NO_MOTION = Motion(depth=0.0, change=0.0, solidity=0.0, remainder=1.0)
IMAGE = make_image()
SETTINGS = Settings()


class DoorRig:
    """One enrolled person stands before the door, frontal and live, until a test changes that."""

    def __init__(
        self,
        *,
        texture: FakeTexture | None = None,
        audit: FakeAudit | None = None,
        motion: Motion | None = None,
        guard: StreamGuard | None = None,
        pins: FakePins | None = None,
        **settings: dict[str, object],
    ) -> None:
        """With `pins` there is a keypad, and its worker looks once a frame.

        `settings` are changes by section, such as recognition={"min_frames": 3}.
        """
        self.settings = msgspec.structs.replace(
            SETTINGS,
            **{name: msgspec.structs.replace(getattr(SETTINGS, name), **keys) for name, keys in settings.items()},
        )
        self.clock = FakeClock()
        self.mesh: Mesh | None = make_mesh()
        self.detector, self.fitter, self.extractor = FakeDetector(), FakeFitter(self._fit), FakeExtractor()
        self.texture = texture
        self.guard = guard
        self.motion = NO_MOTION if motion is None else motion
        self.gallery = FakeGallery(make_match(), make_person())
        self.audit = FakeAudit() if audit is None else audit
        self.door = FakeDoor(self.audit)
        self.keypad, self.pins = FakeKeypad(self.clock), pins
        self.inquiry = None if pins is None else self._inquiry(pins)
        self.stopwatch = Stopwatch()
        self.clock_is_trusted = True
        self.loop = self._build()

    def _build(self) -> DoorLoop:
        tracker = FaceTracker(self.detector, self.fitter, self.settings.detection, self.stopwatch)
        gate = QualityGate(self.settings.quality)
        return DoorLoop(
            Vision(
                tracker, gate, self.extractor, self.texture, motion=lambda: FakeMotion(self.motion), guard=self.guard
            ),
            Surroundings(
                gallery=self.gallery,
                decide=partial(decide, policy=Policy(self._rules(), self.settings.door.release_for_s)),
                audit=self.audit,
                door=self.door,
                clock=self.clock,
                clock_is_trusted=lambda: self.clock_is_trusted,
                inquiry=self.inquiry or NoInquiry(),
            ),
            recognition=self.settings.recognition,
            liveness=self.settings.liveness,
            stopwatch=self.stopwatch,
        )

    def _rules(self) -> tuple[Rule, ...]:
        recognition, policy = self.settings.recognition, self.settings.policy
        return door_rules(
            RuleSettings(
                freshness_s=policy.freshness_s,
                min_margin=recognition.min_margin,
                min_frames=recognition.min_frames,
                clock_must_be_after=earliest_time(policy),
                second_factor_groups=policy.second_factor_groups,
            )
        )

    def _inquiry(self, pins: FakePins) -> Inquiry:
        within_s = self.settings.policy.second_factor_within_s
        return Inquiry(self.keypad, lambda: nullcontext(pins), door=self.door, clock=self.clock, within_s=within_s)

    def show(self, frames: int = 1, *, lag_s: float = 0.0) -> list[Decided]:
        """So many further frames, each `lag_s` old when the loop gets it; what was decided on them."""
        decided = []
        for _ in range(frames):
            self.clock.advance(FRAME_S)
            self.detector.faces = [] if self.mesh is None else [make_face(face_box(self.mesh))]
            if self.inquiry is not None:
                self.inquiry.poll()
            decided += self.loop.observe(make_frame(at=self.clock.monotonic() - lag_s, image=IMAGE))
        return decided

    def pass_by(self, seconds: float) -> list[Decided]:
        """As many frames as a camera takes in that time."""
        return self.show(round(seconds / FRAME_S))

    def _fit(self, start: Face | Mesh) -> Mesh:
        if self.mesh is None:
            return Mesh(start.points, 0.0) if isinstance(start, Mesh) else make_mesh(presence=0.0)
        return self.mesh
