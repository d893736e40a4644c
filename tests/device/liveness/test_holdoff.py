"""After attacks the door waits, longer each time."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import LivenessSettings
from device.liveness.holdoff import FAILED_CHALLENGES, HoldOff

SETTINGS = LivenessSettings(hold_off_s=5.0, hold_off_at_most_s=60.0, forgive_after_s=900.0)


def test_a_door_that_saw_no_attack_waits_for_nothing() -> None:
    assert not HoldOff(SETTINGS).is_active(0.0)


def test_each_attack_holds_the_door_twice_as_long_up_to_the_limit() -> None:
    hold_off, at, held = HoldOff(SETTINGS), 0.0, []
    for _ in range(6):
        hold_off.note_attack(at)
        held.append(hold_off.until - at)
        at = hold_off.until
    assert held == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_it_ends_by_itself() -> None:
    hold_off = HoldOff(SETTINGS)
    hold_off.note_attack(100.0)
    assert hold_off.is_active(104.9)
    assert not hold_off.is_active(105.0)


def test_after_a_long_quiet_the_count_starts_over() -> None:
    hold_off = HoldOff(SETTINGS)
    hold_off.note_attack(0.0)
    hold_off.note_attack(10.0)
    hold_off.note_attack(1000.0)
    assert hold_off.until == 1005.0


def test_some_failed_challenges_in_a_row_weigh_as_one_attack() -> None:
    hold_off = HoldOff(SETTINGS)
    for number in range(FAILED_CHALLENGES):
        assert not hold_off.is_active(float(number))
        hold_off.note_failed_challenge(float(number))
    assert hold_off.is_active(float(FAILED_CHALLENGES))


def test_a_grant_forgives_clumsiness_and_not_attacks() -> None:
    hold_off = HoldOff(SETTINGS)
    hold_off.note_attack(0.0)
    for _ in range(FAILED_CHALLENGES - 1):
        hold_off.note_failed_challenge(10.0)
    hold_off.note_grant()
    hold_off.note_failed_challenge(11.0)
    assert not hold_off.is_active(11.0)
    hold_off.note_attack(20.0)
    assert hold_off.until == 30.0  # the second attack


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_it_never_holds_longer_than_agreed_after_the_newest_attack(times: list[float]) -> None:
    hold_off = HoldOff(SETTINGS)
    for at in sorted(times):
        hold_off.note_attack(at)
        assert SETTINGS.hold_off_s <= hold_off.until - at <= SETTINGS.hold_off_at_most_s + 1e-6


@pytest.mark.parametrize(("key", "value"), [("hold_off_s", 7.0), ("hold_off_at_most_s", 5.0), ("forgive_after_s", 5.0)])
def test_each_configured_time_counts(key: str, value: float) -> None:
    def held(settings: LivenessSettings) -> float:
        hold_off = HoldOff(settings)
        for at in (0.0, 10.0):
            hold_off.note_attack(at)
        return hold_off.until

    assert held(SETTINGS) != held(msgspec.structs.replace(SETTINGS, **{key: value}))
