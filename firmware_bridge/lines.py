"""How a machine's lines are had: one small protocol, one implementation for each pin factory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware_bridge.ports import Closable, Contact, Lock, Output
from firmware_bridge.sections import AdcSection, ContactSection
from firmware_bridge.wiegand_lines import WaveChip


class Lines(Protocol):
    """The lines of one machine. A method raises PinConflictError or LineError, PinFactoryError for what it lacks."""

    def lock(self, pin: int, line: str) -> Lock:
        """A lock relay, secured."""
        ...

    def output(self, pin: int, line: str) -> Output:
        """An output, off."""
        ...

    def contact(self, section: ContactSection, line: str) -> Contact:
        """A contact on `section.pin`."""
        ...

    def supervised(self, section: ContactSection, adc: AdcSection, line: str) -> Contact:
        """A contact on `section.adc_channel`."""
        ...

    def pulses(self, pins: tuple[int, int], heard: Callable[[bool], None]) -> Closable:
        """Call `heard` with false or true at every pulse to ground on the first or second pin, from any thread."""
        ...

    def wave(self, pins: tuple[int, int]) -> WaveChip:
        """Two pins that play pulses."""
        ...
