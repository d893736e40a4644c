"""Wiegand's two wires: pulses out by the hardware library's own timing, pulses in as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from firmware_bridge.errors import LineError, PinConflictError, PinFactoryError
from firmware_bridge.wiegand import MAX_BITS, Bits

Pulse: TypeAlias = tuple[int, int, int]  # levels, mask, then microseconds until the next; bit 0 is D0, bit 1 is D1

BOTH = 0b11


def wave(bits: Bits, *, pulse_us: int, interval_us: int) -> tuple[Pulse, ...]:
    """The pulses that send `bits`: a zero pulses D0, a one pulses D1, `interval_us` from pulse to pulse (SIA AC-01).

    High is the pulse: an open-collector transistor behind the pin pulls the panel's wire down, so that low and
    floating pins both mean an idle line.
    """
    sent: list[Pulse] = []
    for bit in bits:
        sent += [(0b10 if bit else 0b01, BOTH, pulse_us), (0, BOTH, interval_us - pulse_us)]
    return tuple(sent)


class WaveChip(Protocol):
    """Two pins that play a wave with timing of their own."""

    def play(self, pulses: Sequence[Pulse]) -> None:
        """Start the wave and return at once. Raises LineError when it cannot be played."""
        ...

    def is_playing(self) -> bool:
        """Whether a wave is still being played."""
        ...

    def close(self) -> None:
        """Let the pins go, both low; harmless when repeated."""
        ...


class LgpioWaveChip:
    """D0 and D1 as a group of lgpio, whose own thread times the pulses. Raises PinConflictError, LineError."""

    def __init__(self, chip: int, pins: tuple[int, int]) -> None:
        try:
            import lgpio
        except ImportError as error:
            raise PinFactoryError('Wiegand out needs the package lgpio: pip install "lintel[pins]"') from error
        self._lgpio: Any = lgpio
        self._leader = pins[0]
        self._handle: int | None = None
        try:
            self._handle = lgpio.gpiochip_open(chip)
            lgpio.group_claim_output(self._handle, list(pins), [0, 0])
        except lgpio.error as error:
            self.close()
            kind = PinConflictError if "busy" in str(error).lower() else LineError
            raise kind(f"wiegand: pins {pins[0]} and {pins[1]}: {error}") from error

    def play(self, pulses: Sequence[Pulse]) -> None:
        try:
            self._lgpio.tx_wave(self._handle, self._leader, [self._lgpio.pulse(*pulse) for pulse in pulses])
        except self._lgpio.error as error:
            raise LineError(f"wiegand: {error}") from error

    def is_playing(self) -> bool:
        return bool(self._lgpio.tx_busy(self._handle, self._leader, self._lgpio.TX_WAVE))

    def close(self) -> None:
        if self._handle is not None:
            self._lgpio.gpiochip_close(self._handle)
        self._handle = None


@dataclass
class FakeWaveChip:
    """Remembers the waves it was asked to play."""

    played: list[tuple[Pulse, ...]]

    def play(self, pulses: Sequence[Pulse]) -> None:
        self.played.append(tuple(pulses))

    def is_playing(self) -> bool:
        return False

    def close(self) -> None:
        pass


def read_wave(pulses: Sequence[Pulse]) -> Bits:
    """What a panel would read from a wave: the inverse of `wave`, for tests and the demo. Raises LineError."""
    bits = []
    for levels, _, _ in pulses:
        if levels == BOTH:
            raise LineError("wiegand: both wires pulse at once")
        if levels:
            bits.append(levels == 0b10)
    return tuple(bits)


class PulseReceiver:
    """Collects the pulses of two wires into frames. Pulses may come from another thread than the frames are taken.

    A frame ends with `end_of_frame_s` of silence. One with more than 128 bits is noise and is dropped whole.
    """

    def __init__(self, *, end_of_frame_s: float, monotonic: Callable[[], float]) -> None:
        self._end_of_frame_s = end_of_frame_s
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._bits: list[bool] = []
        self._last_at = 0.0

    def pulse(self, *, bit: bool) -> None:
        """A pulse on D0 (a zero) or D1 (a one), now."""
        with self._guard:
            self._last_at = self._monotonic()
            if len(self._bits) <= MAX_BITS:
                self._bits.append(bit)

    @property
    def deadline(self) -> float | None:
        """When the frame that is coming in ends, if nothing more comes; None: nothing is coming in."""
        with self._guard:
            return self._last_at + self._end_of_frame_s if self._bits else None

    def take(self) -> Bits | None:
        """A frame that has ended, once; None: there is none."""
        with self._guard:
            if not self._bits or self._monotonic() < self._last_at + self._end_of_frame_s:
                return None
            bits, self._bits = tuple(self._bits), []
        return bits if len(bits) <= MAX_BITS else None
