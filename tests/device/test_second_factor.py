"""A door that asks for a PIN: what a release then rests on."""

from __future__ import annotations

import pytest
from builders import ADA, GRACE, make_match, make_mesh, make_person, make_template
from door_rig import DoorRig
from fakes import FakePins, FakeTexture

from device.clock import FakeClock
from device.errors import CollectionUnreadableError
from device.loop import Decided
from device.second_factor import GIVEN_FOR_S
from device.types import (
    BonaFide,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorGiven,
    FactorNotAsked,
    Grant,
    PersonId,
    Pose,
    TrackId,
)
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError

PIN = "2583"
WITHIN_S = 15.0
AWAY = make_mesh(pose=Pose(0, -60, 0))  # looks down at the keypad: no frame of it is usable


def door() -> DoorRig:
    """A door that asks everybody; Ada and Grace have PINs."""
    return DoorRig(
        texture=FakeTexture(),
        pins=FakePins({ADA: PIN, GRACE: "7139"}),
        liveness={"mode": "passive"},
        policy={"second_factor_groups": ("everyone",)},
    )


def asked(rig: DoorRig) -> DoorRig:
    """Somebody has walked up and is asked."""
    assert rig.show(8) == []
    assert "enter_pin" in rig.door.indications
    return rig


def reasons(decided: list[Decided]) -> list[DenyReason | None]:
    return [one.decision.reason if isinstance(one.decision, Deny) else None for one in decided]


def recorded(rig: DoorRig) -> list[object]:
    return [facts.get("second_factor") for kind, facts in rig.audit.events if kind.startswith("decision.")]


def test_the_right_pin_lets_in_after_the_door_asked_and_the_audit_says_so_first() -> None:
    rig = asked(door())
    rig.keypad.type(f"{PIN}#")
    (granted,) = rig.show(3)
    assert granted.decision == Grant(ADA, 5.0)
    assert rig.door.recorded_before == [["decision.granted"]]
    assert recorded(rig) == [{"state": "given", "person": ADA}]
    assert PIN not in str(rig.audit.events)
    assert rig.door.indications[-1] == "granted"


def test_nobody_is_let_in_by_the_face_alone() -> None:
    rig = door()
    decided = rig.pass_by(WITHIN_S + 1.0)
    assert reasons(decided) == [DenyReason.SECOND_FACTOR_MISSING]
    assert rig.door.releases == []
    assert recorded(rig) == [{"state": "failed", "fault": "late"}]


def test_a_pin_alone_opens_nothing() -> None:
    rig = door()
    rig.mesh = None
    rig.keypad.type(f"{PIN}#")
    assert rig.pass_by(2.0) == []
    assert rig.keypad.polls == 0  # nobody is asked, so nobody listens
    rig = asked(door())
    rig.mesh = AWAY
    rig.keypad.type(f"{PIN}#")
    decided = rig.pass_by(GIVEN_FOR_S + 1.0)
    assert reasons(decided) == [DenyReason.SECOND_FACTOR_MISSING]
    assert rig.door.releases == []


def test_who_looks_down_to_type_is_let_in_on_the_frame_in_which_they_look_up_again() -> None:
    rig = asked(door())
    rig.mesh = AWAY
    assert rig.pass_by(4.0) == []
    rig.keypad.type(f"{PIN}#")
    assert rig.pass_by(GIVEN_FOR_S - 1.0) == []
    rig.mesh = make_mesh()
    (granted,) = rig.show(2)
    assert isinstance(granted.decision, Grant)
    assert rig.clock.monotonic() - rig.door.releases[-1]["captured_at"] < 0.1


def test_keys_of_before_the_question_count_for_nothing() -> None:
    rig = door()
    rig.keypad.type(f"{PIN}#{PIN}")
    assert rig.show(8) == []
    rig.keypad.type("#")  # with an empty entry
    assert rig.pass_by(1.0) == []
    assert rig.pins is not None
    assert rig.pins.tries == []


def test_keys_of_before_the_question_that_arrive_late_count_for_nothing_either() -> None:
    rig = asked(door())
    rig.keypad.type(f"{PIN}#", ago_s=2.0)
    assert rig.show(3) == []
    rig.keypad.type(f"{PIN}#")
    assert reasons(rig.show(3)) == [None]


def test_one_person_at_a_time_is_asked_and_the_next_waits_without_being_denied() -> None:
    rig = door()
    assert rig.inquiry is not None
    inquiry, missing, (first, second) = rig.inquiry, Deny(DenyReason.SECOND_FACTOR_MISSING), (TrackId(1), TrackId(2))
    inquiry.consider(first, evidence_of(ADA), missing)
    inquiry.consider(second, evidence_of(GRACE), missing)
    inquiry.poll()
    inquiry.prompt(second)
    assert rig.door.indications == []
    assert inquiry.factor_of(first) == FactorAwaited(ADA)
    assert inquiry.factor_of(second) == FactorNotAsked()
    assert inquiry.holds(second, missing)
    assert not inquiry.holds(second, Deny(DenyReason.NOT_ENROLLED))
    rig.keypad.type(PIN[:3])
    inquiry.poll()
    inquiry.close(second)
    assert inquiry.factor_of(first) == FactorAwaited(ADA)
    inquiry.close(first)
    inquiry.consider(second, evidence_of(GRACE), missing)
    rig.clock.advance(0.1)
    inquiry.poll()
    rig.keypad.type("7139#")  # behind what the first had typed
    inquiry.poll()
    assert inquiry.factor_of(second) == FactorGiven(GRACE)
    assert inquiry.factor_of(first) == FactorNotAsked()


def evidence_of(person: PersonId) -> Evidence:
    now = FakeClock().now()
    return Evidence(make_match(person), make_person(person), BonaFide(()), 5, 0.0, 0.0, now, clock_is_trusted=True)


def test_a_wrong_pin_is_a_denial_with_its_reason_at_once_even_while_nobody_looks_up() -> None:
    rig = asked(door())
    rig.mesh = AWAY
    rig.keypad.type("7139#")
    assert reasons(rig.show(2)) == [DenyReason.SECOND_FACTOR_WRONG]
    assert recorded(rig) == [{"state": "failed", "fault": "wrong"}]
    assert "7139" not in str(rig.audit.events)


def test_a_star_takes_back_what_was_typed() -> None:
    rig = asked(door())
    rig.keypad.type("99*")
    rig.show(3)
    rig.keypad.type(f"{PIN}#")
    assert reasons(rig.show(3)) == [None]


def test_who_has_no_pin_or_is_blocked_is_denied_without_a_prompt() -> None:
    rig = door()
    assert rig.pins is not None
    rig.pins.blocked.add(ADA)
    assert reasons(rig.show(9)) == [DenyReason.SECOND_FACTOR_BLOCKED]
    rig = door()
    assert rig.pins is not None
    rig.pins.digits.clear()
    assert reasons(rig.show(9)) == [DenyReason.SECOND_FACTOR_MISSING]
    assert recorded(rig) == [{"state": "failed", "fault": "not_set"}]
    assert "enter_pin" not in rig.door.indications


@pytest.mark.parametrize("fault", [DoorUnreachableError("gone"), CommandRefusedError("not fitted")])
@pytest.mark.parametrize("when", ["before", "while asked"])
def test_a_keypad_that_cannot_be_asked_is_a_denial(
    fault: DoorUnreachableError | CommandRefusedError, when: str
) -> None:
    rig = door() if when == "before" else asked(door())
    rig.keypad.fault = fault
    assert reasons(rig.show(9))[:1] == [DenyReason.SECOND_FACTOR_UNAVAILABLE]
    assert rig.door.releases == []


def test_a_collection_that_cannot_be_asked_is_a_denial() -> None:
    rig = asked(door())
    assert rig.pins is not None
    rig.pins.fault = CollectionUnreadableError("damaged")
    rig.keypad.type(f"{PIN}#")
    assert reasons(rig.show(2)) == [DenyReason.SECOND_FACTOR_UNAVAILABLE]


def test_a_question_ends_with_its_track_and_its_keys_with_it() -> None:
    rig = asked(door())
    rig.keypad.type(PIN)
    rig.show(2)
    rig.mesh = None
    assert reasons(rig.show(2)) == [DenyReason.SECOND_FACTOR_MISSING]
    assert recorded(rig) == [{"state": "awaited", "person": ADA}]
    assert rig.door.indications[-1] == "ready"
    rig.mesh = make_mesh()
    rig.show(30)
    assert rig.door.indications[-1] == "enter_pin"
    rig.keypad.type("#")  # would have ended the entry of before
    assert rig.show(5) == []
    assert rig.door.releases == []


def test_a_pin_that_was_given_is_not_for_the_face_that_comes_next() -> None:
    rig = asked(door())
    rig.keypad.type(f"{PIN}#")
    rig.extractor.template = make_template(9)  # another face in the same place
    decided = rig.show(3)
    assert not any(isinstance(one.decision, Grant) for one in decided)
    assert rig.door.releases == []


def test_a_pin_is_tried_for_whom_the_door_asked_and_nobody_else_is_let_in_by_it() -> None:
    rig = asked(door())
    rig.gallery.outcome = make_match(GRACE)
    rig.gallery.known[GRACE] = make_person(GRACE)
    rig.keypad.type("7139#")  # Grace's, while Ada is asked
    decided = rig.show(3)
    assert reasons(decided) == [DenyReason.SECOND_FACTOR_WRONG]
    assert rig.pins is not None
    assert rig.pins.tries == [ADA]


def test_who_needs_no_pin_is_not_let_in_by_a_visit_in_which_another_was_asked() -> None:
    rig = DoorRig(
        texture=FakeTexture(),
        pins=FakePins({ADA: PIN}),
        liveness={"mode": "passive"},
        policy={"second_factor_groups": ("vault",)},
    )
    rig.gallery.known = {ADA: make_person(groups=("vault",)), GRACE: make_person(GRACE)}
    asked(rig)
    rig.gallery.outcome = make_match(GRACE)
    assert not any(isinstance(one.decision, Grant) for one in rig.pass_by(WITHIN_S - 1.0))
    assert rig.door.releases == []


def test_people_of_no_named_group_are_not_asked() -> None:
    rig = DoorRig(
        texture=FakeTexture(),
        pins=FakePins({}),
        liveness={"mode": "passive"},
        policy={"second_factor_groups": ("vault",)},
    )
    assert reasons(rig.show(8)) == [None]
    assert recorded(rig) == [None]


def test_the_prompt_is_shown_again_before_the_daemon_forgets_it() -> None:
    rig = asked(door())
    rig.pass_by(10.0)
    assert rig.door.indications.count("enter_pin") == 4


def test_an_attack_while_the_door_waits_for_a_pin_is_an_attack() -> None:
    rig = asked(door())
    assert rig.texture is not None
    rig.texture.score = 0.0
    rig.keypad.type("25")
    assert DenyReason.PRESENTATION_ATTACK in reasons(rig.show(20))
    assert rig.door.releases == []


def test_nobody_is_asked_while_the_door_is_held_after_an_attack() -> None:
    rig = door()
    assert rig.texture is not None
    rig.texture.score = 0.0
    rig.show(10)
    rig.mesh, rig.texture.score = None, 0.95
    rig.show(3)
    rig.mesh = make_mesh(centre=(200.0, 200.0))
    assert reasons(rig.show(40)) == [DenyReason.LOCKED_OUT]
    assert "enter_pin" not in rig.door.indications


def test_without_a_keypad_who_needs_a_pin_is_denied_as_usual() -> None:
    everybody: dict[str, object] = {"second_factor_groups": ("everyone",)}
    rig = DoorRig(texture=FakeTexture(), liveness={"mode": "passive"}, policy=everybody)
    assert reasons(rig.show(30)) == [DenyReason.SECOND_FACTOR_MISSING]


def test_a_grant_that_cannot_be_recorded_is_none_whatever_was_typed() -> None:
    rig = asked(door())
    rig.audit.capacity = len(rig.audit.events)
    rig.keypad.type(f"{PIN}#")
    assert reasons(rig.show(2)) == [DenyReason.AUDIT_UNAVAILABLE]
    assert rig.door.releases == []
