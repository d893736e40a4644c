"""The lines of a Jetson, or of any other machine with a GPIO character device, through libgpiod 2.

libgpiod requests an output together with its first level, so a claimed line never glitches, and the kernel returns
every line to its default when the process ends, however it ends.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EBUSY
from typing import Any

from firmware_bridge.errors import LineError, PinConflictError, PinFactoryError
from firmware_bridge.ports import Closable, Contact, Lock, Output
from firmware_bridge.sections import AdcSection, ContactSection
from firmware_bridge.types import Reading
from firmware_bridge.wiegand_lines import WaveChip

CONSUMER = "lintel-door"
LOOK_UP_EVERY_S = 0.5  # how soon a watching thread notices that its line was closed


@contextmanager
def _line_errors(gpiod: Any, line: str) -> Iterator[None]:
    """Turn libgpiod's exceptions into ours, keeping the cause."""
    try:
        yield
    except (gpiod.ChipClosedError, gpiod.RequestReleasedError) as error:
        raise LineError(f"{line}: the line was let go") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == EBUSY:
            raise PinConflictError(f"{line}: another process owns this line") from error
        raise LineError(f"{line}: {error}") from error


def open_gpiod(chip: int) -> GpiodLines:
    """The lines of /dev/gpiochip`chip`. Raises PinFactoryError when libgpiod or the chip is missing."""
    try:
        gpiod = importlib.import_module("gpiod")
    except ImportError as error:
        raise PinFactoryError(
            'the pin factory "gpiod" needs the package gpiod: pip install "lintel[jetson]"'
        ) from error
    path = f"/dev/gpiochip{chip}"
    if not gpiod.is_gpiochip_device(path):
        raise PinFactoryError(f"{path} is not a GPIO chip of this machine")
    return GpiodLines(gpiod, path)


class GpiodLines:
    """Lines of one chip. `gpiod` is the module, version 2."""

    def __init__(self, gpiod: Any, path: str) -> None:
        self._gpiod = gpiod
        self._path = path

    def lock(self, pin: int, line: str) -> Lock:
        return GpiodLock(self._gpiod, self._path, pin, line=line)

    def output(self, pin: int, line: str) -> Output:
        return GpiodOutput(self._gpiod, self._path, pin, line=line)

    def contact(self, section: ContactSection, line: str) -> Contact:
        return GpiodContact(self._gpiod, self._path, section, line=line)

    def supervised(self, section: ContactSection, adc: AdcSection, line: str) -> Contact:  # noqa: ARG002 (the port's)
        raise PinFactoryError(f"{line}: supervised lines need the pin factory lgpio")

    def pulses(self, pins: tuple[int, int], heard: Callable[[bool], None]) -> Closable:
        return GpiodPulses(self._gpiod, self._path, pins, heard)

    def wave(self, pins: tuple[int, int]) -> WaveChip:  # noqa: ARG002 (the port's)
        raise PinFactoryError("wiegand: sending needs the pin factory lgpio, whose library times the pulses")


class GpiodLock:
    """A lock relay, released only between `release()` and `secure()`; wired like GpioLock's."""

    def __init__(self, gpiod: Any, path: str, pin: int, *, line: str = "lock") -> None:
        self._gpiod = gpiod
        self._pin = pin
        self._line = line
        self._is_closed = False
        line_module = gpiod.line
        settings = gpiod.LineSettings(direction=line_module.Direction.OUTPUT, output_value=line_module.Value.INACTIVE)
        with _line_errors(gpiod, line):
            self._request = gpiod.request_lines(path, consumer=CONSUMER, config={pin: settings})

    def release(self) -> None:
        self._drive(self._gpiod.line.Value.ACTIVE)

    def secure(self) -> None:
        self._drive(self._gpiod.line.Value.INACTIVE)

    def close(self) -> None:
        if self._is_closed:
            return
        self.secure()
        self._request.release()
        self._is_closed = True

    def _drive(self, value: Any) -> None:
        with _line_errors(self._gpiod, self._line):
            self._request.set_value(self._pin, value)


class GpiodOutput:
    """A lamp, a buzzer or an auxiliary relay. High is on; it starts off."""

    def __init__(self, gpiod: Any, path: str, pin: int, *, line: str) -> None:
        self._lock = GpiodLock(gpiod, path, pin, line=line)

    def switch_on(self) -> None:
        self._lock.release()

    def switch_off(self) -> None:
        self._lock.secure()

    def close(self) -> None:
        self._lock.close()


class GpiodContact:
    """A contact on an input line; see GpioContact."""

    def __init__(self, gpiod: Any, path: str, section: ContactSection, *, line: str) -> None:
        self._gpiod = gpiod
        self._pin = section.pin
        self._line = line
        self._active = gpiod.line.Value.ACTIVE if section.active == "high" else gpiod.line.Value.INACTIVE
        with _line_errors(gpiod, line):
            self._request = gpiod.request_lines(
                path, consumer=CONSUMER, config={section.pin: _input(gpiod, section.pull, gpiod.line.Edge.BOTH)}
            )
        self._watcher: _Watcher | None = None

    def read(self) -> Reading:
        with _line_errors(self._gpiod, self._line):
            value = self._request.get_value(self._pin)
        return Reading.ACTIVE if value is self._active else Reading.INACTIVE

    def watch(self, heard: Callable[[], None]) -> None:
        self._watcher = _Watcher(self._gpiod, self._request, lambda _offset: heard())

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        self._request.release()


class GpiodPulses:
    """The pulses to ground of two lines that are pulled up, in one request, so that their order is the kernel's."""

    def __init__(self, gpiod: Any, path: str, pins: tuple[int, int], heard: Callable[[bool], None]) -> None:
        settings = _input(gpiod, "up", gpiod.line.Edge.FALLING)
        with _line_errors(gpiod, "wiegand"):
            self._request = gpiod.request_lines(path, consumer=CONSUMER, config={pins: settings})
        self._watcher = _Watcher(gpiod, self._request, lambda offset: heard(offset == pins[1]))

    def close(self) -> None:
        self._watcher.stop()
        self._request.release()


class _Watcher:
    """A thread that tells every edge of one request."""

    def __init__(self, gpiod: Any, request: Any, heard: Callable[[int], None]) -> None:
        self._gpiod = gpiod
        self._request = request
        self._heard = heard
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpiod-edges", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            if self._request.wait_edge_events(LOOK_UP_EVERY_S):
                for event in self._request.read_edge_events():
                    self._heard(event.line_offset)


def _input(gpiod: Any, pull: str, edges: Any) -> Any:
    bias = gpiod.line.Bias
    return gpiod.LineSettings(
        direction=gpiod.line.Direction.INPUT,
        edge_detection=edges,
        bias={"up": bias.PULL_UP, "down": bias.PULL_DOWN, "none": bias.DISABLED}[pull],
    )
