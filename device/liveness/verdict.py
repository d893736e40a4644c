"""The judge: gathers the cues of one track, runs the challenge and the lamps' code, and says what the table says."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from device.config import LivenessSettings
from device.liveness.appearance import Gesture, appearance_of
from device.liveness.challenge import SECURE, Challenge, Failure, Stage
from device.liveness.light import LightCode, LightEcho, LightReading, draw_code, judge_light, read_light
from device.liveness.solidity import Motion, Solidity
from device.liveness.table import Answered, Findings, Skin, weigh
from device.types import Attack, CueReading, Image, Mesh, MissingCue, NotChecked, PadVerdict, Undecided

TEXTURE_WINDOW = 30  # usable frames; two seconds at 15 a second


class MotionCue(Protocol):
    """What tells heads from sheets by how they move."""

    @property
    def motion(self) -> Motion:
        """What is known so far."""
        ...

    def observe(self, image: Image, mesh: Mesh) -> None:
        """One more frame of the track."""
        ...


class LivenessJudge:
    """One track's liveness. An attack sticks: nothing that the track shows later undoes it.

    `observe` takes the usable frames, `watch` every frame, also those in which the head is turned too far to be
    compared: a challenge asks for exactly that.
    """

    def __init__(
        self,
        settings: LivenessSettings,
        *,
        motion: Callable[[], MotionCue] = Solidity,
        source: random.Random = SECURE,
    ) -> None:
        self._settings = settings
        self._source = source
        self._make_motion = motion
        self._attack: Attack | None = None
        self._injected: CueReading | None = None
        self._motion = motion()
        self._texture_scores: deque[float] = deque(maxlen=TEXTURE_WINDOW)
        self._frames = 0
        self._first_at: float | None = None
        self.challenge: Challenge | None = None
        self._light = LightSession(settings, source)

    @property
    def mode(self) -> str:
        """The configured mode, for the audit."""
        return self._settings.mode

    @property
    def gesture(self) -> Gesture | None:
        """What the person is asked to do now."""
        return None if self.challenge is None else self.challenge.prompt

    @property
    def is_asking(self) -> bool:
        """A challenge or a code is under way: the person must not be denied for being slow in the meantime."""
        return (self.challenge is not None and not self.challenge.is_over) or self._light.is_running

    @property
    def has_failed(self) -> bool:
        """The attempt at the challenge ended without success, so this visit cannot become bona fide by it."""
        return self.challenge is not None and self.challenge.stage is Stage.FAILED

    def observe(self, image: Image, mesh: Mesh, *, texture_score: float | None) -> None:
        """One usable frame with its texture score in [0, 1], or None without a texture network."""
        self._frames += 1
        self._motion.observe(image, mesh)
        if texture_score is not None:
            self._texture_scores.append(texture_score)

    def watch(self, image: Image, mesh: Mesh, *, at: float) -> None:
        """Any frame of the track, captured `at` monotonic seconds: what a challenge and the lamps need."""
        self._first_at = at if self._first_at is None else self._first_at
        if self._is_challenge_due(at):
            self.challenge = Challenge(self._settings, source=self._source)
        if self.challenge is not None and not self.challenge.is_over:
            self.challenge.observe(appearance_of(mesh), at=at)
        self._light.watch(image, mesh, at=at)

    def interrupt(self, why: Failure) -> None:
        """A second face, or a track that was lost: the attempt ends."""
        if self.challenge is not None:
            self.challenge.fail(why)

    def code_to_flash(self) -> LightCode | None:
        """The code that must start now; asked once a frame, answered once an attempt."""
        if self._settings.mode != "light" or self._frames < self._settings.min_frames:
            return None
        return self._light.draw()

    def begin_light(self, began_at: float) -> None:
        """The door says that the code began at `began_at`."""
        self._light.begin(began_at)

    def note_injection(self, reading: CueReading) -> None:
        """The stream behind this track is not what a camera delivers."""
        self._injected = reading

    def begin_anew(self) -> None:
        """A further visit of the same track: everything has to be earned again, and only an attack stays."""
        self._motion = self._make_motion()
        self._texture_scores.clear()
        self._frames, self._first_at, self.challenge = 0, None, None
        self._light = LightSession(self._settings, self._source)

    def verdict(self) -> PadVerdict:
        """What the cues amount to so far."""
        if self._settings.mode == "off":
            return NotChecked()
        if self._attack is not None:
            return self._attack
        found = weigh(self.findings(), self._settings, self._cues())
        if isinstance(found, Attack):
            self._attack = found
        return found

    def findings(self) -> Findings:
        """What each cue says, as the table reads it."""
        is_complete = self.challenge is not None and self.challenge.stage is Stage.COMPLETED
        return Findings(
            frames=self._frames,
            is_injected=self._injected is not None,
            shape=self._motion.motion.shape(self._settings),
            skin=self._skin(),
            challenge=Answered.ALL if is_complete else Answered.NOT_YET,
            light=None if self._light.echo is None else self._light.echo.answer,
        )

    def _is_challenge_due(self, at: float) -> bool:
        if self.challenge is not None or self._frames < self._settings.min_frames or self._first_at is None:
            return False
        if self._settings.mode not in {"cooperative", "challenge"}:
            return False
        found = self.verdict()
        if not isinstance(found, Undecided):
            return False
        is_all_that_helps = MissingCue.CHALLENGE in found.missing
        return is_all_that_helps or at - self._first_at >= self._settings.challenge_after_s

    def _skin(self) -> Skin:
        if not self._texture_scores:
            return Skin.UNSEEN
        score, spread = self._texture()
        if score <= self._settings.max_attack_texture_score:
            return Skin.FAKE
        if score >= self._settings.min_texture_score and spread <= self._settings.max_texture_spread:
            return Skin.LIVE
        return Skin.UNSURE  # also when a score is not a number

    def _texture(self) -> tuple[float, float]:
        """Mean and standard deviation over the window; not a number when one score is none."""
        return float(np.mean(self._texture_scores)), float(np.std(self._texture_scores))

    def _cues(self) -> tuple[CueReading, ...]:
        settings, moved = self._settings, self._motion.motion
        readings = [
            CueReading("motion.change", moved.change, settings.min_change),
            CueReading("motion.depth", moved.depth, settings.min_depth),
            CueReading("motion.solidity", moved.solidity, settings.min_solidity),
            CueReading("motion.remainder", moved.remainder, settings.max_flat_remainder),
        ]
        if self._texture_scores:
            score, spread = self._texture()
            readings += [
                CueReading("texture.score", score, settings.min_texture_score),
                CueReading("texture.spread", spread, settings.max_texture_spread),
            ]
        if self.challenge is not None:
            readings.append(CueReading("challenge.answered", self.challenge.answered, len(self.challenge.sequence)))
            if self.challenge.failure is not None:
                readings.append(CueReading(f"challenge.{self.challenge.failure.value}", 1.0, 0.0))
        if self._light.echo is not None:
            readings += echo_readings(self._light.echo, settings)
        return tuple(readings if self._injected is None else [*readings, self._injected])


class LightSession:
    """One run of the lamps' code over one track."""

    def __init__(self, settings: LivenessSettings, source: random.Random) -> None:
        self._settings = settings
        self._source = source
        self._code: LightCode | None = None
        self._began_at: float | None = None
        self._readings: list[LightReading] = []
        self.echo: LightEcho | None = None

    @property
    def is_running(self) -> bool:
        """The lamps flash and the answer is not complete."""
        return self._began_at is not None and self.echo is None

    def draw(self) -> LightCode | None:
        """A fresh code, the first time; None afterwards."""
        if self._code is not None:
            return None
        self._code = draw_code(self._settings, self._source)
        return self._code

    def begin(self, began_at: float) -> None:
        """The lamps flash since `began_at`."""
        self._began_at = began_at

    def watch(self, image: Image, mesh: Mesh, *, at: float) -> None:
        """One frame; the last one needed completes the answer."""
        if self._code is None or self._began_at is None or self.echo is not None:
            return
        self._readings.append(read_light(image, mesh, at=at))
        if at >= self._began_at + self._code.duration_s + self._code.step_s:
            self.echo = judge_light(self._code, self._readings, began_at=self._began_at, settings=self._settings)


def echo_readings(echo: LightEcho, settings: LivenessSettings) -> list[CueReading]:
    """The lamps' echo for the audit."""
    return [
        CueReading("light.response", echo.response, settings.min_light_response),
        CueReading("light.certainty", echo.certainty, settings.min_light_certainty),
        CueReading("light.shape", echo.shape, settings.min_light_shape),
        CueReading("light.relief", echo.relief, settings.min_light_relief),
    ]
