"""The wires of one door, as finished objects: built from the configuration, every output secured before any input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_bridge.config import NOT_FITTED, BridgeSettings
from firmware_bridge.ports import Contact, Lock

CONTACT_LINES = ("rex", "position", "tamper", "fire", "partner")


@dataclass(frozen=True, slots=True)
class MockBoard:
    """The simulated pins behind the wires: what a test may look at and move."""

    factory: Any
    pins: Mapping[str, int]

    def levels(self) -> tuple[tuple[float, str, bool], ...]:
        """Every level of every fitted pin as (monotonic seconds, line, level), oldest first."""
        from firmware_bridge.gpio import pin_levels

        return tuple(pin_levels(self.factory, dict(self.pins)))

    def has_input(self, line: str) -> bool:
        """Whether `line` is a fitted input."""
        return line in CONTACT_LINES and line in self.pins

    def drive(self, line: str, *, high: bool) -> None:
        """Set the level of a fitted input."""
        from firmware_bridge.gpio import drive_input

        drive_input(self.factory, self.pins[line], high=high)


@dataclass(frozen=True, slots=True)
class Wires:
    """Everything the daemon drives and reads."""

    lock: Lock
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    mock: MockBoard | None = None  # None: real pins

    def close(self) -> None:
        """Secure the lock first, then let every line go."""
        self.lock.close()
        for contact in self.contacts.values():
            contact.close()


def open_wires(settings: BridgeSettings) -> Wires:
    """Claim every fitted pin, the lock's first.

    Raises PinFactoryError when the named factory is not on this machine, PinConflictError or LineError when a pin
    cannot be had.
    """
    from firmware_bridge import gpio
    from firmware_bridge.config import fitted_pins

    pins = settings.pins
    factory = (
        gpio.open_mock(Path(pins.record) if pins.record else None)
        if pins.factory == "mock"
        else gpio.open_lgpio(pins.chip)
    )
    lock = gpio.GpioLock(settings.lock.pin, factory=factory)
    contacts: dict[str, Contact] = {}
    for line in CONTACT_LINES:
        section = getattr(settings, line)
        if section.pin == NOT_FITTED:
            continue
        contacts[line] = gpio.GpioContact(
            section.pin, active_high=section.active == "high", pull=section.pull, factory=factory, line=line
        )
    for pin in pins.grounded:
        gpio.drive_input(factory, pin, high=False)
    mock = MockBoard(factory, dict(fitted_pins(settings))) if pins.factory == "mock" else None
    return Wires(lock, contacts, mock)
