"""Simulated wires, peers of the real ones: for tests and for a bench without pins. Every change is remembered."""

from __future__ import annotations

from collections.abc import Callable

from firmware_bridge.errors import LineError
from firmware_bridge.types import Reading


class FakeLock:
    """A lock that remembers every level it was driven to. `break_wire()` makes it fail as a real line does."""

    def __init__(self) -> None:
        self.is_released = False
        self.levels: list[bool] = [False]
        self.is_closed = False
        self._is_broken = False

    def release(self) -> None:
        self._drive(level=True)

    def secure(self) -> None:
        self._drive(level=False)

    def close(self) -> None:
        if not self.is_closed:
            self.secure()
        self.is_closed = True

    def break_wire(self) -> None:
        """From now on the line cannot be driven, and floats: secured."""
        self._is_broken = True
        self.is_released = False

    def mend_wire(self) -> None:
        """The line can be driven again."""
        self._is_broken = False

    def _drive(self, *, level: bool) -> None:
        if self._is_broken or self.is_closed:
            raise LineError("lock: the line cannot be driven")
        if level != self.is_released:
            self.levels.append(level)
        self.is_released = level


class FakeOutput:
    """An output that remembers every level it was driven to."""

    def __init__(self) -> None:
        self.is_on = False
        self.levels: list[bool] = [False]
        self.is_closed = False

    def switch_on(self) -> None:
        self._drive(level=True)

    def switch_off(self) -> None:
        self._drive(level=False)

    def close(self) -> None:
        if not self.is_closed:
            self.switch_off()
        self.is_closed = True

    def _drive(self, *, level: bool) -> None:
        if self.is_closed:
            raise LineError("output: the line cannot be driven")
        if level != self.is_on:
            self.levels.append(level)
        self.is_on = level


class FakeContact:
    """A contact that a test moves. `break_wire()` makes it fail as a real line does."""

    def __init__(self, reading: Reading = Reading.INACTIVE) -> None:
        self._reading = reading
        self._is_broken = False
        self._heard: Callable[[], None] | None = None

    def read(self) -> Reading:
        if self._is_broken:
            raise LineError("contact: the line cannot be read")
        return self._reading

    def watch(self, heard: Callable[[], None]) -> None:
        self._heard = heard

    def close(self) -> None:
        self._heard = None

    def show(self, reading: Reading) -> None:
        """Let the line show `reading` from now on."""
        has_changed, self._reading = reading is not self._reading, reading
        if has_changed and self._heard is not None:
            self._heard()

    def break_wire(self) -> None:
        """From now on the line cannot be read."""
        self._is_broken = True

    def mend_wire(self) -> None:
        """The line can be read again."""
        self._is_broken = False
