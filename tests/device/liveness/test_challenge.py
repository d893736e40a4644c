"""A challenge, frame by frame: what completes it and what ends it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import LivenessSettings
from device.liveness.appearance import Appearance, Gesture, strengths, typical
from device.liveness.challenge import Challenge, Failure, Stage, draw_sequence

SETTINGS = LivenessSettings(gestures=tuple(gesture.value for gesture in Gesture))
REST = Appearance(yaw_deg=2.0, pitch_deg=1.0, eyes=0.25, mouth=0.1, scale=50.0)
FRAME_S = 1 / 15
DONE = {
    Gesture.TURN_LEFT: replace(REST, yaw_deg=24.0),
    Gesture.TURN_RIGHT: replace(REST, yaw_deg=-20.0),
    Gesture.LOOK_UP: replace(REST, pitch_deg=14.0),
    Gesture.LOOK_DOWN: replace(REST, pitch_deg=-12.0),
    Gesture.BLINK: replace(REST, eyes=0.1),
    Gesture.OPEN_MOUTH: replace(REST, mouth=0.4),
    Gesture.COME_CLOSER: replace(REST, scale=62.0),
}


class Subject:
    """Follows the prompts, a while after each; a test may make it do something else."""

    def __init__(self, challenge: Challenge, *, reaction_s: float = 0.4) -> None:
        self.challenge = challenge
        self.reaction_s = reaction_s
        self.at = 100.0
        self._asked: tuple[Gesture | None, float] = (None, 0.0)
        self._scale = REST.scale

    def obey(self) -> Appearance:
        """What a willing person does in this frame."""
        prompt = self.challenge.prompt
        if prompt is not self._asked[0]:
            self._asked = (prompt, self.at)
        if prompt is None or self.at - self._asked[1] < self.reaction_s:
            return replace(REST, scale=self._scale)
        if prompt is Gesture.COME_CLOSER:
            self._scale = DONE[prompt].scale
        return replace(DONE[prompt], scale=self._scale)

    def play(self, act: Callable[[], Appearance] | None = None, *, frames: int = 300) -> Challenge:
        for _ in range(frames):
            self.challenge.observe((act or self.obey)(), at=self.at)
            self.at += FRAME_S
            if self.challenge.is_over:
                break
        return self.challenge


def ask(seed: int = 1, settings: LivenessSettings = SETTINGS) -> Challenge:
    return Challenge(settings, source=random.Random(seed))


def ask_for(*gestures: Gesture) -> Challenge:
    challenge = ask()
    challenge.sequence = gestures
    return challenge


@given(st.integers(0, 10_000))
def test_whoever_does_what_is_asked_completes_it(seed: int) -> None:
    challenge = Subject(ask(seed)).play()
    assert challenge.stage is Stage.COMPLETED
    assert challenge.answered == len(challenge.sequence)


def test_whoever_does_nothing_fails_in_time() -> None:
    subject = Subject(ask())
    challenge = subject.play(lambda: REST)
    assert challenge.failure is Failure.TOO_LATE
    assert subject.at - 100.0 < SETTINGS.answer_within_s + SETTINGS.challenge_pause_s + 1.0


def test_an_answer_that_comes_too_soon_is_none() -> None:
    assert Subject(ask(), reaction_s=0.0).play().failure is Failure.TOO_EARLY


def test_a_gesture_before_any_was_asked_for_is_too_early() -> None:
    challenge = ask_for(Gesture.LOOK_UP, Gesture.TURN_LEFT)
    subject = Subject(challenge)
    subject.play(lambda: REST if challenge.stage is Stage.SETTLING else DONE[Gesture.TURN_LEFT])
    assert challenge.failure is Failure.TOO_EARLY
    assert challenge.answered == 0


@pytest.mark.parametrize("other", [gesture for gesture in Gesture if gesture not in {Gesture.BLINK, Gesture.LOOK_UP}])
def test_another_gesture_than_the_one_asked_for_is_wrong(other: Gesture) -> None:
    challenge = ask_for(Gesture.LOOK_UP, Gesture.TURN_LEFT)
    subject = Subject(challenge)
    subject.play(lambda: DONE[other] if challenge.stage is Stage.PROMPT else REST)
    assert challenge.failure is Failure.WRONG


def test_people_may_blink_by_themselves() -> None:
    challenge = ask_for(Gesture.LOOK_UP, Gesture.TURN_LEFT)
    subject = Subject(challenge, reaction_s=0.6)

    def blinking() -> Appearance:
        done = subject.obey()
        return DONE[Gesture.BLINK] if done == REST and round(subject.at * 15) % 5 == 0 else done

    assert subject.play(blinking).stage is Stage.COMPLETED


def test_one_bad_mesh_is_no_gesture() -> None:
    challenge = ask_for(Gesture.LOOK_UP, Gesture.TURN_LEFT)
    subject = Subject(challenge, reaction_s=0.8)
    frames = {"bad": 0}

    def stumbling() -> Appearance:
        done = subject.obey()
        if challenge.stage is Stage.PROMPT and done == REST and not frames["bad"]:
            frames["bad"] = 1
            return DONE[Gesture.TURN_RIGHT]
        return done

    assert subject.play(stumbling).stage is Stage.COMPLETED
    assert frames["bad"] == 1


def test_whoever_never_holds_still_is_not_asked() -> None:
    challenge = ask()
    subject = Subject(challenge)
    subject.play(lambda: replace(REST, yaw_deg=10.0 * (round(subject.at * 15) % 3)))
    assert challenge.failure is Failure.RESTLESS


@pytest.mark.parametrize("why", [Failure.SECOND_FACE, Failure.FACE_CHANGED])
def test_a_second_face_or_another_one_ends_the_attempt(why: Failure) -> None:
    challenge = ask()
    Subject(challenge).play(frames=10)
    challenge.fail(why)
    assert challenge.failure is why
    assert Subject(challenge).play().stage is Stage.FAILED


def test_what_is_completed_cannot_fail_afterwards() -> None:
    challenge = Subject(ask()).play()
    challenge.fail(Failure.SECOND_FACE)
    assert challenge.stage is Stage.COMPLETED


def test_the_recording_of_one_success_is_no_success_in_another_attempt() -> None:
    """A thousand perfect recordings, each injected from its first frame on into an attempt of its own."""
    accepted = 0
    for seed in range(1000):
        first = ask(seed)
        subject = Subject(first, reaction_s=0.3 + 0.2 * (seed % 3))
        recording: list[Appearance] = []

        def acting(recording: list[Appearance] = recording, subject: Subject = subject) -> Appearance:
            recording.append(subject.obey())
            return recording[-1]

        subject.play(acting)
        assert first.stage is Stage.COMPLETED
        frames = iter([*recording, *[recording[-1]] * 60])
        accepted += (
            Subject(ask(seed + 1_000_000)).play(lambda frames=frames: next(frames), frames=len(recording) + 60).stage
            is Stage.COMPLETED
        )
    assert accepted == 0


@given(st.integers(0, 10_000), st.integers(2, 8))
def test_no_gesture_follows_itself_and_nobody_comes_closer_twice(seed: int, length: int) -> None:
    settings = msgspec.structs.replace(SETTINGS, challenge_length=length)
    drawn = draw_sequence(settings, random.Random(seed))
    assert len(drawn) == length
    assert all(a is not b for a, b in pairwise(drawn))
    assert drawn.count(Gesture.COME_CLOSER) <= 1


def test_every_gesture_is_drawn_about_equally_often() -> None:
    source = random.Random(5)
    first = [draw_sequence(SETTINGS, source)[0] for _ in range(7000)]
    assert all(800 < first.count(gesture) < 1200 for gesture in Gesture)


@pytest.mark.parametrize("gesture", Gesture)
def test_each_gesture_is_the_strongest_when_it_is_done(gesture: Gesture) -> None:
    found = strengths(REST, DONE[gesture], SETTINGS)
    assert found[gesture] >= 1.0
    assert max(found, key=lambda one: found[one]) is gesture


@pytest.mark.parametrize(
    ("key", "factor", "gesture"),
    [
        ("min_turn_deg", 2.0, Gesture.TURN_LEFT),
        ("min_nod_deg", 2.0, Gesture.LOOK_UP),
        ("min_eye_closure", 3.0, Gesture.BLINK),
        ("min_mouth_opening", 4.0, Gesture.OPEN_MOUTH),
        ("min_approach", 2.0, Gesture.COME_CLOSER),
    ],
)
def test_each_configured_bound_of_a_gesture_counts(key: str, factor: float, gesture: Gesture) -> None:
    stricter = msgspec.structs.replace(SETTINGS, **{key: getattr(SETTINGS, key) * factor})
    for settings, stage in ((SETTINGS, Stage.COMPLETED), (stricter, Stage.FAILED)):
        challenge = ask(settings=settings)
        challenge.sequence = (gesture,)
        assert Subject(challenge).play().stage is stage


@pytest.mark.parametrize(("key", "value"), [("min_reaction_s", 0.9), ("answer_within_s", 0.3), ("challenge_length", 8)])
def test_each_configured_bound_of_an_attempt_counts(key: str, value: float) -> None:
    challenge = Subject(ask(settings=msgspec.structs.replace(SETTINGS, **{key: value}))).play()
    assert (challenge.stage, challenge.answered) != (Stage.COMPLETED, SETTINGS.challenge_length)


def test_the_neutral_face_is_the_median_and_needs_a_frame() -> None:
    assert typical([REST, REST, DONE[Gesture.TURN_LEFT]]) == REST
    with pytest.raises(ValueError, match="at least one"):
        typical([])
