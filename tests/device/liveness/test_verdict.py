"""The table of the verdict, row by row."""

from __future__ import annotations

import math

import msgspec
import pytest
from builders import make_image, make_mesh
from fakes import FakeMotion
from hypothesis import given
from hypothesis import strategies as st

from device.config import LivenessSettings
from device.liveness.solidity import Motion
from device.liveness.verdict import LivenessJudge
from device.types import Attack, AttackReason, BonaFide, CueReading, MissingCue, NotChecked, Undecided

SETTINGS = LivenessSettings(mode="passive")
COOPERATIVE = LivenessSettings()
MANY = 40
IMAGE, MESH = make_image(), make_mesh()
MOTION = ["motion.change", "motion.depth", "motion.solidity", "motion.remainder"]


TURNING = Motion(depth=0.06, change=0.05, solidity=0.35, remainder=0.5)
STILL = Motion(depth=0.005, change=0.0, solidity=0.0, remainder=1.0)
WAVED = Motion(depth=0.01, change=0.05, solidity=0.05, remainder=0.2)  # a change that a sheet explains


def judge(
    motion: Motion,
    texture: float | list[float | None] | None,
    settings: LivenessSettings = SETTINGS,
    *,
    frames: int = MANY,
) -> LivenessJudge:
    made = LivenessJudge(settings, motion=lambda: FakeMotion(motion))
    for number in range(frames):
        score = texture[number % len(texture)] if isinstance(texture, list) else texture
        made.observe(IMAGE, MESH, texture_score=score)
    return made


LIVE, BETWEEN, FAKE = 0.95, 0.6, 0.1

TABLE = [
    (TURNING, None, BonaFide),
    (STILL, None, Undecided),
    (WAVED, None, Attack),
    (TURNING, LIVE, BonaFide),
    (STILL, LIVE, BonaFide),
    (WAVED, LIVE, Attack),
    (TURNING, BETWEEN, Undecided),
    (STILL, BETWEEN, Undecided),
    (WAVED, BETWEEN, Attack),
    (TURNING, FAKE, Attack),
    (STILL, FAKE, Attack),
    (WAVED, FAKE, Attack),
    (TURNING, [1.0, 0.62], BonaFide),
    (TURNING, [1.0, 1.0, 1.0, 1.0, 0.02], Undecided),  # on the whole live, but unsteady
]


@pytest.mark.parametrize(("motion", "texture", "verdict"), TABLE)
def test_every_row_of_the_table(motion: Motion, texture: float | list[float] | None, verdict: type) -> None:
    assert type(judge(motion, texture).verdict()) is verdict


@pytest.mark.parametrize(
    ("motion", "texture", "verdict"), [row for row in TABLE if row[1] is not None or row[2] is not BonaFide]
)
def test_with_texture_or_without_motion_cooperative_says_the_same_until_it_has_asked(
    motion: Motion, texture: float | list[float] | None, verdict: type
) -> None:
    assert type(judge(motion, texture, COOPERATIVE).verdict()) is verdict


def test_without_a_texture_network_a_head_that_turned_must_still_do_what_cooperative_asks() -> None:
    verdict = judge(TURNING, None, COOPERATIVE).verdict()
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (MissingCue.CHALLENGE,)


def asked_at(texture: float | None, settings: LivenessSettings) -> float | None:
    """When a person who turns the head is asked first, in seconds."""
    made = LivenessJudge(settings, motion=lambda: FakeMotion(TURNING))
    for number in range(MANY):
        made.observe(IMAGE, MESH, texture_score=texture)
        made.watch(IMAGE, MESH, at=number / 15)
        if made.challenge is not None:
            return number / 15
    return None


def test_who_can_only_be_told_by_a_challenge_is_asked_at_once_and_others_after_a_while() -> None:
    at_once = (SETTINGS.min_frames - 1) / 15
    assert asked_at(None, COOPERATIVE) == at_once
    assert asked_at(LIVE, msgspec.structs.replace(COOPERATIVE, mode="challenge")) == at_once
    later = asked_at(BETWEEN, COOPERATIVE)
    assert later is not None
    assert later >= COOPERATIVE.challenge_after_s > at_once
    assert asked_at(LIVE, COOPERATIVE) is None
    assert asked_at(None, SETTINGS) is None


def test_the_attack_says_which_cue_gave_it_away() -> None:
    planar, printed = judge(WAVED, LIVE).verdict(), judge(TURNING, FAKE).verdict()
    assert isinstance(planar, Attack)
    assert isinstance(printed, Attack)
    assert (planar.reason, printed.reason) == (AttackReason.PLANAR, AttackReason.TEXTURE)


@pytest.mark.parametrize(
    ("motion", "texture", "missing"),
    [
        (STILL, None, MissingCue.MOTION),
        (STILL, BETWEEN, MissingCue.TEXTURE),
    ],
)
def test_what_is_undecided_says_what_it_waits_for(motion: Motion, texture: float | None, missing: MissingCue) -> None:
    verdict = judge(motion, texture).verdict()
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (missing,)


def test_nothing_is_decided_before_enough_frames() -> None:
    made = LivenessJudge(msgspec.structs.replace(SETTINGS, min_frames=5), motion=lambda: FakeMotion(STILL))
    kinds = []
    for _ in range(6):
        made.observe(IMAGE, MESH, texture_score=LIVE)
        kinds.append(type(made.verdict()))
    assert kinds == [Undecided] * 4 + [BonaFide] * 2


def test_before_the_first_frame_nothing_is_decided() -> None:
    verdict = LivenessJudge(msgspec.structs.replace(SETTINGS, min_frames=1)).verdict()
    assert isinstance(verdict, Undecided)


@pytest.mark.parametrize("scores", [[math.nan], [LIVE] * 9 + [math.nan], [math.nan] + [1.0] * 30])
def test_a_texture_score_that_is_no_number_is_never_a_yes(scores: list[float]) -> None:
    verdict = judge(TURNING, scores).verdict()
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (MissingCue.TEXTURE,)


def test_an_attack_sticks() -> None:
    made = judge(STILL, FAKE)
    first = made.verdict()
    for _ in range(400):
        made.observe(IMAGE, MESH, texture_score=1.0)
    assert isinstance(first, Attack)
    assert made.verdict() is first


def test_switched_off_it_says_that_nothing_was_checked_also_of_an_attack() -> None:
    settings = msgspec.structs.replace(SETTINGS, mode="off")
    assert judge(WAVED, FAKE, settings).verdict() == NotChecked()


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ("min_frames", 41, Undecided),
        ("min_texture_score", 0.89, BonaFide),
        ("min_texture_score", 0.91, Undecided),
        ("max_attack_texture_score", 0.89, Undecided),
        ("max_attack_texture_score", 0.91, Attack),
        ("max_texture_spread", 0.09, Undecided),
        ("max_texture_spread", 0.11, BonaFide),
    ],
)
def test_each_configured_bound_counts(key: str, value: float, verdict: type) -> None:
    """Texture scores of 1.0 and 0.8 in turn: their mean is 0.9, their standard deviation 0.1."""
    settings = msgspec.structs.replace(SETTINGS, min_texture_score=0.895)
    if key == "max_attack_texture_score":
        settings = msgspec.structs.replace(settings, min_texture_score=0.95)
    made = judge(TURNING, [1.0, 0.8], msgspec.structs.replace(settings, **{key: value}))
    assert type(made.verdict()) is verdict


def test_the_cues_carry_what_was_measured_and_what_it_was_held_against() -> None:
    verdict = judge(TURNING, [1.0, 0.8]).verdict()
    assert isinstance(verdict, BonaFide)
    cues = {cue.name: cue for cue in verdict.cues}
    assert list(cues) == [*MOTION, "texture.score", "texture.spread"]
    assert cues["texture.score"] == CueReading("texture.score", pytest.approx(0.9), SETTINGS.min_texture_score)
    assert cues["texture.spread"] == CueReading("texture.spread", pytest.approx(0.1), SETTINGS.max_texture_spread)
    assert cues["motion.depth"].value >= cues["motion.depth"].threshold == SETTINGS.min_depth
    assert cues["motion.change"].threshold == SETTINGS.min_change
    assert cues["motion.solidity"].threshold == SETTINGS.min_solidity


def test_without_a_texture_network_only_motion_is_told() -> None:
    verdict = judge(STILL, None).verdict()
    assert isinstance(verdict, Undecided)
    assert [cue.name for cue in verdict.cues] == MOTION


scores = st.one_of(st.none(), st.floats(0, 1), st.just(math.nan))


@given(st.lists(scores, max_size=30), st.sampled_from([TURNING, STILL, WAVED]))
def test_no_row_but_the_two_says_bona_fide(texture: list[float | None], motion: Motion) -> None:
    """Whatever comes in whatever order, a yes needs enough frames, no plane, and live texture or a solid head."""
    made = LivenessJudge(SETTINGS, motion=lambda: FakeMotion(motion))
    for score in texture:
        made.observe(IMAGE, MESH, texture_score=score)
    verdict = made.verdict()
    if not isinstance(verdict, BonaFide):
        return
    cues = {cue.name: cue.value for cue in verdict.cues}
    assert len(texture) >= SETTINGS.min_frames
    if "texture.score" in cues:
        measured = [score for score in texture if score is not None]
        assert sum(measured) / len(measured) >= SETTINGS.min_texture_score - 1e-9
    else:
        assert cues["motion.depth"] >= SETTINGS.min_depth
        assert cues["motion.solidity"] >= SETTINGS.min_solidity


BORDER = Motion(depth=0.05, change=0.05, solidity=0.2, remainder=0.3)
SHEET = Motion(depth=0.02, change=0.05, solidity=0.2, remainder=0.3)


@pytest.mark.parametrize(
    ("motion", "key", "value", "verdict"),
    [
        (BORDER, "min_depth", 0.049, BonaFide),
        (BORDER, "min_depth", 0.051, Undecided),
        (BORDER, "min_solidity", 0.19, BonaFide),
        (BORDER, "min_solidity", 0.21, Undecided),
        (SHEET, "min_change", 0.049, Attack),
        (SHEET, "min_change", 0.051, Undecided),
        (SHEET, "max_flat_solidity", 0.21, Attack),
        (SHEET, "max_flat_solidity", 0.19, Undecided),
        (SHEET, "max_flat_remainder", 0.31, Attack),
        (SHEET, "max_flat_remainder", 0.29, Undecided),
        (SHEET, "max_flat_depth", 0.41, Attack),
        (SHEET, "max_flat_depth", 0.39, Undecided),
    ],
)
def test_each_configured_bound_of_motion_counts(motion: Motion, key: str, value: float, verdict: type) -> None:
    settings = msgspec.structs.replace(SETTINGS, **{key: value})
    assert type(judge(motion, None, settings).verdict()) is verdict
