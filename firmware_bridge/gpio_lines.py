"""The lines of a Raspberry Pi, or simulated ones, through gpiozero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.gpio import (
    AdcPlace,
    Factory,
    GpioContact,
    GpioLock,
    GpioOutput,
    GpioPulses,
    SupervisedContact,
)
from firmware_bridge.ports import Closable, Contact, Lock, Output
from firmware_bridge.sections import AdcSection, ContactSection
from firmware_bridge.supervision import Loop
from firmware_bridge.wiegand_lines import FakeWaveChip, LgpioWaveChip, WaveChip


@dataclass(frozen=True, slots=True)
class GpioLines:
    """Lines of one gpiozero pin factory. `chip` is where lgpio plays waves; None: simulated, waves are remembered."""

    factory: Factory
    chip: int | None
    waves: FakeWaveChip = field(default_factory=lambda: FakeWaveChip([]))

    def lock(self, pin: int, line: str) -> Lock:
        return GpioLock(pin, factory=self.factory, line=line)

    def output(self, pin: int, line: str) -> Output:
        return GpioOutput(pin, factory=self.factory, line=line)

    def contact(self, section: ContactSection, line: str) -> Contact:
        is_high = section.active == "high"
        return GpioContact(section.pin, active_high=is_high, pull=section.pull, factory=self.factory, line=line)

    def supervised(self, section: ContactSection, adc: AdcSection, line: str) -> Contact:
        loop = Loop(adc.pull_up_ohm, adc.series_ohm, adc.parallel_ohm, adc.tolerance)
        place = AdcPlace(self.factory, adc.chip_select, section.adc_channel)
        return SupervisedContact(place, loop, active_open=section.active == "high", line=line)

    def pulses(self, pins: tuple[int, int], heard: Callable[[bool], None]) -> Closable:
        return GpioPulses(pins, heard, factory=self.factory)

    def wave(self, pins: tuple[int, int]) -> WaveChip:
        return self.waves if self.chip is None else LgpioWaveChip(self.chip, pins)
