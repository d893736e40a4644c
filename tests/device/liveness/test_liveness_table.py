"""The rows of the table, mode by mode."""

from __future__ import annotations

from itertools import product

import pytest

from device.config import LivenessSettings
from device.liveness.light import LightAnswer
from device.liveness.solidity import Shape
from device.liveness.table import Answered, Findings, Skin, weigh
from device.types import Attack, AttackReason, BonaFide, MissingCue, Undecided

MODES = {
    "passive": LivenessSettings(mode="passive"),
    "cooperative": LivenessSettings(mode="cooperative"),
    "challenge": LivenessSettings(mode="challenge"),
    "light": LivenessSettings(mode="light", light_left="white", light_right="red"),
}
ALL = [
    Findings(frames=frames, is_injected=injected, shape=shape, skin=skin, challenge=challenge, light=light)
    for frames, injected, shape, skin, challenge, light in product(
        (4, 5), (False, True), Shape, Skin, Answered, (None, *LightAnswer)
    )
]


@pytest.mark.parametrize("mode", MODES)
def test_what_looks_like_an_attack_is_never_bona_fide_in_any_mode(mode: str) -> None:
    for found in ALL:
        is_attack = (
            found.is_injected
            or found.shape is Shape.FLAT
            or found.skin is Skin.FAKE
            or found.light in {LightAnswer.FLAT, LightAnswer.SILENT}
        )
        if is_attack or found.frames < MODES[mode].min_frames:
            assert not isinstance(weigh(found, MODES[mode]), BonaFide), found


def test_in_challenge_mode_only_a_completed_challenge_is_bona_fide() -> None:
    for found in ALL:
        if isinstance(weigh(found, MODES["challenge"]), BonaFide):
            assert found.challenge is Answered.ALL


def test_in_light_mode_only_an_answer_to_the_lamps_is_bona_fide() -> None:
    for found in ALL:
        if isinstance(weigh(found, MODES["light"]), BonaFide):
            assert found.light is LightAnswer.FACE or (
                found.light is LightAnswer.FOLLOWS and found.shape is Shape.SOLID
            )


def test_cooperative_says_yes_to_live_texture_as_passive_does_and_to_completed_challenges() -> None:
    for found in ALL:
        passive, cooperative = (isinstance(weigh(found, MODES[mode]), BonaFide) for mode in ("passive", "cooperative"))
        if found.skin is Skin.LIVE:
            assert cooperative == passive
        elif cooperative:
            assert found.challenge is Answered.ALL


def test_motion_alone_suffices_only_where_nothing_is_ever_asked() -> None:
    """The replay of a head that turns moves like a head."""
    for found in ALL:
        if found.skin is Skin.UNSEEN and found.challenge is Answered.NOT_YET and found.light is None:
            accepted = {mode for mode in MODES if isinstance(weigh(found, MODES[mode]), BonaFide)}
            assert accepted <= {"passive"}, found
    moved = Findings(frames=9, shape=Shape.SOLID)
    assert isinstance(weigh(moved, MODES["passive"]), BonaFide)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Findings(frames=9, is_injected=True), AttackReason.INJECTION),
        (Findings(frames=9, shape=Shape.FLAT, skin=Skin.LIVE), AttackReason.PLANAR),
        (Findings(frames=9, skin=Skin.FAKE, challenge=Answered.ALL), AttackReason.TEXTURE),
        (Findings(frames=9, light=LightAnswer.FLAT), AttackReason.LIGHT),
        (Findings(frames=9, light=LightAnswer.SILENT), AttackReason.LIGHT),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_an_attack_names_the_cue_in_every_mode(found: Findings, reason: AttackReason, mode: str) -> None:
    verdict = weigh(found, MODES[mode])
    assert isinstance(verdict, Attack)
    assert verdict.reason is reason


@pytest.mark.parametrize(
    ("mode", "found", "missing"),
    [
        ("passive", Findings(frames=9), MissingCue.MOTION),
        ("passive", Findings(frames=9, skin=Skin.UNSURE, challenge=Answered.ALL), MissingCue.TEXTURE),
        ("cooperative", Findings(frames=9, skin=Skin.UNSURE), MissingCue.TEXTURE),
        ("cooperative", Findings(frames=9, shape=Shape.SOLID), MissingCue.CHALLENGE),
        ("cooperative", Findings(frames=9), MissingCue.CHALLENGE),
        ("challenge", Findings(frames=9, skin=Skin.LIVE), MissingCue.CHALLENGE),
        ("light", Findings(frames=9, skin=Skin.LIVE), MissingCue.LIGHT),
        ("light", Findings(frames=9, light=LightAnswer.UNKNOWN), MissingCue.LIGHT),
        ("light", Findings(frames=9, light=LightAnswer.FOLLOWS), MissingCue.MOTION),
    ],
)
def test_what_is_undecided_names_what_is_missing(mode: str, found: Findings, missing: MissingCue) -> None:
    verdict = weigh(found, MODES[mode])
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (missing,)
