"""Pulses on two wires, out and in."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.clock import FakeClock
from firmware_bridge.errors import LineError
from firmware_bridge.reader import CardReader
from firmware_bridge.wiegand import FORMATS, Bits, Credential, encode
from firmware_bridge.wiegand_lines import PulseReceiver, read_wave, wave

bits = st.lists(st.booleans(), min_size=1, max_size=128).map(tuple)


@given(bits)
def test_a_panel_reads_from_the_wave_what_was_sent(sent: Bits) -> None:
    assert read_wave(wave(sent, pulse_us=50, interval_us=2000)) == sent


@given(bits, st.integers(20, 200), st.integers(200, 20_000))
def test_every_pulse_has_its_length_and_both_wires_rest_between_pulses(
    sent: Bits, pulse_us: int, interval_us: int
) -> None:
    pulses = wave(sent, pulse_us=pulse_us, interval_us=interval_us)
    assert {us for level, _, us in pulses if level} == {pulse_us}
    assert all(us == interval_us - pulse_us for level, _, us in pulses if not level)
    assert pulses[-1][0] == 0, "idle is low on both wires"
    assert {mask for _, mask, _ in pulses} == {0b11}
    assert all(level != 0b11 for level, _, _ in pulses)


def test_two_wires_at_once_are_nonsense() -> None:
    with pytest.raises(LineError):
        read_wave(((0b11, 0b11, 50),))


def send(receiver: PulseReceiver, clock: FakeClock, frame: Bits) -> None:
    for bit in frame:
        receiver.pulse(bit=bit)
        clock.advance(0.002)


@given(frames=st.lists(bits, min_size=1, max_size=4))
def test_frames_are_told_apart_by_silence(frames: list[Bits]) -> None:
    clock = FakeClock()
    receiver = PulseReceiver(end_of_frame_s=0.05, monotonic=clock.monotonic)
    for frame in frames:
        send(receiver, clock, frame)
        assert receiver.take() is None, "it may not be over yet"
        clock.advance(0.05)
        assert receiver.take() == frame
        assert receiver.take() is None
        assert receiver.deadline is None


def test_endless_noise_is_dropped_whole_and_keeps_no_memory() -> None:
    clock = FakeClock()
    receiver = PulseReceiver(end_of_frame_s=0.05, monotonic=clock.monotonic)
    for _ in range(100_000):
        receiver.pulse(bit=True)
    clock.advance(1.0)
    assert receiver.take() is None
    send(receiver, clock, (True, False))
    clock.advance(1.0)
    assert receiver.take() == (True, False)


def reader(clock: FakeClock) -> tuple[CardReader, PulseReceiver]:
    receiver = PulseReceiver(end_of_frame_s=0.05, monotonic=clock.monotonic)
    return CardReader(receiver, FORMATS["26"], clock), receiver


def test_a_card_and_a_key_wait_for_whoever_takes_them_and_are_given_once() -> None:
    clock = FakeClock()
    cards, receiver = reader(clock)
    for frame in (encode(Credential(17, 4242), FORMATS["26"]), (False, True, False, True)):
        send(receiver, clock, frame)
        clock.advance(0.05)
        assert clock.monotonic() >= cards.next_deadline
        cards.tick()
    card, key = cards.take()
    assert (card.facility, card.number, card.key) == (17, 4242, "")
    assert key.key == "5"
    assert cards.take() == ()


def test_what_was_read_is_not_for_the_next_person() -> None:
    clock = FakeClock()
    cards, receiver = reader(clock)
    send(receiver, clock, (False, True, False, True))
    clock.advance(0.05)
    cards.tick()
    clock.advance(31.0)
    assert cards.take() == ()


def test_a_frame_of_no_known_format_is_dropped() -> None:
    clock = FakeClock()
    cards, receiver = reader(clock)
    for frame in ((True,) * 26, (True,) * 30, (True,) * 8):
        send(receiver, clock, frame)
        clock.advance(0.05)
        cards.tick()
    assert cards.take() == ()


def test_what_was_read_hides_in_logs() -> None:
    clock = FakeClock()
    cards, receiver = reader(clock)
    send(receiver, clock, (False, True, False, True))
    clock.advance(0.05)
    cards.tick()
    assert "5" not in repr(cards.take()).split("at=")[1].partition(",")[2]


def test_lgpio_takes_our_pulses_as_they_are(tmp_path: Path) -> None:
    lgpio = pytest.importorskip("lgpio", reason="lgpio is not installed")
    assert list(inspect.signature(lgpio.tx_wave).parameters) == ["handle", "gpio", "pulses"]
    # In a process of its own: on a machine without GPIO the library must answer, and only then refuse the chip.
    program = (
        "import lgpio\n"
        "from firmware_bridge.wiegand_lines import wave, LgpioWaveChip\n"
        "from firmware_bridge.errors import LineError\n"
        "pulses = [lgpio.pulse(*p) for p in wave((True, False), pulse_us=50, interval_us=2000)]\n"
        "assert [(p.group_bits, p.group_mask, p.pulse_delay) for p in pulses][:2] == [(2, 3, 50), (0, 3, 1950)]\n"
        "try:\n    lgpio.tx_wave(99, 5, pulses)\nexcept lgpio.error as error:\n    assert 'handle' in str(error)\n"
        "try:\n    LgpioWaveChip(63, (5, 6))\nexcept LineError as error:\n    assert 'wiegand' in str(error)\n"
        "else:\n    raise AssertionError\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
