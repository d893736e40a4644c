"""Random lives of a door against an oracle that works differently."""

from __future__ import annotations

from collections.abc import Iterator

from door_oracle import Oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_bridge.clock import FakeClock
from firmware_bridge.config import DoorSection, RexSection
from firmware_bridge.door import Door
from firmware_bridge.types import (
    EndFreePassage,
    EndLockdown,
    FreePassage,
    Lockdown,
    Release,
    Secure,
    Sensed,
    Signal,
)

SEQUENCES = 10_000
REX = RexSection(release_s=2.0, max_s=6.0)
WHO = "uid 1"
SIGNALS: tuple[Signal, ...] = (
    Release(1.0, WHO, 1),
    Release(4.0, WHO, 2),
    Release(99.0, WHO, 3),
    Release(1.0, WHO, 4, is_extended=True),
    Secure(WHO),
    Lockdown(WHO),
    EndLockdown(WHO),
    FreePassage(WHO, 5.0),
    FreePassage(WHO),
    EndFreePassage(WHO),
    *Sensed,
    # What people do at a door all day comes three times as often as what operators do.
    *(Sensed.REX_PRESSED, Sensed.REX_LET_GO, Sensed.OPENED, Sensed.CLOSED) * 2,
)
STEPS_S = (0.0, 0.0, 0.1, 0.1, 0.2, 0.5, 1.0, 1.5, 2.5, 4.0, 7.0)
RELOCKS = ("timer", "open", "close")


def times(relock_on: int) -> DoorSection:
    return DoorSection(
        max_release_s=8.0,
        extended_release_s=3.0,
        relock_on=RELOCKS[relock_on],  # type: ignore[arg-type]
        held_warning_after_s=2.0,
        held_after_s=5.0,
        extended_held_extra_s=3.0,
        forced_grace_s=0.15,
    )


def life(script: bytes) -> Iterator[tuple[Signal, float, bool]]:
    """Each byte pair is one thing that happens: the signal, how long after the last, and whether the loop was late."""
    for what, when in zip(script[::2], script[1::2], strict=False):
        yield SIGNALS[what % len(SIGNALS)], STEPS_S[when % len(STEPS_S)], when >= 200


def pass_time(door: Door, oracle: Oracle, clock: FakeClock, seconds: float) -> None:
    """Let time pass as the daemon's loop does: the timer signal comes at every deadline."""
    until = clock.monotonic() + seconds
    while (deadline := door.next_deadline) is not None and deadline <= until:
        clock.advance(max(0.0, deadline - clock.monotonic()))
        if clock.monotonic() < deadline:  # the sum of floats fell short of it
            clock.advance(1e-9)
        door.accept(Sensed.TIMER)
        oracle.look(clock.monotonic())
        agree(door, oracle, clock)
    clock.advance(max(0.0, until - clock.monotonic()))


def agree(door: Door, oracle: Oracle, clock: FakeClock) -> None:
    now = clock.monotonic()
    assert door.is_released == oracle.is_released(now), (now, oracle.history)
    assert door.is_released == bool(door.causes)
    assert door.state is oracle.state(now), (now, oracle.history)


def live(script: bytes, relock_on: int) -> tuple[Door, Oracle, FakeClock]:
    clock = FakeClock(monotonic_s=0.0)
    door, oracle = Door(times(relock_on), REX, clock, is_open=False), Oracle(times(relock_on), REX)
    for signal, after_s, is_late in life(script):
        if is_late:
            clock.advance(after_s)
        else:
            pass_time(door, oracle, clock, after_s)
        door.accept(signal)
        oracle.tell(clock.monotonic(), signal)
        pass_time(door, oracle, clock, 0.0)
        agree(door, oracle, clock)
    return door, oracle, clock


@settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(script=st.binary(min_size=8, max_size=80), relock_on=st.integers(0, 2))
def test_any_sequence_of_inputs_leaves_the_lock_where_the_oracle_says(script: bytes, relock_on: int) -> None:
    door, oracle, clock = live(script, relock_on)

    door.accept(Sensed.REX_PRESSED)
    assert door.is_released, "the exit button releases in every state and mode"

    for ending in (Sensed.REX_LET_GO, Sensed.FIRE_CLEARED, EndFreePassage(WHO)):
        door.accept(ending)
    clock.advance(max(REX.max_s, 8.0))
    door.accept(Sensed.TIMER)
    assert not door.is_released, "after the last timer the lock is secured"
    assert oracle.history
