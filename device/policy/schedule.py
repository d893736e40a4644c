"""Weekly hours in the door's own time zone.

The civil time of the zone decides, as on a sign beside the door: in the hour that a change to winter time repeats, both
passes count; times that a change to summer time skips never come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import IntEnum
from zoneinfo import ZoneInfo


class Weekday(IntEnum):
    """Days as `datetime.weekday` counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` on a day until just before `closes`: on the same day, or on the next when that is not later.

    Equal times are a whole day long: 00:00 to 00:00 is that day. Raises ValueError for times with a zone of their own.
    """

    day: Weekday
    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens.tzinfo is not None or self.closes.tzinfo is not None:
            raise ValueError("a window's times are those of its schedule's zone and carry none of their own")

    @property
    def spans_midnight(self) -> bool:
        """Whether it closes on the day after the one on which it opens."""
        return self.closes <= self.opens


@dataclass(frozen=True, slots=True)
class WeeklySchedule:
    """When a group may pass: the union of its windows, every week. No windows: never."""

    windows: tuple[Window, ...]
    zone: ZoneInfo


def is_inside(schedule: WeeklySchedule, *, now: datetime) -> bool:
    """Whether `now`, an aware time, lies in one of the windows. A naive time lies in none: it could mean any hour."""
    if now.utcoffset() is None:
        return False
    local = now.astimezone(schedule.zone)
    today, clock = Weekday(local.weekday()), local.time()
    yesterday = Weekday((today - 1) % 7)
    return any(_contains(window, today, yesterday, clock) for window in schedule.windows)


def _contains(window: Window, today: Weekday, yesterday: Weekday, clock: time) -> bool:
    if not window.spans_midnight:
        return window.day == today and window.opens <= clock < window.closes
    if window.day == today:
        return window.opens <= clock
    return window.day == yesterday and clock < window.closes
