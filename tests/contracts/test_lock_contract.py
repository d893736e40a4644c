"""What every lock and every output does, whatever is behind it."""

from __future__ import annotations

import pytest
from door_rigs import LOCK, OUTPUTS, REAL, LockRig, OutputRig, lines_of, lock_rig, output_rig

from firmware_bridge.errors import LineError, PinConflictError
from firmware_bridge.ports import Lock, Output


@pytest.fixture(params=[*OUTPUTS, REAL])
def rig(request: pytest.FixtureRequest) -> LockRig:
    return lock_rig(request.param)


@pytest.fixture(params=OUTPUTS)
def lamp(request: pytest.FixtureRequest) -> OutputRig:
    return output_rig(request.param)


def test_a_new_lock_is_secured(rig: LockRig) -> None:
    assert not rig.is_high()


def test_a_new_lock_makes_no_pulse(rig: LockRig) -> None:
    if rig.levels is not None:
        assert not any(rig.levels())


def test_release_is_high_and_secure_is_low(rig: LockRig) -> None:
    rig.lock.release()
    assert rig.is_high()
    rig.lock.secure()
    assert not rig.is_high()


def test_repeating_changes_nothing(rig: LockRig) -> None:
    rig.lock.secure()
    for _ in range(3):
        rig.lock.release()
    assert rig.is_high()
    if rig.levels is not None:
        assert rig.levels().count(True) == 1


def test_closing_a_released_lock_secures_it_first(rig: LockRig) -> None:
    rig.lock.release()
    rig.lock.close()
    assert not rig.is_high()


def test_closing_twice_is_harmless(rig: LockRig) -> None:
    rig.lock.close()
    rig.lock.close()


def test_a_closed_lock_cannot_be_released(rig: LockRig) -> None:
    rig.lock.close()
    with pytest.raises(LineError):
        rig.lock.release()
    assert not rig.is_high()


def test_an_output_is_off_until_it_is_switched_on_and_off_when_it_is_closed(lamp: OutputRig) -> None:
    seen = [lamp.is_high()]
    lamp.output.switch_on()
    seen.append(lamp.is_high())
    lamp.output.switch_off()
    seen.append(lamp.is_high())
    lamp.output.switch_on()
    lamp.output.close()
    seen.append(lamp.is_high())
    assert seen == [False, True, False, False]


@pytest.mark.parametrize("kind", ["gpiozero-mock", "gpiod-simulated"])
def test_one_pin_has_one_owner(kind: str) -> None:
    lines, _ = lines_of(kind)
    first: Lock = lines.lock(LOCK, "lock")
    with pytest.raises(PinConflictError, match="lamp"):
        lines.output(LOCK, "lamp")
    first.close()
    again: Output = lines.output(LOCK, "lamp")
    again.close()


def test_a_pin_that_is_not_there_is_a_line_error() -> None:
    lines, _ = lines_of("gpiozero-mock")
    with pytest.raises(LineError, match="lock"):
        lines.lock(400, "lock")
