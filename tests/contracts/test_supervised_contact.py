"""A supervised contact through a simulated MCP3008 on gpiozero's software SPI."""

from __future__ import annotations

from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockSPIDevice

from firmware_bridge.gpio import open_mock
from firmware_bridge.gpio_lines import GpioLines
from firmware_bridge.ports import Contact
from firmware_bridge.sections import AdcSection, ContactSection
from firmware_bridge.types import Reading

ADC = AdcSection()


class SimulatedMcp3008(MockSPIDevice):  # type: ignore[misc] # gpiozero ships no type hints
    """A converter with eight voltages, as its data sheet (DS21295D, figure 6-1) says it answers."""

    def __init__(self, factory: Any) -> None:
        Device.pin_factory = factory  # the simulated device asks for a default, too
        super().__init__(clock_pin=11, mosi_pin=10, miso_pin=9, select_pin=8, pin_factory=factory)
        self.factory = factory
        self.raw = [0] * 8

    def on_start(self) -> None:
        super().on_start()
        self.rx_buf: list[bool] = []

    def on_bit(self) -> None:
        # Start bit, single-ended bit, three bits of channel; then a null bit and ten bits of value.
        if len(self.rx_buf) >= 5 and self.rx_buf[-5] and not any(self.rx_buf[:-5]):
            channel = self.rx_buf[-3] << 2 | self.rx_buf[-2] << 1 | self.rx_buf[-1]
            self.tx_word(self.raw[channel], 12)


@pytest.fixture
def converter() -> SimulatedMcp3008:
    return SimulatedMcp3008(open_mock())


def contact(converter: SimulatedMcp3008, channel: int, active: str = "high") -> Contact:
    lines = GpioLines(converter.factory, None)
    section = ContactSection(adc_channel=channel, active=active)  # type: ignore[arg-type]
    return lines.supervised(section, ADC, "tamper")


def raw(ohm: float) -> int:
    return round(1023 * ohm / (ohm + ADC.pull_up_ohm))


@pytest.mark.parametrize(("ohm", "reading"), [
    (0.0, Reading.SHORT),
    (1000.0, Reading.INACTIVE),
    (3200.0, Reading.ACTIVE),
    (1800.0, Reading.FAULT),
    (1e9, Reading.CUT),
])  # fmt: skip
def test_open_short_cut_and_fault_are_told_apart(converter: SimulatedMcp3008, ohm: float, reading: Reading) -> None:
    loop = contact(converter, 3)
    converter.raw[3] = raw(ohm)
    assert loop.read() is reading
    loop.close()


def test_the_closed_contact_may_be_the_one_that_tells_something(converter: SimulatedMcp3008) -> None:
    rex = contact(converter, 0, active="low")
    converter.raw[0] = raw(1000.0)
    assert rex.read() is Reading.ACTIVE
    rex.close()


def test_two_channels_share_one_converter(converter: SimulatedMcp3008) -> None:
    one, other = contact(converter, 1), contact(converter, 6)
    converter.raw[1], converter.raw[6] = raw(1000.0), raw(3200.0)
    assert (one.read(), other.read()) == (Reading.INACTIVE, Reading.ACTIVE)
    one.close()
    other.close()
