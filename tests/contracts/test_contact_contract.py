"""What every contact does, whatever is behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from door_rigs import INPUT, OUTPUTS, ContactRig, contact_rig, lines_of

from firmware_bridge.errors import LineError
from firmware_bridge.types import Reading

WIRINGS = [("low", "up"), ("high", "up"), ("high", "down"), ("low", "down"), ("high", "none"), ("low", "none")]
HEARD_WITHIN_S = 5.0


@pytest.fixture(params=OUTPUTS)
def kind(request: pytest.FixtureRequest) -> str:
    built: str = request.param
    return built


@pytest.fixture
def rex(kind: str) -> Iterator[ContactRig]:
    rig = contact_rig(kind, active="low", pull="up")
    yield rig
    rig.contact.close()


@pytest.mark.parametrize(("active", "pull"), WIRINGS)
def test_a_contact_is_active_at_the_level_that_was_named(kind: str, active: str, pull: str) -> None:
    rig = contact_rig(kind, active=active, pull=pull)
    for high in (True, False, True):
        rig.drive(high=high)
        assert rig.contact.read() is (Reading.ACTIVE if high is (active == "high") else Reading.INACTIVE)
    rig.contact.close()


def test_every_edge_is_heard(rex: ContactRig) -> None:
    rex.drive(high=True)
    heard = threading.Semaphore(0)
    rex.contact.watch(heard.release)
    for high in (False, True, False):
        rex.drive(high=high)
        assert heard.acquire(timeout=HEARD_WITHIN_S)


def test_a_closed_contact_is_silent_and_closing_twice_is_harmless(rex: ContactRig) -> None:
    rex.drive(high=True)
    heard: list[bool] = []
    rex.contact.watch(lambda: heard.append(True))
    rex.contact.close()
    rex.drive(high=False)
    rex.contact.close()
    assert heard == []


@pytest.mark.parametrize("wired", ["gpiozero-mock", "gpiod-simulated"])
def test_a_closed_contact_cannot_be_read(wired: str) -> None:
    rig = contact_rig(wired, active="low", pull="up")
    rig.contact.close()
    with pytest.raises(LineError):
        rig.contact.read()


@pytest.mark.parametrize("wired", ["gpiozero-mock", "gpiod-simulated"])
def test_the_pulses_of_two_wires_are_heard_in_order(wired: str) -> None:
    lines, behind = lines_of(wired)
    bits: list[bool] = []
    heard = threading.Semaphore(0)

    def hear(bit: bool) -> None:
        bits.append(bit)
        heard.release()

    wires = lines.pulses((INPUT, INPUT + 1 - 4), hear)
    pins = (INPUT, INPUT + 1 - 4)
    sent = [False, True, True, False, True]
    for bit in sent:
        pin = pins[bit]
        for high in (False, True):
            behind.drive(pin, high=high) if wired == "gpiod-simulated" else _drive(behind, pin, high=high)
    for _ in sent:
        assert heard.acquire(timeout=HEARD_WITHIN_S)
    assert bits == sent
    wires.close()


def _drive(factory: object, pin: int, *, high: bool) -> None:
    from firmware_bridge.gpio import drive_input

    drive_input(factory, pin, high=high)
