"""The doorkeeper: rules, wires and spool together, on simulated wires."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from door_builders import WHO, release
from keeper_rig import Rig

from firmware_bridge.panel import PanelKey, PanelLight, PanelRelease, PanelSecure, PanelSound, PanelSwitch
from firmware_bridge.pattern import Pattern, Step
from firmware_bridge.types import Cause, DoorState, EventKind, Indication, Lockdown, Mode, Reading

ACTIVE, INACTIVE, CUT, SHORT = Reading.ACTIVE, Reading.INACTIVE, Reading.CUT, Reading.SHORT
TONE = Pattern((Step(frozenset({"buzzer"}), 1.0),), repeats=True, lasts_s=1.0)
RED = Pattern((Step(frozenset({"red"}), 1.0),), repeats=True)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    built = Rig(tmp_path)
    yield built
    built.spool.close()


def test_a_release_drives_the_lock_and_time_drives_it_back(rig: Rig) -> None:
    rig.keeper.accept(release(5.0))
    assert rig.lock.is_released
    rig.pass_time(5.0)
    assert rig.lock.levels == [False, True, False]
    assert rig.kinds == [EventKind.STARTED, EventKind.RELEASED, EventKind.SECURED]


def test_a_whole_passage_is_kept_with_whose_it_was(rig: Rig) -> None:
    rig.keeper.accept(release(5.0, row=41))
    rig.show("position", ACTIVE)
    rig.show("position", INACTIVE)
    assert rig.kinds[1:] == [EventKind.RELEASED, EventKind.OPENED, EventKind.CLOSED, EventKind.SECURED]
    assert [event.audit_sequence for event in rig.events[1:]] == [41, 41, None, 41]
    assert [event.sequence for event in rig.events] == [1, 2, 3, 4, 5]
    assert rig.events[1].actor == WHO
    assert rig.events[1].utc == "2026-01-05T09:00:00.000+00:00"


def test_the_exit_button_releases_after_its_debounce_and_not_before(rig: Rig) -> None:
    rig.contacts["rex"].show(ACTIVE)
    rig.keeper.tick()
    rig.pass_time(0.004)
    assert not rig.lock.is_released
    rig.pass_time(0.0011)
    assert rig.lock.is_released


def test_a_spike_on_the_exit_button_releases_nothing(rig: Rig) -> None:
    rig.contacts["rex"].show(ACTIVE)
    rig.keeper.tick()
    rig.pass_time(0.003)
    rig.contacts["rex"].show(INACTIVE)
    rig.keeper.tick()
    rig.pass_time(1.0)
    assert rig.lock.levels == [False]


def test_outputs_are_driven_before_anything_is_written(rig: Rig) -> None:
    seen: list[bool] = []
    rig.keeper.heard.append(lambda _occurrence: seen.append(rig.lock.is_released))
    rig.keeper.accept(release(5.0))
    assert seen == [True]


def test_a_lock_line_that_fails_is_a_fault_told_once_and_tried_again(rig: Rig) -> None:
    rig.lock.break_wire()
    rig.keeper.accept(release(5.0))
    rig.pass_time(2.0)
    assert rig.status.faults == ("lock: the line cannot be driven",)
    assert not rig.status.is_released, "the status tells what the line is driven to"
    assert rig.kinds.count(EventKind.LINE_FAULT) == 1
    rig.lock.mend_wire()
    rig.pass_time(1.0)
    assert rig.lock.is_released
    assert rig.status.faults == ()
    assert EventKind.LINE_RESTORED in rig.kinds


def test_a_cut_fire_loop_releases_and_says_that_it_is_cut(rig: Rig) -> None:
    rig.show("fire", CUT)
    assert rig.lock.is_released
    assert rig.status.mode is Mode.FIRE
    assert rig.status.faults == ("fire: the line reads cut",)
    rig.show("fire", SHORT)
    assert rig.status.faults == ("fire: the line reads short",)
    rig.show("fire", INACTIVE)
    assert not rig.lock.is_released
    assert rig.status.faults == ()


def test_a_cut_exit_button_is_a_fault_and_releases_nothing(rig: Rig) -> None:
    rig.show("rex", CUT)
    assert not rig.lock.is_released
    assert rig.status.inputs["rex"] is CUT
    assert EventKind.LINE_FAULT in rig.kinds


def test_a_cut_position_switch_keeps_what_it_said_last(rig: Rig) -> None:
    rig.show("position", CUT)
    assert rig.status.state is DoorState.SECURED, "a cut wire does not force a door"
    assert rig.status.faults


def test_tamper_alarms(rig: Rig) -> None:
    rig.show("tamper", ACTIVE)
    assert rig.status.is_tampered
    assert rig.status.indication is Indication.ALARM


def test_the_partner_door_is_a_fact_for_the_policy_and_nothing_else(rig: Rig) -> None:
    assert rig.status.partner_is_sealed is False
    rig.show("partner", ACTIVE)
    assert rig.status.partner_is_sealed is True
    assert rig.kinds == [EventKind.STARTED]
    assert rig.status.is_sealed
    rig.keeper.accept(release(5.0))
    assert not rig.status.is_sealed


def test_what_is_active_at_the_start_is_obeyed_at_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, before={"fire": ACTIVE, "tamper": ACTIVE, "position": ACTIVE})
    assert rig.lock.is_released
    assert rig.status.state is DoorState.OPEN
    assert rig.kinds[:3] == [EventKind.STARTED, EventKind.TAMPER, EventKind.FIRE]
    assert rig.events[0].detail == "door open"
    rig.spool.close()


def test_a_line_that_is_broken_at_the_start_is_said_at_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, before={"rex": SHORT})
    assert rig.status.faults == ("rex: the line reads short",)
    rig.spool.close()


@pytest.mark.parametrize(("follows", "expected"), [
    ("released", [False, True, False, False]),
    ("sealed", [True, False, True, False]),
    ("alarm", [False, False, False, True]),
    ("panel", [False, False, False, False]),
])  # fmt: skip
def test_the_auxiliary_relay_follows_what_it_is_told_to(tmp_path: Path, follows: str, expected: list[bool]) -> None:
    rig = Rig(tmp_path, follows=follows)
    rig.keeper.tick()
    seen = [rig.aux.is_on]
    rig.keeper.accept(release(5.0))
    seen.append(rig.aux.is_on)
    rig.pass_time(5.0)
    seen.append(rig.aux.is_on)
    rig.pass_time(5.0)
    rig.show("position", ACTIVE)
    seen.append(rig.aux.is_on)
    assert seen == expected
    rig.spool.close()


def test_the_lamps_show_what_vision_asks_for_and_the_door_s_standing_otherwise(rig: Rig) -> None:
    rig.keeper.indicate(Indication.HOLD_STILL)
    assert rig.lit() == {"blue"}
    rig.keeper.accept(release(5.0))
    rig.keeper.indicate(Indication.GRANTED)
    assert rig.lit() == {"green", "buzzer"}
    rig.pass_time(0.5)
    assert rig.lit() == {"green"}
    rig.pass_time(3.0)
    assert rig.status.indication is Indication.RELEASED
    rig.pass_time(3.0)
    assert rig.status.indication is Indication.READY
    rig.keeper.accept(Lockdown(WHO))
    assert (rig.status.indication, rig.lit()) == (Indication.LOCKDOWN, {"red"})


def test_a_held_door_warns_the_person_and_then_alarms(rig: Rig) -> None:
    rig.keeper.accept(release(5.0))
    rig.show("position", ACTIVE)
    rig.pass_time(20.0)
    assert rig.status.indication is Indication.HELD_WARNING
    rig.pass_time(10.0)
    assert (rig.status.indication, rig.status.state) == (Indication.ALARM, DoorState.HELD)


def test_a_light_code_is_flashed_in_its_time(rig: Rig) -> None:
    code = Pattern(
        tuple(Step(frozenset(lit), 0.1) for lit in ({"red"}, {"white"}, set(), {"red", "white"})), repeats=False
    )
    assert rig.keeper.emit(code) == rig.clock.monotonic()
    rig.pass_time(1.0)
    assert rig.emitters["red"].levels == [False, True, False, True, False]
    assert rig.emitters["white"].levels == [False, True, False, True, False]


def test_the_panel_s_orders_are_obeyed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, follows="panel")
    rig.keeper.obey_panel(PanelLight(RED, is_temporary=False))
    rig.keeper.obey_panel(PanelSound(TONE))
    assert rig.lit() == {"red", "buzzer"}
    rig.keeper.obey_panel(PanelSwitch(is_on=True, duration_s=0.5))
    assert rig.aux.is_on
    rig.pass_time(1.0)
    assert not rig.aux.is_on
    assert rig.lit() == {"red"}
    rig.keeper.obey_panel(PanelRelease(3.0))
    assert (rig.lock.is_released, rig.status.causes) == (True, (Cause.PANEL,))
    rig.keeper.obey_panel(PanelSecure())
    assert not rig.lock.is_released
    rig.keeper.obey_panel(PanelKey(b"\xab" * 16))
    assert rig.events[-1].kind is EventKind.KEY_CHANGED
    assert "abab" not in str(rig.events[-1])
    rig.spool.close()


def test_a_full_spool_loses_its_oldest_and_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for _ in range(600):
        rig.keeper.accept(release(0.01))
        rig.pass_time(0.02)
    assert len(rig.events) <= 1000
    lost = [event for event in rig.events if event.kind is EventKind.EVENTS_LOST]
    assert lost
    assert lost[0].detail == "100 events"
    rig.spool.close()
