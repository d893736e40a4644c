"""Whatever happens before the door and in whatever order: what a release rests on is always there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from builders import ADA, make_match, make_mesh, make_nonmatch, make_person, make_template
from door_rig import DoorRig
from fakes import FakePins, FakeTexture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.errors import CollectionError
from device.loop import Decided
from device.types import BonaFide, Deny, FactorGiven, Grant, Match, Pose
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError

PIN = "2583"
GALLERY = {
    "match": make_match(),
    "look-alike": make_match(margin=0.0),
    "stranger": make_nonmatch(0.2),
    "below its own threshold": make_match(score=0.1),
    "no number": make_match(score=math.nan),
}
FAULTS = {"none": None, "unreachable": DoorUnreachableError("gone"), "refuses": CommandRefusedError("locked down")}
PEOPLE = {
    "known": make_person(),
    "suspended": make_person(is_suspended=True),
    "somebody else": make_person(make_match().person.replace("ad", "ff")),  # type: ignore[arg-type]
    "erased": None,
}
FACES = {"there": make_mesh(), "away": None, "turned": make_mesh(pose=Pose(60, 0, 0)), "far": make_mesh(width=40)}


@dataclass(frozen=True)
class Moment:
    """How the world is for a few frames."""

    frames: int = 6
    face: str = "there"
    template: int = 1
    gallery: str = "match"
    person: str = "known"
    texture: float = 0.95
    lag_s: float = 0.0
    door: str = "none"
    disk_is_full: bool = False
    collection_is_broken: bool = False
    clock_is_trusted: bool = True
    keys: str = ""  # typed just before the frames
    keypad_is_gone: bool = False


GOOD = Moment()
faults = st.one_of(
    st.sampled_from([*FACES]).map(lambda face: {"face": face}),
    st.integers(1, 3).map(lambda template: {"template": template}),
    st.sampled_from([*GALLERY]).map(lambda gallery: {"gallery": gallery}),
    st.sampled_from([*PEOPLE]).map(lambda person: {"person": person}),
    st.sampled_from([0.0, 0.39, 0.6, 0.81, 1.0, math.nan]).map(lambda texture: {"texture": texture}),
    st.sampled_from([-0.1, 0.2, 0.49, 0.51, 30.0]).map(lambda lag_s: {"lag_s": lag_s}),
    st.sampled_from([*FAULTS]).map(lambda door: {"door": door}),
    st.sampled_from(["disk_is_full", "collection_is_broken"]).map(lambda key: {key: True}),
    st.just({"clock_is_trusted": False}),
    st.sampled_from([f"{PIN}#", PIN[:2], f"{PIN[2:]}#", "*", "#", "7139#"]).map(lambda keys: {"keys": keys}),
    st.just({"keypad_is_gone": True}),
)
moments = st.builds(
    lambda frames, changes: replace(GOOD, frames=frames, **{k: v for change in changes for k, v in change.items()}),
    st.integers(1, 12),
    st.lists(faults, max_size=2),
)


def live(rig: DoorRig, moment: Moment) -> list[Decided]:
    """Let the moment come true, and show its frames."""
    rig.mesh = FACES[moment.face]
    rig.extractor.template = make_template(moment.template)
    rig.gallery.outcome = GALLERY[moment.gallery]
    person = PEOPLE[moment.person]
    rig.gallery.known = {} if person is None else {ADA: person}
    rig.gallery.fault = CollectionError("damaged") if moment.collection_is_broken else None
    assert rig.texture is not None
    rig.texture.score = moment.texture
    rig.door.fault = FAULTS[moment.door]
    rig.audit.capacity = len(rig.audit.events) if moment.disk_is_full else None
    rig.clock_is_trusted = moment.clock_is_trusted
    rig.keypad.fault = DoorUnreachableError("gone") if moment.keypad_is_gone else None
    rig.keypad.type(moment.keys)
    decided = []
    for _ in range(moment.frames):
        before = len(rig.door.releases)
        one = rig.show(lag_s=moment.lag_s)
        granted = [each for each in one if isinstance(each.decision, Grant)]
        assert len(rig.door.releases) - before == len(granted)
        if granted:
            assert is_worth_a_release(moment)
            assert rig.door.releases[-1]["captured_at"] == rig.clock.monotonic() - moment.lag_s  # of this very frame
        decided += one
    return decided


def is_worth_a_release(moment: Moment) -> bool:
    """What the world was like at that moment, whatever the loop made of it."""
    return (
        moment.face == "there"
        and moment.gallery == "match"
        and moment.person == "known"
        and moment.door == "none"
        and 0.0 <= moment.lag_s <= 0.5
        and moment.clock_is_trusted
        and not moment.disk_is_full
        and not moment.collection_is_broken
    )


def check(rig: DoorRig, decided: list[Decided]) -> None:
    granted = [one for one in decided if isinstance(one.decision, Grant)]
    for one, release, recorded in zip(granted, rig.door.releases, rig.door.recorded_before, strict=True):
        evidence = one.evidence
        assert evidence is not None
        assert isinstance(evidence.pad, BonaFide)
        assert isinstance(evidence.search, Match)
        assert evidence.search.score >= evidence.search.threshold.score
        assert evidence.person is not None
        assert one.decision == Grant(evidence.person.person, 5.0)
        assert not evidence.person.is_suspended
        assert evidence.frames >= rig.settings.recognition.min_frames
        assert 0.0 <= evidence.decided_at - evidence.captured_at <= rig.settings.policy.freshness_s
        assert evidence.clock_is_trusted
        assert release["captured_at"] == evidence.captured_at
        assert release["audit_sequence"] == one.audit_sequence == len(recorded)
        assert recorded[-1] == "decision.granted"
    for one in decided:
        if isinstance(one.decision, Deny) and one.audit_sequence is None:
            assert one.decision.reason.value == "audit_unavailable"
    rows = [one.audit_sequence for one in decided if one.audit_sequence is not None]
    assert rows == sorted(set(rows))


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moments, min_size=1, max_size=8))
def test_a_release_always_rests_on_everything_that_it_must(story: list[Moment]) -> None:
    rests: dict[str, object] = {"repeat_after_s": 0.2, "repeat_after_grant_s": 0.3}
    rig = DoorRig(texture=FakeTexture(), liveness={"mode": "passive"}, recognition=rests)
    decided = [one for moment in story for one in live(rig, moment)]
    decided += rig.loop.conclude()
    check(rig, decided)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moments, min_size=1, max_size=10))
def test_where_a_pin_is_asked_for_a_release_also_rests_on_it(story: list[Moment]) -> None:
    rig = asking_rig()
    decided: list[Decided] = []
    for moment in [*story, GOOD]:
        decided += live(rig, moment)
    decided += rig.loop.conclude()
    check(rig, decided)
    for one in decided:
        if isinstance(one.decision, Grant):
            assert one.evidence is not None
            assert one.evidence.second_factor == FactorGiven(one.decision.person)
    given = [facts["second_factor"] for kind, facts in rig.audit.events if kind == "decision.granted"]
    assert given == [{"state": "given", "person": ADA}] * len(given)
    assert rig.pins is not None
    assert len(given) <= len(rig.pins.tries)


def test_a_story_with_the_right_keys_is_a_grant_so_that_the_above_is_not_about_nothing() -> None:
    rig = asking_rig()
    story = [replace(GOOD, frames=8), replace(GOOD, keys=f"{PIN[:2]}"), replace(GOOD, keys=f"{PIN[2:]}#")]
    check(rig, decided := [one for moment in story for one in live(rig, moment)])
    assert [one.decision for one in decided] == [Grant(ADA, 5.0)]


def asking_rig() -> DoorRig:
    """Everybody is asked for a PIN there."""
    return DoorRig(
        texture=FakeTexture(),
        pins=FakePins({ADA: PIN}),
        liveness={"mode": "passive"},
        recognition={"repeat_after_s": 0.2, "repeat_after_grant_s": 0.3},
        policy={"second_factor_groups": ("everyone",), "second_factor_within_s": 3.0},
    )


def test_a_good_story_is_a_grant_so_that_the_above_is_not_about_nothing() -> None:
    rig = DoorRig(texture=FakeTexture(), liveness={"mode": "passive"}, recognition={"repeat_after_grant_s": 0.3})
    decided = [one for _ in range(6) for one in live(rig, GOOD)]
    check(rig, decided)
    assert len(rig.door.releases) >= 3
