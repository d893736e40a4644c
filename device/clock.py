"""Time as an argument: the only module that reads the machine's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the appliance knows about time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, shared by all processes of this machine; never goes back."""
        ...

    def now(self) -> datetime:
        """The civil time, aware, in UTC. It may jump; use it for schedules and records, never for durations."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` (0 or more) pass."""
        ...


class SystemClock:
    """The machine's own clocks. CLOCK_MONOTONIC is one clock for all processes, so a frame's age survives a socket."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class FakeClock:
    """Time that moves only when told to. It ships because the demo and the simulators replay time with it."""

    def __init__(self, *, at: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC), monotonic_s: float = 1000.0) -> None:
        self._start = at
        self._start_s = monotonic_s
        self._elapsed_s = 0.0
        self._civil_step = timedelta()

    def monotonic(self) -> float:
        return self._start_s + self._elapsed_s

    def now(self) -> datetime:
        return self._start + self._civil_step + timedelta(seconds=self._elapsed_s)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move both clocks on by `seconds`. Raises ValueError for a negative number: durations never go back."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock cannot go back by {-seconds} s")
        self._elapsed_s += seconds

    def step_civil(self, by: timedelta) -> None:
        """Set the civil clock on or back, as an NTP step or a flat battery does; durations do not notice."""
        self._civil_step += by
