"""The challenge: a random sequence of gestures, each asked for at a random moment and answered in its own time.

What it stops: recordings, however good, because the sequence and its moments are drawn from a secure source while the
person stands there, and nothing earlier tells what comes. What it cannot: a live person in a mask, and a face that is
re-enacted in real time on a screen; coded light and texture are there for those.

Pure: it is told what is seen and when, and says what to ask for. One challenge serves one attempt of one track.
"""

from __future__ import annotations

import random
import secrets
from collections import deque
from enum import StrEnum

from device.config import LivenessSettings
from device.liveness.appearance import Appearance, Gesture, strengths, typical

NEUTRAL_FRAMES = 5  # the newest steady ones make the neutral face
STEADY_DEG = 6.0  # they may differ by this much
STEADY_SCALE = 0.06
SETTLE_WITHIN_S = 4.0  # a person who does not hold still for a moment is not asked
HELD_FRAMES = 2  # a gesture counts from the second frame on: one bad mesh is none
BLINK_FRAMES = 3  # people blink by themselves for less
STARTED = 0.75  # from this strength on a gesture has begun, so it was not waiting to be asked for

SECURE = secrets.SystemRandom()


class Failure(StrEnum):
    """Why an attempt ended without success. Stable words of the audit."""

    TOO_EARLY = "too_early"  # answered before, or too soon after, the prompt
    TOO_LATE = "too_late"
    WRONG = "wrong"  # another gesture than the one asked for
    RESTLESS = "restless"  # never held still enough to see the neutral face
    SECOND_FACE = "second_face"
    FACE_CHANGED = "face_changed"  # lost, or another person's


class Stage(StrEnum):
    """Where an attempt stands."""

    SETTLING = "settling"  # the person is asked to hold still
    PAUSE = "pause"  # nothing is asked for
    PROMPT = "prompt"  # a gesture is asked for
    COMPLETED = "completed"
    FAILED = "failed"


class Challenge:
    """One attempt. Feed it every frame of its track with `observe`; show what `prompt` says."""

    def __init__(self, settings: LivenessSettings, *, source: random.Random = SECURE) -> None:
        self._settings = settings
        self._source = source
        self.sequence = draw_sequence(settings, source)  # never shown before its time
        self.stage = Stage.SETTLING
        self.failure: Failure | None = None
        self.answered = 0
        self._recent: deque[Appearance] = deque(maxlen=NEUTRAL_FRAMES)
        self._neutral: Appearance | None = None
        self._began_at: float | None = None
        self._stage_until = 0.0
        self._asked_at = 0.0
        self._held: tuple[Gesture | None, int] = (None, 0)

    @property
    def prompt(self) -> Gesture | None:
        """What the person is asked for now; None: nothing, or to hold still."""
        return self.sequence[self.answered] if self.stage is Stage.PROMPT else None

    @property
    def is_over(self) -> bool:
        return self.stage in {Stage.COMPLETED, Stage.FAILED}

    def fail(self, why: Failure) -> None:
        """End the attempt from outside: a second face, a lost track, another template. Harmless once it is over."""
        if not self.is_over:
            self.stage, self.failure = Stage.FAILED, why

    def observe(self, seen: Appearance, *, at: float) -> None:
        """One frame of the track, captured `at` monotonic seconds; they must advance."""
        if self._began_at is None:
            self._began_at = at
        if self.stage is Stage.SETTLING:
            self._settle(seen, at)
        elif self.stage is Stage.PAUSE:
            self._wait(seen, at)
        elif self.stage is Stage.PROMPT:
            self._await_answer(seen, at)

    def _settle(self, seen: Appearance, at: float) -> None:
        self._recent.append(seen)
        if len(self._recent) == NEUTRAL_FRAMES and _is_steady(self._recent):
            self._neutral = typical(self._recent)
            self._pause(at)
        elif self._began_at is not None and at - self._began_at > SETTLE_WITHIN_S:
            self.fail(Failure.RESTLESS)

    def _pause(self, at: float) -> None:
        longest = self._settings.challenge_pause_s
        self.stage, self._stage_until = Stage.PAUSE, at + self._source.uniform(0.2 * longest, longest)
        self._held = (None, 0)

    def _wait(self, seen: Appearance, at: float) -> None:
        """Between prompts: whoever begins a gesture now is not answering."""
        shown = self._shown(seen)
        if shown is not None and shown is not self._previous:
            self.fail(Failure.TOO_EARLY)
        elif at >= self._stage_until:
            is_begun = self._strengths(seen)[self.sequence[self.answered]] >= STARTED
            if is_begun and self.sequence[self.answered] is not Gesture.BLINK:
                self.fail(Failure.TOO_EARLY)  # a gesture under way before it was asked for is no answer
                return
            self.stage, self._asked_at, self._held = Stage.PROMPT, at, (None, 0)

    def _await_answer(self, seen: Appearance, at: float) -> None:
        wanted, waited_s = self.sequence[self.answered], at - self._asked_at
        shown = self._shown(seen)
        if shown is wanted:
            if waited_s < self._settings.min_reaction_s:
                self.fail(Failure.TOO_EARLY)
            elif waited_s > self._settings.answer_within_s:
                self.fail(Failure.TOO_LATE)
            else:
                self._accept(wanted, seen, at)
        elif shown is not None and shown is not self._previous:
            self.fail(Failure.WRONG)
        elif not waited_s <= self._settings.answer_within_s:
            self.fail(Failure.TOO_LATE)

    def _accept(self, answered: Gesture, seen: Appearance, at: float) -> None:
        if answered is Gesture.COME_CLOSER and self._neutral is not None:  # the person stays there
            before = self._neutral
            self._neutral = Appearance(before.yaw_deg, before.pitch_deg, before.eyes, before.mouth, seen.scale)
        self.answered += 1
        if self.answered == len(self.sequence):
            self.stage = Stage.COMPLETED
            return
        self._pause(at)

    @property
    def _previous(self) -> Gesture | None:
        """The gesture that was answered last: the person may still be coming back from it."""
        return self.sequence[self.answered - 1] if self.answered else None

    def _strengths(self, seen: Appearance) -> dict[Gesture, float]:
        assert self._neutral is not None  # noqa: S101 (set before the first pause)
        return strengths(self._neutral, seen, self._settings)

    def _shown(self, seen: Appearance) -> Gesture | None:
        """The gesture that is held clearly, by at least two frames. A blink speaks only where one was asked for."""
        found = self._strengths(seen)
        wanted = self.prompt
        if wanted is not Gesture.BLINK:
            del found[Gesture.BLINK]
        strongest = max(found, key=lambda gesture: found[gesture])
        if wanted is not None and found[wanted] >= 1.0 and found[strongest] < 2.0 * found[wanted]:
            strongest = wanted
        now = strongest if found[strongest] >= 1.0 else None
        self._held = (now, self._held[1] + 1 if now is self._held[0] else 1)
        needed = BLINK_FRAMES if now is Gesture.BLINK else HELD_FRAMES
        return now if self._held[1] >= needed else None


def draw_sequence(settings: LivenessSettings, source: random.Random) -> tuple[Gesture, ...]:
    """A random sequence in which no gesture follows itself and nobody comes closer twice."""
    choices = [Gesture(name) for name in settings.gestures]
    drawn: list[Gesture] = []
    for _ in range(settings.challenge_length):
        allowed = [
            gesture
            for gesture in choices
            if gesture not in drawn[-1:] and not (gesture is Gesture.COME_CLOSER and gesture in drawn)
        ]
        drawn.append(source.choice(allowed))
    return tuple(drawn)


def _is_steady(seen: deque[Appearance]) -> bool:
    yaws, pitches, scales = zip(*((one.yaw_deg, one.pitch_deg, one.scale) for one in seen), strict=True)
    turned = max(max(yaws) - min(yaws), max(pitches) - min(pitches))
    return bool(turned <= STEADY_DEG and max(scales) <= (1.0 + STEADY_SCALE) * min(scales))
