"""The wires of one door, as finished objects: built from the configuration, the lock secured before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.config import CONTACT_LINES, BridgeSettings, fitted_pins
from firmware_bridge.gpio import drive_input, open_lgpio, open_mock, pin_levels
from firmware_bridge.gpio_lines import GpioLines
from firmware_bridge.lines import Lines
from firmware_bridge.mock_edges import follow_edges
from firmware_bridge.ports import Contact, Lock, Output
from firmware_bridge.sections import NOT_FITTED, ContactSection, PinsSection
from firmware_bridge.wiegand_lines import FakeWaveChip, WaveChip

LAMPS = ("red", "green", "blue", "left", "right", "up", "down", "buzzer")
EMITTERS = ("red", "green", "blue", "white", "left", "right")


@dataclass(frozen=True, slots=True)
class MockBoard:
    """The simulated pins behind the wires: what a test may look at and move."""

    lines: GpioLines
    pins: Mapping[str, int]  # fitted line -> pin

    def levels(self) -> tuple[tuple[float, str, bool], ...]:
        """Every remembered level of every fitted pin as (monotonic seconds, line, level), oldest first."""
        return tuple(pin_levels(self.lines.factory, self.pins))

    def has_input(self, line: str) -> bool:
        """Whether `line` is a fitted input pin."""
        return line in CONTACT_LINES and line in self.pins

    def drive(self, line: str, *, high: bool) -> None:
        """Set the level of a fitted input."""
        drive_input(self.lines.factory, self.pins[line], high=high)

    def connect(self, pins: PinsSection) -> None:
        """Let the simulated wires outside do what the configuration says, once the inputs are claimed."""
        for pin in pins.grounded:
            drive_input(self.lines.factory, pin, high=False)
        if pins.edges:
            follow_edges(Path(pins.edges), lambda pin, high: drive_input(self.lines.factory, pin, high=high))

    @property
    def waves(self) -> FakeWaveChip:
        """What was sent by Wiegand."""
        return self.lines.waves


@dataclass(frozen=True, slots=True)
class Wires:
    """Everything that the daemon drives and reads, the reader's two wires apart."""

    lock: Lock
    contacts: Mapping[str, Contact]
    lamps: Mapping[str, Output]
    emitters: Mapping[str, Output]
    aux: Output | None
    wave: WaveChip | None

    def close(self) -> None:
        """Secure the lock first, then let every line go."""
        self.lock.close()
        outputs = [*self.lamps.values(), *self.emitters.values()]
        for line in (*outputs, *self.contacts.values(), self.aux, self.wave):
            if line is not None:
                line.close()


def open_lines(settings: BridgeSettings, state_folder: Path) -> tuple[Lines, MockBoard | None]:
    """The configured pin factory, and the simulated board if that is what it is.

    Raises PinFactoryError when the named factory is not on this machine. There is no second choice.
    """
    pins = settings.pins
    match pins.factory:
        case "lgpio":
            return GpioLines(open_lgpio(pins.chip, state_folder), pins.chip), None
        case "gpiod":
            from firmware_bridge.gpiod_lines import open_gpiod

            return open_gpiod(pins.chip), None
        case "mock":
            lines = GpioLines(open_mock(Path(pins.record) if pins.record else None), None)
            return lines, MockBoard(lines, dict(fitted_pins(settings)))


def open_wires(settings: BridgeSettings, lines: Lines) -> Wires:
    """Claim every fitted line, the lock's first. Raises PinConflictError, LineError or PinFactoryError."""
    lock = lines.lock(settings.lock.pin, "lock")
    aux = None if settings.aux.pin == NOT_FITTED else lines.output(settings.aux.pin, "aux")
    lamps = {name: getattr(settings.indicator, name) for name in LAMPS}
    emitters = {name: getattr(settings.light, name) for name in EMITTERS}
    wiegand = settings.wiegand
    return Wires(
        lock=lock,
        contacts=_open_contacts(settings, lines),
        lamps={name: lines.output(pin, name) for name, pin in lamps.items() if pin != NOT_FITTED},
        emitters={name: lines.output(pin, f"light.{name}") for name, pin in emitters.items() if pin != NOT_FITTED},
        aux=aux,
        wave=None if wiegand.out_d0 == NOT_FITTED else lines.wave((wiegand.out_d0, wiegand.out_d1)),
    )


def contact_sections(settings: BridgeSettings) -> dict[str, ContactSection]:
    """The sections of all fitted contacts."""
    sections: dict[str, ContactSection] = {line: getattr(settings, line) for line in CONTACT_LINES}
    return {
        line: section
        for line, section in sections.items()
        if section.pin != NOT_FITTED or section.adc_channel != NOT_FITTED
    }


def _open_contacts(settings: BridgeSettings, lines: Lines) -> dict[str, Contact]:
    contacts: dict[str, Contact] = {}
    for line, section in contact_sections(settings).items():
        is_supervised = section.adc_channel != NOT_FITTED
        contacts[line] = (
            lines.supervised(section, settings.adc, line) if is_supervised else lines.contact(section, line)
        )
    return contacts
