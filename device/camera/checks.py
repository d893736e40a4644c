"""Does the stream behave like a camera's? Frozen, repeated and looped pictures, and times that no camera has.

A sensor's noise never repeats, so a frame that equals an earlier one, bit for bit, was not taken twice. A loop that was
encoded again does not repeat its bits, but it repeats a whole movement, which no person can. What it stops: loops and
frozen pictures fed in place of the camera. What it cannot: a recording that is played once; the liveness cues are there
for that.
"""

from __future__ import annotations

import zlib
from collections import deque
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from device.types import Frame, Image

FROZEN_FRAMES = 5  # equal ones in a row; a recording of a slower camera shows each frame twice or three times
REPEATED_FRAMES = 3  # in a row, each equal to a frame before the one before it
EXACT_KEPT = 3000  # fingerprints; more than three minutes
KEPT = 600  # small pictures; forty seconds at 15 frames a second
SMALL = (32, 24)  # pixels
SAME_LEVELS = 1.2  # rms of the small pictures: what another encoding changes
MOVED_LEVELS = 6.0  # rms that a movement must have made within the run that repeats
RUN_FRAMES = 12  # so long a movement is not repeated to the pixel by a person
FEATURELESS = 2.0  # standard deviation in levels: a covered lens delivers the same black for ever
INTERVALS = 15
HASTE = 0.2  # of the configured interval: a median below it is pushed, not taken; many cameras insist on 60 a second


class StreamFault(StrEnum):
    """What is wrong with the stream. Stable words of the audit."""

    FROZEN = "stream_frozen"
    REPEATING = "stream_repeating"
    CLOCK = "stream_clock"


class StreamGuard:
    """Looks at every frame of one camera run. One thread. Costs about 0.3 ms a frame."""

    def __init__(self, *, rate_hz: float) -> None:
        self._interval_s = 1.0 / rate_hz
        self._last_at: float | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self._prints: dict[int, int] = {}  # fingerprint -> number of the frame
        self._number = 0
        self._last_print: int | None = None
        self._equal = self._repeated = 0
        self._small = np.zeros((KEPT, SMALL[0] * SMALL[1]), np.float32)
        self._norms = np.full(KEPT, np.inf, np.float32)
        self._runs = np.zeros(KEPT, np.int32)  # frames in a row that repeated up to this kept one

    def inspect(self, frame: Frame) -> StreamFault | None:
        """What the newest frame reveals; None when nothing."""
        fault = self._judge_time(frame.captured_at) or self._judge_exact(frame.image) or self._judge_alike(frame.image)
        self._number += 1
        return fault

    def _judge_time(self, at: float) -> StreamFault | None:
        if self._last_at is not None:
            self._intervals.append(at - self._last_at)
        self._last_at = at
        if self._intervals and not self._intervals[-1] > 0.0:
            return StreamFault.CLOCK
        is_full = len(self._intervals) == INTERVALS
        return StreamFault.CLOCK if is_full and np.median(self._intervals) < HASTE * self._interval_s else None

    def _judge_exact(self, image: Image) -> StreamFault | None:
        sparse = np.ascontiguousarray(image[::4, ::4])
        if float(sparse.std()) < FEATURELESS:
            self._equal = self._repeated = 0
            return None
        fingerprint = zlib.crc32(sparse.data)
        earlier = self._prints.get(fingerprint)
        self._equal = self._equal + 1 if fingerprint == self._last_print else 1
        is_repeat = earlier is not None and fingerprint != self._last_print
        if fingerprint != self._last_print:
            self._repeated = self._repeated + 1 if is_repeat else 0
        self._last_print = fingerprint
        self._prints.pop(fingerprint, None)
        self._prints[fingerprint] = self._number
        if len(self._prints) > EXACT_KEPT:
            self._prints.pop(next(iter(self._prints)))
        if self._equal >= FROZEN_FRAMES:
            return StreamFault.FROZEN
        return StreamFault.REPEATING if self._repeated >= REPEATED_FRAMES else None

    def _judge_alike(self, image: Image) -> StreamFault | None:
        """A movement that is repeated frame by frame."""
        now = _shrink(image)
        norm = float(now @ now)
        distances = np.sqrt(np.maximum(self._norms - 2.0 * (self._small @ now) + norm, 0.0) / now.size)
        slot = self._number % KEPT
        near = distances <= SAME_LEVELS
        near[[(slot - back) % KEPT for back in range(1, RUN_FRAMES)]] = False  # too recent to be a loop
        self._runs = np.where(near, np.roll(self._runs, 1) + 1, 0).astype(np.int32)
        self._small[slot], self._norms[slot], self._runs[slot] = now, norm, 0
        if not (self._runs >= RUN_FRAMES).any():
            return None
        run = self._small[[(slot - back) % KEPT for back in range(RUN_FRAMES)]]
        moved = np.sqrt(((run - run[0]) ** 2).mean(axis=1)).max()
        return StreamFault.REPEATING if moved >= MOVED_LEVELS else None


def _shrink(image: Image) -> NDArray[Any]:
    """(768,) float32 levels: grey, 32 × 24."""
    grey = cv2.cvtColor(image[::2, ::2], cv2.COLOR_BGR2GRAY)
    small: NDArray[Any] = cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    return small
