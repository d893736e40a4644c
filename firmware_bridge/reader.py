"""A keypad or card reader on Wiegand's two wires, as a second factor: what it sent waits here to be taken."""

from __future__ import annotations

import logging
import math
from collections import deque

from firmware_bridge.clock import Clock
from firmware_bridge.errors import ProtocolError
from firmware_bridge.protocol import ReaderInput
from firmware_bridge.wiegand import Bits, Format, decode, decode_key
from firmware_bridge.wiegand_lines import PulseReceiver

_log = logging.getLogger(__name__)

KEY_LENGTHS = (4, 8)  # bits of one key press
KEPT_AT_MOST = 32
KEPT_FOR_S = 30.0  # a second factor is for the person who stands there now


class CardReader:
    """Frames become cards and keys; one that fits neither is dropped. Nothing of it is ever written to a disk."""

    def __init__(self, receiver: PulseReceiver, format_: Format, clock: Clock) -> None:
        self._receiver = receiver
        self._format = format_
        self._clock = clock
        self._inputs: deque[ReaderInput] = deque(maxlen=KEPT_AT_MOST)

    @property
    def next_deadline(self) -> float:
        """When a frame that is coming in ends; infinity: nothing is coming in."""
        deadline = self._receiver.deadline
        return math.inf if deadline is None else deadline

    def tick(self) -> None:
        """Take a frame that has ended."""
        bits = self._receiver.take()
        if bits is None:
            return
        try:
            self._inputs.append(self._read(bits))
        except ProtocolError as error:
            _log.warning("reader.frame_dropped", extra={"bits": len(bits), "error": str(error)})

    def take(self) -> tuple[ReaderInput, ...]:
        """What was read in the last half minute and not taken before, oldest first."""
        oldest_at = self._clock.monotonic() - KEPT_FOR_S
        fresh = tuple(read for read in self._inputs if read.at >= oldest_at)
        self._inputs.clear()
        return fresh

    def _read(self, bits: Bits) -> ReaderInput:
        now = self._clock.monotonic()
        if len(bits) in KEY_LENGTHS:
            return ReaderInput(at=now, key=decode_key(bits))
        credential = decode(bits, self._format)
        return ReaderInput(at=now, facility=credential.facility, number=credential.number)
