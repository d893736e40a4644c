"""Real pins: join two by a wire and name them, output first, in LINTEL_TEST_LOOP, such as "17,27". Never in CI.

LINTEL_TEST_LOOP=17,27 pytest -m hardware tests/hardware tests/contracts
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.errors import BridgeError
from firmware_bridge.gpio import open_lgpio
from firmware_bridge.gpio_lines import GpioLines
from firmware_bridge.gpiod_lines import open_gpiod
from firmware_bridge.lines import Lines
from firmware_bridge.sections import ContactSection
from firmware_bridge.types import Reading
from firmware_bridge.wiegand import FORMATS, Credential, encode
from firmware_bridge.wiegand_lines import PulseReceiver, wave

pytestmark = pytest.mark.hardware

HEARD_WITHIN_S = 1.0


@pytest.fixture
def pins() -> tuple[int, int]:
    text = os.environ.get("LINTEL_TEST_LOOP", "")
    if not text:
        pytest.skip("LINTEL_TEST_LOOP does not name two joined pins")
    out, back = text.split(",")
    return int(out), int(back)


@pytest.fixture(params=["lgpio", "gpiod"])
def lines(request: pytest.FixtureRequest, tmp_path: Path, pins: tuple[int, int]) -> Iterator[Lines]:
    assert pins
    try:
        yield GpioLines(open_lgpio(0, tmp_path), 0) if request.param == "lgpio" else open_gpiod(0)
    except BridgeError as error:
        pytest.skip(str(error))


def test_what_the_lock_s_pin_shows_comes_back_on_the_other(lines: Lines, pins: tuple[int, int]) -> None:
    out, back = pins
    reader = lines.contact(ContactSection(pin=back, active="high", pull="down"), "loop")
    lock = lines.lock(out, "lock")
    seen = [reader.read()]
    lock.release()
    seen.append(reader.read())
    lock.secure()
    seen.append(reader.read())
    lock.release()
    lock.close()
    seen.append(reader.read())
    assert seen == [Reading.INACTIVE, Reading.ACTIVE, Reading.INACTIVE, Reading.INACTIVE]
    reader.close()


def test_claiming_the_lock_s_pin_makes_no_pulse(lines: Lines, pins: tuple[int, int]) -> None:
    out, back = pins
    reader = lines.contact(ContactSection(pin=back, active="high", pull="down"), "loop")
    heard = threading.Event()
    reader.watch(heard.set)
    for _ in range(50):
        lines.lock(out, "lock").close()
    assert not heard.wait(0.1)
    reader.close()


def test_an_edge_is_heard_in_milliseconds(lines: Lines, pins: tuple[int, int]) -> None:
    out, back = pins
    reader = lines.contact(ContactSection(pin=back, active="high", pull="down"), "loop")
    heard = threading.Semaphore(0)
    reader.watch(heard.release)
    lock = lines.lock(out, "lock")
    lock.release()
    assert heard.acquire(timeout=HEARD_WITHIN_S)
    lock.close()
    reader.close()


def test_a_wiegand_frame_sent_by_the_wave_functions_is_received(tmp_path: Path, pins: tuple[int, int]) -> None:
    """Needs D1 joined as well, by the two pins after the named ones; the pulse is high, so both ends are inverted."""
    out, back = pins
    try:
        lines = GpioLines(open_lgpio(0, tmp_path), 0)
    except BridgeError as error:
        pytest.skip(str(error))
    receiver = PulseReceiver(end_of_frame_s=0.05, monotonic=time.monotonic)
    wires = lines.pulses((back, back + 1), lambda bit: receiver.pulse(bit=bit))
    bits = encode(Credential(17, 4242), FORMATS["26"])
    chip = lines.wave((out, out + 1))
    chip.play(wave(bits, pulse_us=50, interval_us=2000))
    give_up_at = time.monotonic() + HEARD_WITHIN_S
    frame = None
    while frame is None and time.monotonic() < give_up_at:
        frame = receiver.take()
    assert frame == bits
    chip.close()
    wires.close()
