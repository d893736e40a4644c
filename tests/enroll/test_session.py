"""The state machine of the guided capture: no end without consent, five poses, liveness, agreement and recognition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import make_quality
from hypothesis import given
from hypothesis import strategies as st

from device.types import (
    Attack,
    AttackReason,
    BonaFide,
    Match,
    ModelId,
    NonMatch,
    PersonId,
    Pose,
    QualityIssue,
    Template,
    Threshold,
    TrackId,
    Undecided,
)
from enroll.guide_words import REFUSALS, SAID
from enroll.pose_grid import PoseBin, bin_of
from enroll.session import CANDIDATE, Finding, Ready, Refusal, Refused, Session, SessionRules, Stage, Word
from firmware_bridge.types import OWN_INDICATIONS, Indication

MODEL = ModelId("model-a")
RULES = SessionRules(straight_score=0.4, side_score=0.35, min_margin=0.05, min_frames=5)
THRESHOLD = Threshold(0.4, 1e-4, MODEL)
POSES = {
    PoseBin.STRAIGHT: Pose(0, 0, 0),
    PoseBin.LEFT: Pose(20, 0, 0),
    PoseBin.RIGHT: Pose(-20, 0, 0),
    PoseBin.UP: Pose(0, 18, 0),
    PoseBin.DOWN: Pose(0, -18, 0),
}
HIM = Match(CANDIDATE, 0.8, 0.4, THRESHOLD)


def face(number: int = 0, *, like: float = 1.0) -> Template:
    """A template of length one; `like` is its score against face 0."""
    vector = np.zeros(8, np.float32)
    vector[0], vector[1 + number] = like, np.sqrt(1.0 - like * like)
    return Template(vector, MODEL)


def seen(at: float, pose: PoseBin = PoseBin.STRAIGHT) -> Finding:
    return Finding(
        at=at,
        faces=1,
        track=TrackId(1),
        quality=make_quality(pose=POSES[pose]),
        template=face(),
        pad=BonaFide(()),
        frames=9,
    )


def agreed() -> Session:
    session = Session(RULES)
    session.agree()
    return session


def captured(**changes: object) -> Session:
    session = agreed()
    for number, pose in enumerate(name for name in PoseBin for _ in range(3)):
        session.observe(replace(seen(number / 15, pose), **changes))
    return session


def verified(session: Session, **changes: object) -> Session:
    session.admit_newcomer(at=2.0)
    session.observe(replace(replace(seen(2.1), search=HIM), **changes))
    return session


def test_five_poses_and_a_recognition_make_a_newcomer() -> None:
    session = captured()
    assert session.stage is Stage.CHECK
    outcome = verified(session).outcome
    assert isinstance(outcome, Ready)
    assert len(outcome.references) == 5


def test_nothing_is_looked_at_before_consent() -> None:
    session = Session(RULES)
    session.observe(seen(0.0))
    assert (session.stage, session.references) == (Stage.CONSENT, ())


def test_while_somebody_checks_who_is_enrolled_already_no_frame_makes_a_newcomer() -> None:
    session = captured()
    session.observe(replace(seen(2.1), search=HIM))
    assert (session.stage, session.outcome) == (Stage.CHECK, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"search": NonMatch(0.3, THRESHOLD)},
        {"search": None},
        {"search": Match(PersonId("p-0000000000000001"), 0.9, 0.4, THRESHOLD)},
        {"search": Match(CANDIDATE, 0.8, 0.04, THRESHOLD)},
        {"search": Match(CANDIDATE, float("nan"), 0.4, THRESHOLD)},
        {"frames": 4},
        {"faces": 2},
        {"pad": Undecided((), ())},
    ],
)
def test_a_doubtful_recognition_is_none_and_ends_at_last(changes: dict[str, object]) -> None:
    session = verified(captured(), **changes)
    assert session.outcome is None
    session.observe(replace(seen(40.0), **changes))
    assert session.outcome == Refused(Refusal.NOT_RECOGNISED, session.word)


@pytest.mark.parametrize("changes", [{"pad": Undecided((), ())}, {"template": None}, {"faces": 2}])
def test_the_grid_is_not_filled_by_frames_that_do_not_count(changes: dict[str, object]) -> None:
    assert captured(**changes).stage is Stage.CAPTURE


def test_an_attack_ends_at_any_time() -> None:
    for session in (agreed(), captured()):
        session.admit_newcomer(at=2.0)
        session.observe(replace(seen(2.1), pad=Attack(AttackReason.PLANAR, ()), search=HIM))
        assert isinstance(session.outcome, Refused)
        assert session.outcome.reason is Refusal.ATTACK


def test_a_new_track_has_to_show_everything_again() -> None:
    session = agreed()
    for number in range(3):
        session.observe(seen(number / 15))
    assert session.filled == {PoseBin.STRAIGHT}
    session.observe(replace(seen(0.5), track=TrackId(2)))
    assert session.filled == frozenset()


def test_another_face_is_never_kept_and_ends_the_session() -> None:
    session = agreed()
    for number in range(3):
        session.observe(seen(number / 15))
    for number in range(8):
        session.observe(replace(seen(1 + number / 15, PoseBin.LEFT), template=face(2, like=0.2)))
    assert len(session.references) == 1
    assert session.outcome == Refused(Refusal.FACE_CHANGED, session.word)


def test_poses_that_do_not_agree_make_nobody() -> None:
    session = agreed()
    for number, pose in enumerate(name for name in PoseBin for _ in range(3)):
        likeness = 0.38 if pose is PoseBin.DOWN else 1.0  # constant enough, yet not the person's straight face
        session.observe(replace(seen(number / 15, pose), template=face(like=likeness)))
    assert session.outcome == Refused(Refusal.DISAGREEMENT, session.word)


def test_a_session_without_progress_says_what_was_wrong_and_gives_up() -> None:
    session = agreed()
    dark = replace(seen(0.0), template=None, quality=make_quality(issues=(QualityIssue.TOO_DARK,)))
    for at in (0.0, 29.0):
        session.observe(replace(dark, at=at))
        assert session.outcome is None
    session.observe(replace(dark, at=31.0))
    assert session.outcome == Refused(Refusal.STALLED, Word.TOO_DARK)


def test_what_liveness_asks_for_is_said_first() -> None:
    session = agreed()
    session.observe(replace(seen(0.0), pad=Undecided((), ()), prompt="look_up", is_asking=True))
    assert session.word is Word.UP
    session.observe(replace(seen(0.1), pad=Undecided((), ()), is_asking=True))
    assert session.word is Word.HOLD_STILL


def test_poses_are_against_the_own_straight_one() -> None:
    neutral = Pose(8.0, 12.0, 0.0)
    assert bin_of(Pose(8.0, 12.0, 0.0), neutral=neutral) is PoseBin.STRAIGHT
    assert bin_of(Pose(22.0, 12.0, 0.0), neutral=neutral) is PoseBin.LEFT
    assert bin_of(Pose(-8.0, 0.0, 0.0), neutral=neutral) is PoseBin.RIGHT
    assert bin_of(Pose(8.0, 24.0, 0.0), neutral=neutral) is PoseBin.UP
    assert bin_of(Pose(8.0, 0.0, 0.0), neutral=neutral) is PoseBin.DOWN
    assert bin_of(Pose(30.0, 30.0, 0.0), neutral=neutral) is None


FINDINGS = st.builds(
    Finding,
    at=st.just(0.0),
    faces=st.sampled_from([0, 1, 1, 1, 2]),
    track=st.sampled_from([TrackId(1), TrackId(1), TrackId(1), TrackId(2)]),
    quality=st.sampled_from([make_quality(pose=pose) for pose in POSES.values()]),
    template=st.sampled_from([None, face(), face(), face(), face(2, like=0.2), face(3, like=0.5)]),
    pad=st.sampled_from([BonaFide(()), BonaFide(()), Undecided((), ()), Attack(AttackReason.PLANAR, ())]),
    frames=st.integers(0, 9),
    search=st.sampled_from([None, HIM, NonMatch(0.1, THRESHOLD), Match(CANDIDATE, 0.8, 0.0, THRESHOLD)]),
)


@given(
    steps=st.lists(st.one_of(st.sampled_from(["agree", "admit"]), FINDINGS), max_size=12),
    start=st.sampled_from(["nothing", "agreed", "captured", "verifying"]),
)
def test_no_story_makes_a_newcomer_without_all_that_it_takes(steps: list[object], start: str) -> None:
    session = Session(RULES) if start == "nothing" else agreed() if start == "agreed" else captured()
    if start == "verifying":
        session.admit_newcomer(at=2.0)
    did_agree, was_admitted, newest = start != "nothing", start == "verifying", None
    for number, step in enumerate(steps):
        was = session.stage
        if step == "agree":
            session.agree()
            did_agree = True
        elif step == "admit":
            session.admit_newcomer(at=3.0)
            was_admitted = was_admitted or was is Stage.CHECK
        elif isinstance(step, Finding):
            newest = replace(step, at=3.0 + number / 15)
            session.observe(newest)
        if isinstance(session.outcome, Ready) and was is not Stage.ENDED:
            assert did_agree
            assert was_admitted
            assert newest is not None
            assert isinstance(newest.pad, BonaFide)
            assert newest.search == HIM
            assert newest.faces == 1
            assert newest.frames >= 5
            assert len(session.outcome.references) == len(PoseBin)
        if was is Stage.ENDED:
            assert session.stage is Stage.ENDED


def test_every_word_can_be_said_and_shown_by_the_lamps_and_every_refusal_is_a_sentence() -> None:
    assert set(SAID) == set(Word)
    assert set(REFUSALS) == set(Refusal)
    for sentence, lamp in SAID.values():
        assert len(sentence) <= 70
        assert Indication(lamp) not in OWN_INDICATIONS
