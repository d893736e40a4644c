"""What a door does, one rule at a time. The clock moves only when told to."""

from __future__ import annotations

import pytest
from door_builders import WHO, door_at, kinds, release

from firmware_bridge.clock import FakeClock
from firmware_bridge.door import TRANSITIONS, Move, next_state
from firmware_bridge.types import (
    Cause,
    DoorState,
    EndFreePassage,
    EndLockdown,
    EventKind,
    FreePassage,
    Lockdown,
    Mode,
    Occurrence,
    Secure,
    Sensed,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_every_state_has_a_row_and_every_move_leads_to_a_state() -> None:
    assert set(TRANSITIONS) == set(DoorState)
    assert {state for row in TRANSITIONS.values() for state in row.values()} == set(DoorState)


@pytest.mark.parametrize("state", DoorState)
@pytest.mark.parametrize("move", Move)
def test_a_move_that_means_nothing_in_a_state_changes_nothing(state: DoorState, move: Move) -> None:
    assert next_state(state, move) is TRANSITIONS[state].get(move, state)


def test_a_door_begins_secured_and_closed(clock: FakeClock) -> None:
    door = door_at(clock)
    assert (door.state, door.is_released, door.is_sealed, door.next_deadline) == (DoorState.SECURED, False, True, None)


def test_a_release_lasts_as_long_as_asked_and_then_the_lock_is_secured(clock: FakeClock) -> None:
    door = door_at(clock)
    assert kinds(door.accept(release(5.0))) == [EventKind.RELEASED]
    assert door.state is DoorState.RELEASED
    clock.advance(4.99)
    assert door.accept(Sensed.TIMER) == ()
    clock.advance(0.01)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.SECURED]
    assert door.state is DoorState.SECURED


def test_a_release_tells_whose_it_is_and_the_securing_whether_anybody_went_through(clock: FakeClock) -> None:
    door = door_at(clock, relock_on="timer")
    assert door.accept(release(5.0, row=41)) == (Occurrence(EventKind.RELEASED, Cause.COMMAND, WHO, 41),)
    clock.advance(5.0)
    assert door.accept(Sensed.TIMER) == (Occurrence(EventKind.SECURED, Cause.COMMAND, WHO, 41, "not opened"),)
    door.accept(release(5.0, row=42))
    opened = door.accept(Sensed.OPENED)
    assert opened == (Occurrence(EventKind.OPENED, Cause.COMMAND, WHO, 42),), "anti-passback asks who went through"
    clock.advance(5.0)
    assert door.accept(Sensed.TIMER)[0].detail == "opened"


def test_without_a_position_switch_nobody_claims_to_know_who_went_through(clock: FakeClock) -> None:
    door = door_at(clock, is_open=None)
    door.accept(release(1.0))
    clock.advance(1.0)
    assert door.accept(Sensed.TIMER)[0].detail == ""


def test_a_second_release_extends_the_first_and_never_shortens_it(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(release(10.0))
    assert kinds(door.accept(release(2.0))) == [EventKind.RELEASED], "it is an event of its own"
    clock.advance(9.9)
    door.accept(Sensed.TIMER)
    assert door.is_released


def test_no_release_is_longer_than_the_door_allows(clock: FakeClock) -> None:
    door = door_at(clock, max_release_s=20.0)
    door.accept(release(3600.0))
    clock.advance(20.0)
    door.accept(Sensed.TIMER)
    assert not door.is_released


def test_a_person_who_needs_longer_gets_the_accessibility_times(clock: FakeClock) -> None:
    door = door_at(
        clock, extended_release_s=15.0, held_warning_after_s=20.0, held_after_s=30.0, extended_held_extra_s=30.0
    )
    door.accept(release(5.0, extended=True))
    clock.advance(14.0)
    door.accept(Sensed.OPENED)
    assert door.state is DoorState.OPEN
    clock.advance(49.0)
    assert EventKind.HELD_WARNING not in kinds(door.accept(Sensed.TIMER))
    clock.advance(1.0)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.HELD_WARNING]
    clock.advance(10.0)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.HELD]


@pytest.mark.parametrize(("relock_on", "after_opening", "after_closing"), [
    ("timer", True, True),
    ("open", False, False),
    ("close", True, False),
])  # fmt: skip
def test_the_lock_relocks_when_it_is_told_to(
    clock: FakeClock, relock_on: str, after_opening: bool, after_closing: bool
) -> None:
    door = door_at(clock, relock_on=relock_on)
    door.accept(release(60.0))
    door.accept(Sensed.OPENED)
    assert door.is_released is after_opening
    door.accept(Sensed.CLOSED)
    assert door.is_released is after_closing


def test_a_door_opened_without_a_release_is_forced_until_it_is_closed(clock: FakeClock) -> None:
    door = door_at(clock)
    assert kinds(door.accept(Sensed.OPENED)) == [EventKind.FORCED]
    assert door.is_alarmed
    door.accept(release(1.0))
    assert door.state is DoorState.FORCED, "a later grant does not make it right"
    assert kinds(door.accept(Sensed.CLOSED))[0] is EventKind.CLOSED
    assert not door.is_alarmed


def test_a_door_opened_in_the_moment_of_relocking_is_not_forced(clock: FakeClock) -> None:
    door = door_at(clock, forced_grace_s=0.3)
    door.accept(release(1.0))
    clock.advance(1.0)
    door.accept(Sensed.TIMER)
    clock.advance(0.3)
    assert kinds(door.accept(Sensed.OPENED)) == [EventKind.OPENED]
    assert door.state is DoorState.OPEN


def test_a_door_left_open_warns_and_then_is_held(clock: FakeClock) -> None:
    door = door_at(clock, held_warning_after_s=20.0, held_after_s=30.0)
    door.accept(release(5.0))
    door.accept(Sensed.OPENED)
    clock.advance(20.0)
    assert EventKind.HELD_WARNING in kinds(door.accept(Sensed.TIMER))
    assert door.is_warning
    clock.advance(10.0)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.HELD]
    assert (door.state, door.is_warning, door.is_alarmed) == (DoorState.HELD, False, True)
    door.accept(Sensed.CLOSED)
    assert (door.state, door.is_alarmed) == (DoorState.SECURED, False)


def test_held_timers_of_zero_never_run(clock: FakeClock) -> None:
    door = door_at(clock, held_warning_after_s=0.0, held_after_s=0.0, relock_on="open")
    door.accept(release(5.0))
    door.accept(Sensed.OPENED)
    assert door.next_deadline is None


def test_a_door_that_was_open_at_the_start_is_neither_forced_nor_forgotten(clock: FakeClock) -> None:
    door = door_at(clock, is_open=True, held_after_s=30.0)
    assert (door.state, door.is_released) == (DoorState.OPEN, False)
    clock.advance(30.0)
    assert EventKind.HELD in kinds(door.accept(Sensed.TIMER))


def test_the_exit_button_releases_for_its_time_and_while_it_is_pressed(clock: FakeClock) -> None:
    door = door_at(clock)
    assert kinds(door.accept(Sensed.REX_PRESSED)) == [EventKind.REX, EventKind.RELEASED]
    clock.advance(0.1)
    door.accept(Sensed.REX_LET_GO)
    assert door.is_released, "a short press still counts for its time"
    clock.advance(4.9)
    door.accept(Sensed.TIMER)
    assert not door.is_released
    door.accept(Sensed.REX_PRESSED)
    clock.advance(20.0)
    door.accept(Sensed.TIMER)
    assert door.is_released, "while it is pressed it asks"
    assert kinds(door.accept(Sensed.REX_LET_GO)) == [EventKind.SECURED]


def test_a_stuck_exit_button_is_a_fault_and_works_again_when_it_is_free(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(Sensed.REX_PRESSED)
    clock.advance(30.0)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.LINE_FAULT, EventKind.SECURED]
    assert kinds(door.accept(Sensed.REX_LET_GO)) == [EventKind.LINE_RESTORED]
    door.accept(Sensed.REX_PRESSED)
    assert door.is_released


def test_a_pressed_exit_button_outlives_the_closing_of_the_door(clock: FakeClock) -> None:
    door = door_at(clock, relock_on="close")
    door.accept(Sensed.REX_PRESSED)
    door.accept(Sensed.OPENED)
    door.accept(Sensed.CLOSED)
    assert door.state is DoorState.RELEASED
    door.accept(Sensed.REX_LET_GO)
    assert door.state is DoorState.SECURED


def test_a_lockdown_ends_what_was_commanded_and_refuses_more(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(release(60.0))
    door.accept(FreePassage(WHO))
    assert kinds(door.accept(Lockdown(WHO))) == [EventKind.LOCKDOWN, EventKind.FREE_PASSAGE_ENDED, EventKind.SECURED]
    refused = door.accept(release(5.0, row=9))
    assert refused == (Occurrence(EventKind.COMMAND_REFUSED, Cause.COMMAND, WHO, 9, "lockdown"),)
    assert kinds(door.accept(FreePassage(WHO))) == [EventKind.COMMAND_REFUSED]
    assert kinds(door.accept(release(5.0, cause=Cause.PANEL))) == [EventKind.COMMAND_REFUSED]
    assert door.mode is Mode.LOCKDOWN
    assert not door.is_released


def test_in_a_lockdown_the_exit_button_and_the_fire_panel_still_release(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(Lockdown(WHO))
    door.accept(Sensed.REX_PRESSED)
    assert door.is_released
    door.accept(Sensed.REX_LET_GO)
    clock.advance(5.0)
    door.accept(Sensed.FIRE_RAISED)
    assert (door.is_released, door.mode) == (True, Mode.FIRE)


def test_after_a_lockdown_nothing_comes_back_by_itself(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(FreePassage(WHO))
    door.accept(Lockdown(WHO))
    assert kinds(door.accept(Lockdown(WHO))) == [], "a second one is no news"
    assert kinds(door.accept(EndLockdown(WHO))) == [EventKind.LOCKDOWN_ENDED]
    assert kinds(door.accept(EndLockdown(WHO))) == []
    assert (door.is_released, door.mode) == (False, Mode.NORMAL)


def test_free_passage_ends_when_it_was_said_to_and_the_last_word_counts(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(FreePassage(WHO, 100.0))
    door.accept(FreePassage(WHO, 10.0))
    assert door.mode is Mode.FREE_PASSAGE
    clock.advance(10.0)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.FREE_PASSAGE_ENDED, EventKind.SECURED]
    door.accept(FreePassage(WHO))
    clock.advance(1e6)
    door.accept(Sensed.TIMER)
    assert door.is_released
    door.accept(EndFreePassage(WHO))
    assert not door.is_released


def test_in_free_passage_and_fire_a_door_may_stand_open(clock: FakeClock) -> None:
    door = door_at(clock, held_after_s=30.0)
    for begin, end in ((FreePassage(WHO), EndFreePassage(WHO)), (Sensed.FIRE_RAISED, Sensed.FIRE_CLEARED)):
        door.accept(begin)
        door.accept(Sensed.OPENED)
        clock.advance(1000.0)
        door.accept(Sensed.TIMER)
        assert door.state is DoorState.OPEN
        door.accept(end)
        clock.advance(30.0)
        assert EventKind.HELD in kinds(door.accept(Sensed.TIMER)), "afterwards it is counted from then on"
        door.accept(Sensed.CLOSED)


def test_securing_ends_commands_only(clock: FakeClock) -> None:
    door = door_at(clock)
    door.accept(release(60.0))
    door.accept(release(60.0, cause=Cause.PANEL))
    door.accept(Sensed.REX_PRESSED)
    door.accept(Secure("panel", (Cause.PANEL,)))
    assert door.causes == (Cause.COMMAND, Cause.REX)
    door.accept(Secure(WHO))
    assert door.causes == (Cause.REX,)
    door.accept(Sensed.FIRE_RAISED)
    door.accept(Secure(WHO))
    assert door.causes == (Cause.REX, Cause.FIRE)


def test_tamper_alarms_and_releases_nothing(clock: FakeClock) -> None:
    door = door_at(clock)
    assert kinds(door.accept(Sensed.TAMPERED)) == [EventKind.TAMPER]
    assert (door.is_alarmed, door.is_released) == (True, False)
    assert kinds(door.accept(Sensed.TAMPER_CLEARED)) == [EventKind.TAMPER_CLEARED]
    assert not door.is_alarmed


def test_a_loop_that_was_late_still_does_everything_in_order(clock: FakeClock) -> None:
    door = door_at(clock, relock_on="timer", held_warning_after_s=20.0, held_after_s=30.0)
    door.accept(release(5.0))
    door.accept(Sensed.OPENED)
    clock.advance(1000.0)
    assert kinds(door.accept(Sensed.TIMER)) == [EventKind.SECURED, EventKind.HELD_WARNING, EventKind.HELD]


def test_the_next_deadline_is_the_earliest_of_all_timers(clock: FakeClock) -> None:
    door = door_at(clock, relock_on="timer", held_warning_after_s=20.0)
    now = clock.monotonic()
    door.accept(release(25.0))
    assert door.next_deadline == now + 25.0
    door.accept(Sensed.OPENED)
    assert door.next_deadline == now + 20.0
    door.accept(Sensed.REX_PRESSED)
    clock.advance(1.0)
    door.accept(Sensed.REX_LET_GO)
    assert door.next_deadline == now + 5.0
