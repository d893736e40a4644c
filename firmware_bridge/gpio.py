"""Pins through gpiozero, the only module that knows it. The pin factory is always passed in, never guessed."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from firmware_bridge.errors import LineError, PinConflictError, PinFactoryError
from firmware_bridge.supervision import Loop, LoopState
from firmware_bridge.types import Reading

Factory: TypeAlias = Any  # gpiozero.Factory; gpiozero ships no type hints

REMEMBERED_LEVELS = 4096  # of each mock pin
MCP3008_FULL_SCALE = 1023  # ten bits
PULL_UP = {"up": True, "down": False, "none": None}  # gpiozero's words


@contextmanager
def gpio_errors(line: str) -> Iterator[None]:
    """Turn gpiozero's exceptions into ours, keeping the cause."""
    from gpiozero import GPIOPinInUse, GPIOZeroError

    try:
        yield
    except GPIOPinInUse as error:
        raise PinConflictError(f"{line}: another device owns this pin") from error
    except (GPIOZeroError, OSError) as error:
        raise LineError(f"{line}: {error}") from error
    except _lgpio_error() as error:
        if "busy" in str(error).lower():
            raise PinConflictError(f"{line}: another process owns this pin") from error
        raise LineError(f"{line}: {error}") from error


def _lgpio_error() -> type[Exception]:
    """What lgpio raises, a child of Exception alone; where lgpio is not in use, an exception that nobody raises."""
    lgpio = sys.modules.get("lgpio")
    return _NoSuchError if lgpio is None else lgpio.error


class _NoSuchError(Exception):
    pass


def open_lgpio(chip: int, work_folder: Path) -> Factory:
    """The pins of this machine's /dev/gpiochip`chip`.

    Makes `work_folder` the current one: lgpio creates a pipe in the current folder as soon as it is imported.
    Raises PinFactoryError when lgpio, the chip or the right to open it is missing.
    """
    try:
        os.chdir(work_folder)
    except OSError as error:
        raise PinFactoryError(f"{work_folder}: {error.strerror or error}") from error
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise PinFactoryError('the pin factory "lgpio" needs the package lgpio: pip install "lintel[pins]"') from error
    try:
        return LGPIOFactory(chip=chip)
    except (OSError, _lgpio_error()) as error:
        raise PinFactoryError(f"/dev/gpiochip{chip} cannot be opened: {error}") from error


def open_mock(record: Path | None = None) -> Factory:
    """Simulated pins that behave as lgpio's do, for tests, the demo and the bench.

    With `record`, every change of every pin is appended to that file at once as "MONOTONIC GPIO LEVEL FUNCTION", so
    that the history outlives a killed process.
    """
    from gpiozero.pins.mock import MockFactory, MockPin

    descriptor = (
        None if record is None else os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    )

    class RecordedPin(MockPin):  # type: ignore[misc] # gpiozero ships no type hints
        """A mock pin with lgpio's electrical truth: a new output starts low, a closed pin floats."""

        def __init__(self, factory: Factory, info: Any) -> None:
            self.levels: deque[tuple[float, bool]] = deque(maxlen=REMEMBERED_LEVELS)
            super().__init__(factory, info)

        def _set_function(self, value: str) -> None:
            super()._set_function(value)
            if value == "output":
                self._change_state(value=False)
            self._note(repeat=True)

        def _change_state(self, value: bool) -> bool:  # noqa: FBT001 (gpiozero's signature)
            has_changed: bool = super()._change_state(value)
            if has_changed:
                self._note()
            return has_changed

        def _note(self, *, repeat: bool = False) -> None:
            at, level = time.monotonic(), bool(self._state)
            if not self.levels or self.levels[-1][1] != level:
                self.levels.append((at, level))
            elif not repeat:
                return
            if descriptor is not None:
                os.write(descriptor, f"{at:.6f} {self.info.name} {int(level)} {self._function}\n".encode())

    return MockFactory(pin_class=RecordedPin)


def pin_levels(factory: Factory, pins: Mapping[str, int]) -> list[tuple[float, str, bool]]:
    """The recorded history of mock pins as (monotonic seconds, line, level), oldest first."""
    return sorted((at, line, level) for line, pin in pins.items() for at, level in factory.pin(pin).levels)


def drive_input(factory: Factory, pin: int, *, high: bool) -> None:
    """Set the level of a mock input, as the wire outside would."""
    simulated = factory.pin(pin)
    simulated.drive_high() if high else simulated.drive_low()


class GpioLock:
    """A lock relay, released only between `release()` and `secure()`.

    Wire it so that low and floating both mean secured: gpiozero's lgpio backend drives a new output low before its
    initial value, and a closed pin floats. There is no polarity option, because one polarity is unsafe at start-up.
    """

    def __init__(self, pin: int, *, factory: Factory, line: str = "lock") -> None:
        from gpiozero import OutputDevice

        self._line = line
        with gpio_errors(line):
            self._relay = OutputDevice(pin, active_high=True, initial_value=False, pin_factory=factory)

    def release(self) -> None:
        with gpio_errors(self._line):
            self._relay.on()

    def secure(self) -> None:
        with gpio_errors(self._line):
            self._relay.off()

    def close(self) -> None:
        """Secure first: closing alone would leave the last level on the wire."""
        if self._relay.closed:
            return
        self.secure()
        with gpio_errors(self._line):
            self._relay.close()


class GpioOutput:
    """A lamp, a buzzer or an auxiliary relay. High is on; it starts off."""

    def __init__(self, pin: int, *, factory: Factory, line: str) -> None:
        self._lock = GpioLock(pin, factory=factory, line=line)

    def switch_on(self) -> None:
        self._lock.release()

    def switch_off(self) -> None:
        self._lock.secure()

    def close(self) -> None:
        self._lock.close()


class GpioContact:
    """A contact on an input pin. `active_high` says which level means what the contact is there to tell.

    Not debounced: the door debounces, with its own clock, so that tests can.
    """

    def __init__(self, pin: int, *, active_high: bool, pull: str, factory: Factory, line: str) -> None:
        from gpiozero import DigitalInputDevice

        self._line = line
        pull_up = PULL_UP[pull]
        # gpiozero derives the active level from the pull and accepts an explicit one only without a pull.
        self._inverts = pull_up is not None and active_high == pull_up
        active_state = active_high if pull_up is None else None
        with gpio_errors(line):
            self._input = DigitalInputDevice(pin, pull_up=pull_up, active_state=active_state, pin_factory=factory)

    def read(self) -> Reading:
        with gpio_errors(self._line):
            is_active = bool(self._input.value) != self._inverts
        return Reading.ACTIVE if is_active else Reading.INACTIVE

    def watch(self, heard: Callable[[], None]) -> None:
        with gpio_errors(self._line):
            self._input.when_activated = self._input.when_deactivated = heard

    def close(self) -> None:
        with gpio_errors(self._line):
            self._input.close()


@dataclass(frozen=True, slots=True)
class AdcPlace:
    """One channel of one converter on SPI0."""

    factory: Factory
    chip_select: int
    channel: int


class SupervisedContact:
    """A contact with end-of-line resistors, measured by one channel of an MCP3008."""

    def __init__(self, place: AdcPlace, loop: Loop, *, active_open: bool, line: str) -> None:
        from gpiozero import MCP3008, Device, GPIOZeroWarning

        self._line = line
        self._loop = loop
        self._meaning = {
            LoopState.CLOSED: Reading.INACTIVE if active_open else Reading.ACTIVE,
            LoopState.OPEN: Reading.ACTIVE if active_open else Reading.INACTIVE,
            LoopState.SHORT: Reading.SHORT,
            LoopState.CUT: Reading.CUT,
            LoopState.FAULT: Reading.FAULT,
        }
        # Parts of gpiozero's SPI ask for a default factory, and would guess one; there is only the one that was named.
        Device.pin_factory = place.factory
        with gpio_errors(line), warnings.catch_warnings():
            warnings.simplefilter("error", GPIOZeroWarning)  # it would fall back to toggling pins in Python
            try:
                self._channel = MCP3008(place.channel, port=0, device=place.chip_select, pin_factory=place.factory)
            except GPIOZeroWarning as error:
                raise LineError(f"{line}: {error}") from error

    def read(self) -> Reading:
        with gpio_errors(self._line):
            share = self._channel.raw_value / MCP3008_FULL_SCALE
        return self._meaning[self._loop.classify(share)]

    def watch(self, heard: Callable[[], None]) -> None:
        """A measured line has no edges; it is read every so often."""

    def close(self) -> None:
        with gpio_errors(self._line):
            self._channel.close()


class GpioPulses:
    """The pulses to ground of two inputs that are pulled up: a Wiegand reader's D0 and D1."""

    def __init__(self, pins: tuple[int, int], heard: Callable[[bool], None], *, factory: Factory) -> None:
        from gpiozero import DigitalInputDevice

        with gpio_errors("wiegand"):
            self._inputs = [DigitalInputDevice(pin, pull_up=True, pin_factory=factory) for pin in pins]
            for bit, wire in enumerate(self._inputs):
                wire.when_activated = partial(heard, bool(bit))

    def close(self) -> None:
        with gpio_errors("wiegand"):
            for wire in self._inputs:
                wire.close()
