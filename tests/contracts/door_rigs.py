"""Every implementation of the door's wires, each with a way to look at them and to move them from outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from simulated_gpiod import Chip

from firmware_bridge.errors import BridgeError
from firmware_bridge.fake import FakeContact, FakeLock, FakeOutput
from firmware_bridge.gpio import drive_input, open_mock
from firmware_bridge.gpio_lines import GpioLines
from firmware_bridge.gpiod_lines import GpiodLines
from firmware_bridge.lines import Lines
from firmware_bridge.ports import Contact, Lock, Output
from firmware_bridge.sections import ContactSection
from firmware_bridge.types import Reading

LOCK, INPUT = 17, 27

OUTPUTS = ["fake", "gpiozero-mock", "gpiod-simulated"]
REAL = pytest.param("real-pins", marks=pytest.mark.hardware)


@dataclass
class LockRig:
    lock: Lock
    is_high: Callable[[], bool]
    levels: Callable[[], list[bool]] | None  # the wire's history, where it can be had


@dataclass
class OutputRig:
    output: Output
    is_high: Callable[[], bool]


class Drive(Protocol):
    """Sets the level of the wire outside."""

    def __call__(self, *, high: bool) -> None: ...


@dataclass
class ContactRig:
    contact: Contact
    drive: Drive


def lines_of(kind: str) -> tuple[Lines, Any]:
    """The lines of one implementation, and what is behind them."""
    if kind == "gpiozero-mock":
        factory = open_mock()
        return GpioLines(factory, None), factory
    if kind == "gpiod-simulated":
        chip = Chip()
        return GpiodLines(chip.module, "/dev/gpiochip0"), chip
    return real_lines(), None


def real_lines() -> Lines:
    """This machine's own pins; LINTEL_TEST_LOOP names two that are joined by a wire, such as "17,27"."""
    from pathlib import Path

    from firmware_bridge.gpio import open_lgpio

    try:
        return GpioLines(open_lgpio(0, Path.cwd()), 0)
    except BridgeError as error:
        pytest.skip(str(error))


def joined_pins() -> tuple[int, int]:
    """The output and the input that a jumper wire joins, for the tests on real pins."""
    text = os.environ.get("LINTEL_TEST_LOOP", "")
    if not text:
        pytest.skip("LINTEL_TEST_LOOP does not name two joined pins")
    out, back = text.split(",")
    return int(out), int(back)


def lock_rig(kind: str) -> LockRig:
    if kind == "fake":
        fake = FakeLock()
        return LockRig(fake, lambda: fake.is_released, lambda: fake.levels)
    lines, behind = lines_of(kind)
    if kind == "real-pins":
        out, back = joined_pins()
        reader = lines.contact(ContactSection(pin=back, active="high", pull="down"), "loop")
        return LockRig(lines.lock(out, "lock"), lambda: reader.read() is Reading.ACTIVE, None)
    lock = lines.lock(LOCK, "lock")
    if kind == "gpiozero-mock":
        return LockRig(
            lock,
            lambda: bool(behind.pin(LOCK).state),
            lambda: [level for _, level in behind.pin(LOCK).levels],
        )
    return LockRig(
        lock, lambda: behind.levels[LOCK], lambda: [high for offset, high in behind.history if offset == LOCK]
    )


def output_rig(kind: str) -> OutputRig:
    if kind == "fake":
        fake = FakeOutput()
        return OutputRig(fake, lambda: fake.is_on)
    lines, behind = lines_of(kind)
    output = lines.output(LOCK, "lamp")
    if kind == "gpiozero-mock":
        return OutputRig(output, lambda: bool(behind.pin(LOCK).state))
    return OutputRig(output, lambda: behind.levels[LOCK])


def contact_rig(kind: str, *, active: str, pull: str) -> ContactRig:
    section = ContactSection(pin=INPUT, active=active, pull=pull)  # type: ignore[arg-type]
    if kind == "fake":
        fake = FakeContact()
        high_means = Reading.ACTIVE if active == "high" else Reading.INACTIVE
        low_means = Reading.INACTIVE if active == "high" else Reading.ACTIVE
        return ContactRig(fake, lambda *, high: fake.show(high_means if high else low_means))
    lines, behind = lines_of(kind)
    contact = lines.contact(section, "rex")
    if kind == "gpiozero-mock":
        return ContactRig(contact, lambda *, high: drive_input(behind, INPUT, high=high))
    return ContactRig(contact, lambda *, high: behind.drive(INPUT, high=high))
