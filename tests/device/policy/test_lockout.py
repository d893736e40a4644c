from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.policy.lockout import NOT_THEIR_DOING, Lockout, LockoutSettings
from device.types import DenyReason, TrackId

STRANGER = TrackId(1)
QUICK = LockoutSettings(max_denials=3, window_s=60.0, pause_s=5.0, pause_at_most_s=30.0)


def deny(lockout: Lockout, times: int, *, at: float, reason: DenyReason = DenyReason.NOT_ENROLLED) -> list[float]:
    return [lockout.note_denial(TrackId(number), reason, at=at + number) for number in range(times)]


def test_a_few_denials_pause_nobody_and_one_more_pauses_the_door() -> None:
    lockout = Lockout(QUICK)
    assert deny(lockout, 3, at=0.0) == [0.0, 0.0, 0.0]
    assert not lockout.is_paused(3.0)
    assert lockout.note_denial(STRANGER, DenyReason.AMBIGUOUS, at=4.0) == 5.0
    assert lockout.is_paused(8.9)
    assert not lockout.is_paused(9.0)


def test_pauses_double_up_to_their_limit_and_are_forgiven() -> None:
    lockout = Lockout(QUICK)
    pauses = [deny(lockout, 4, at=40.0 * number)[-1] for number in range(5)]
    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0]
    assert deny(lockout, 4, at=5000.0)[-1] == 5.0


def test_denials_further_apart_than_the_window_do_not_add_up() -> None:
    lockout = Lockout(QUICK)
    assert {lockout.note_denial(STRANGER, DenyReason.NOT_ENROLLED, at=21.0 * n) for n in range(50)} == {0.0}


@pytest.mark.parametrize("reason", sorted(NOT_THEIR_DOING))
def test_the_doors_own_faults_slow_nobody_down(reason: DenyReason) -> None:
    assert set(deny(Lockout(QUICK), 50, at=0.0, reason=reason)) == {0.0}


def test_who_stays_rests_longer_after_each_denial_until_leaving() -> None:
    lockout = Lockout(LockoutSettings())
    rests = []
    for number in range(6):
        lockout.note_denial(STRANGER, DenyReason.NOT_ENROLLED, at=60.0 * number)
        rests.append(lockout.rest_s(STRANGER, usual_s=3.0))
    assert rests == [3.0, 6.0, 12.0, 24.0, 30.0, 30.0]
    lockout.forget(set())
    assert lockout.rest_s(STRANGER, usual_s=3.0) == 3.0
    assert lockout.rest_s(STRANGER, usual_s=100.0) == 100.0


def test_an_operator_can_clear_it() -> None:
    lockout = Lockout(QUICK)
    deny(lockout, 4, at=0.0)
    lockout.clear()
    assert not lockout.is_paused(4.0)


@given(st.lists(st.tuples(st.floats(0.0, 50.0), st.sampled_from(sorted(DenyReason))), max_size=80))
def test_no_pause_is_longer_than_agreed_and_no_window_has_more_denials_than_agreed(
    steps: list[tuple[float, DenyReason]],
) -> None:
    lockout, now, counted = Lockout(QUICK), 0.0, []
    for wait, reason in steps:
        now += wait
        if lockout.is_paused(now):
            continue
        pause_s = lockout.note_denial(STRANGER, reason, at=now)
        assert 0.0 <= pause_s <= 30.0
        if reason not in NOT_THEIR_DOING:
            counted.append(now)
        if not pause_s and len(counted) > 3 and not lockout.is_paused(now):
            recent = [at for at in counted if at > now - 60.0]
            assert len(recent) <= 2 * 3 + 2


@pytest.mark.parametrize(
    "settings", [{"max_denials": 0}, {"window_s": 0.0}, {"pause_s": 0.0}, {"pause_s": 31.0}, {"window_s": float("nan")}]
)
def test_settings_that_slow_nobody_or_everybody_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        LockoutSettings(**settings)  # type: ignore[arg-type]
