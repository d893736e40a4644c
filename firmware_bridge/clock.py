"""Time as an argument: the only module of the door daemon that reads the machine's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the door knows about time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, shared by all processes of this machine; never goes back."""
        ...

    def now(self) -> datetime:
        """The civil time, aware, in UTC. It may jump: it stamps events for people and decides nothing."""
        ...


class SystemClock:
    """The machine's own clocks. CLOCK_MONOTONIC is one clock for all processes, so a frame's age survives a socket."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


class FakeClock:
    """Time that moves only when told to."""

    def __init__(self, *, monotonic_s: float = 1000.0, at: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now_s = monotonic_s
        self._civil = at

    def monotonic(self) -> float:
        return self._now_s

    def now(self) -> datetime:
        return self._civil

    def advance(self, seconds: float) -> None:
        """Move both clocks on. Raises ValueError for a negative number: durations never go back."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock cannot go back by {-seconds} s")
        self._now_s += seconds
        self._civil += timedelta(seconds=seconds)
