"""What the door needs from its wires. Each port is as small as its use; fakes are peers of the real things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware_bridge.types import Reading


class Lock(Protocol):
    """The lock's relay. Low and floating both mean secured; there is no polarity, because one of them is unsafe."""

    def release(self) -> None:
        """Drive the line high. Raises LineError when it cannot be driven."""
        ...

    def secure(self) -> None:
        """Drive the line low. Raises LineError when it cannot be driven."""
        ...

    def close(self) -> None:
        """Secure, then let the line go; harmless when repeated."""
        ...


class Output(Protocol):
    """A line that is on or off and harmless either way: a lamp, a buzzer, an auxiliary relay."""

    def switch_on(self) -> None:
        """Drive the line high. Raises LineError when it cannot be driven."""
        ...

    def switch_off(self) -> None:
        """Drive the line low. Raises LineError when it cannot be driven."""
        ...

    def close(self) -> None:
        """Switch off, then let the line go; harmless when repeated."""
        ...


class Contact(Protocol):
    """A contact that is read: exit button, door position switch, tamper, fire panel."""

    def read(self) -> Reading:
        """What the line shows now. Raises LineError when it cannot be read at all."""
        ...

    def watch(self, heard: Callable[[], None]) -> None:
        """Call `heard` at every edge, from whatever thread noticed it. `heard` must only wake somebody.

        A line that has no edges, because it is measured, never calls it: it is read every so often instead.
        """
        ...

    def close(self) -> None:
        """Let the line go; harmless when repeated."""
        ...


class Closable(Protocol):
    """Something that is held until it is let go."""

    def close(self) -> None:
        """Let it go; harmless when repeated."""
        ...
