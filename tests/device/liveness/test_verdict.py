"""The table of the verdict, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import pytest
from builders import make_mesh
from hypothesis import given
from hypothesis import strategies as st

from device.config import LivenessSettings
from device.liveness.verdict import LivenessJudge
from device.types import Attack, AttackReason, BonaFide, CueReading, Mesh, MissingCue, NotChecked, Pose, Undecided

SETTINGS = LivenessSettings()
MANY = 40


def turning(frames: int = MANY) -> list[Mesh]:
    return [make_mesh(pose=Pose(25 * math.sin(number / 4), 0, 0)) for number in range(frames)]


def still(frames: int = MANY) -> list[Mesh]:
    return [make_mesh()] * frames


def waved(frames: int = MANY) -> list[Mesh]:
    """A plane that is squeezed to and fro: a change without depth."""
    flat = make_mesh()
    meshes = []
    for number in range(frames):
        points = flat.points.copy()
        points[:, 0] = 320 + (points[:, 0] - 320) * (1 - 0.3 * math.sin(number / 4) ** 2)
        meshes.append(Mesh(points, 1.0))
    return meshes


def judge(
    meshes: Iterable[Mesh], texture: float | list[float] | None, settings: LivenessSettings = SETTINGS
) -> LivenessJudge:
    made = LivenessJudge(settings)
    for number, mesh in enumerate(meshes):
        made.observe(mesh, texture_score=texture[number % len(texture)] if isinstance(texture, list) else texture)
    return made


LIVE, BETWEEN, FAKE = 0.95, 0.6, 0.1

TABLE = [
    (turning(), None, BonaFide),
    (still(), None, Undecided),
    (waved(), None, Attack),
    (turning(), LIVE, BonaFide),
    (still(), LIVE, BonaFide),
    (waved(), LIVE, Attack),
    (turning(), BETWEEN, Undecided),
    (still(), BETWEEN, Undecided),
    (waved(), BETWEEN, Attack),
    (turning(), FAKE, Attack),
    (still(), FAKE, Attack),
    (waved(), FAKE, Attack),
    (turning(), [1.0, 0.62], BonaFide),
    (turning(), [1.0, 1.0, 1.0, 1.0, 0.02], Undecided),  # on the whole live, but unsteady
]


@pytest.mark.parametrize(("meshes", "texture", "verdict"), TABLE)
def test_every_row_of_the_table(meshes: list[Mesh], texture: float | list[float] | None, verdict: type) -> None:
    assert type(judge(meshes, texture).verdict()) is verdict


def test_the_attack_says_which_cue_gave_it_away() -> None:
    planar, printed = judge(waved(), LIVE).verdict(), judge(turning(), FAKE).verdict()
    assert isinstance(planar, Attack)
    assert isinstance(printed, Attack)
    assert (planar.reason, printed.reason) == (AttackReason.PLANAR, AttackReason.TEXTURE)


@pytest.mark.parametrize(
    ("meshes", "texture", "missing"),
    [
        (still(3), LIVE, MissingCue.FRAMES),
        (still(3), FAKE, MissingCue.FRAMES),
        (still(), None, MissingCue.MOTION),
        (still(), BETWEEN, MissingCue.TEXTURE),
    ],
)
def test_what_is_undecided_says_what_it_waits_for(
    meshes: list[Mesh], texture: float | None, missing: MissingCue
) -> None:
    verdict = judge(meshes, texture).verdict()
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (missing,)


def test_nothing_is_decided_before_enough_frames() -> None:
    made = LivenessJudge(msgspec.structs.replace(SETTINGS, min_frames=5))
    kinds = []
    for mesh in still(6):
        made.observe(mesh, texture_score=LIVE)
        kinds.append(type(made.verdict()))
    assert kinds == [Undecided] * 4 + [BonaFide] * 2


def test_before_the_first_frame_nothing_is_decided() -> None:
    verdict = LivenessJudge(msgspec.structs.replace(SETTINGS, min_frames=1)).verdict()
    assert isinstance(verdict, Undecided)


@pytest.mark.parametrize("scores", [[math.nan], [LIVE] * 9 + [math.nan], [math.nan] + [1.0] * 30])
def test_a_texture_score_that_is_no_number_is_never_a_yes(scores: list[float]) -> None:
    verdict = judge(turning(), scores).verdict()
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (MissingCue.TEXTURE,)


def test_an_attack_sticks() -> None:
    made = judge(still(), FAKE)
    first = made.verdict()
    for mesh in turning(400):
        made.observe(mesh, texture_score=1.0)
    assert isinstance(first, Attack)
    assert made.verdict() is first


def test_switched_off_it_says_that_nothing_was_checked_also_of_an_attack() -> None:
    settings = msgspec.structs.replace(SETTINGS, mode="off")
    assert judge(waved(), FAKE, settings).verdict() == NotChecked()


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
    made = judge(turning(), [1.0, 0.8], msgspec.structs.replace(settings, **{key: value}))
    assert type(made.verdict()) is verdict


def test_the_cues_carry_what_was_measured_and_what_it_was_held_against() -> None:
    verdict = judge(turning(), [1.0, 0.8]).verdict()
    assert isinstance(verdict, BonaFide)
    cues = {cue.name: cue for cue in verdict.cues}
    assert list(cues) == ["motion.change", "motion.depth", "motion.solidity", "texture.score", "texture.spread"]
    assert cues["texture.score"] == CueReading("texture.score", pytest.approx(0.9), SETTINGS.min_texture_score)
    assert cues["texture.spread"] == CueReading("texture.spread", pytest.approx(0.1), SETTINGS.max_texture_spread)
    assert cues["motion.depth"].value >= cues["motion.depth"].threshold == SETTINGS.min_depth
    assert cues["motion.change"].threshold == SETTINGS.min_change
    assert cues["motion.solidity"].threshold == SETTINGS.min_solidity


def test_without_a_texture_network_only_motion_is_told() -> None:
    verdict = judge(still(), None).verdict()
    assert isinstance(verdict, Undecided)
    assert [cue.name for cue in verdict.cues] == ["motion.change", "motion.depth", "motion.solidity"]


scores = st.one_of(st.none(), st.floats(0, 1), st.just(math.nan))


@given(st.lists(scores, max_size=30), st.sampled_from([turning(30), still(30), waved(30)]))
def test_no_row_but_the_two_says_bona_fide(texture: list[float | None], meshes: list[Mesh]) -> None:
    """Whatever comes in whatever order, a yes needs enough frames, no plane, and live texture or a solid head."""
    made = LivenessJudge(SETTINGS)
    for mesh, score in zip(meshes, texture, strict=False):
        made.observe(mesh, texture_score=score)
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
