from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.policy.schedule import Weekday, WeeklySchedule, Window, is_inside

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = WeeklySchedule(tuple(Window(Weekday(day), time(8), time(18)) for day in range(5)), BERLIN)


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def only(day: Weekday, opens: time, closes: time, zone: ZoneInfo = BERLIN) -> WeeklySchedule:
    return WeeklySchedule((Window(day, opens, closes),), zone)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-01T07:59:59.999999", False),
        ("2026-06-01T08:00:00", True),
        ("2026-06-01T17:59:59.999999", True),
        ("2026-06-01T18:00:00", False),
        ("2026-06-05T12:00:00", True),
        ("2026-06-06T12:00:00", False),
        ("2026-06-07T12:00:00", False),
    ],
)
def test_a_window_includes_its_opening_and_excludes_its_closing(moment: str, expected: bool) -> None:
    assert is_inside(OFFICE, now=at(moment)) is expected


def test_the_zone_of_the_door_decides_and_not_the_zone_of_the_clock() -> None:
    assert is_inside(OFFICE, now=datetime(2026, 6, 1, 6, 0, tzinfo=UTC))  # 08:00 in Berlin's summer
    assert not is_inside(OFFICE, now=datetime(2026, 1, 5, 6, 0, tzinfo=UTC))  # 07:00 in Berlin's winter
    assert is_inside(OFFICE, now=datetime(2026, 1, 5, 7, 0, tzinfo=UTC))


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    night = only(Weekday.FRIDAY, time(22), time(6))
    assert not is_inside(night, now=at("2026-06-05T05:00:00"))
    assert is_inside(night, now=at("2026-06-05T22:00:00"))
    assert is_inside(night, now=at("2026-06-06T05:59:59"))
    assert not is_inside(night, now=at("2026-06-06T06:00:00"))
    assert not is_inside(night, now=at("2026-06-06T22:00:00"))


def test_a_window_past_the_end_of_the_week_reaches_into_the_next() -> None:
    night = only(Weekday.SUNDAY, time(23), time(1))
    assert is_inside(night, now=at("2026-06-07T23:30:00"))
    assert is_inside(night, now=at("2026-06-08T00:59:59"))


def test_equal_times_are_a_whole_day() -> None:
    monday = only(Weekday.MONDAY, time(0), time(0))
    assert is_inside(monday, now=at("2026-06-01T00:00:00"))
    assert is_inside(monday, now=at("2026-06-01T23:59:59.999999"))
    assert not is_inside(monday, now=at("2026-06-02T00:00:00"))


def test_no_windows_is_never() -> None:
    assert not is_inside(WeeklySchedule((), BERLIN), now=at("2026-06-01T12:00:00"))


def test_a_time_without_a_zone_is_inside_nothing() -> None:
    always = WeeklySchedule(tuple(Window(day, time(0), time(0)) for day in Weekday), BERLIN)
    assert not is_inside(always, now=datetime(2026, 6, 1, 12, 0))


def test_the_hour_that_winter_time_repeats_counts_twice() -> None:
    early = only(Weekday.SUNDAY, time(2), time(3))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in summer time
    assert is_inside(early, now=first)
    assert is_inside(early, now=first + timedelta(hours=1))  # 02:30 again, in winter time
    assert not is_inside(early, now=first + timedelta(hours=2))
    assert not is_inside(early, now=first - timedelta(hours=1))


def test_the_hour_that_summer_time_skips_never_comes() -> None:
    skipped = only(Weekday.SUNDAY, time(2), time(3))
    start = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert not any(is_inside(skipped, now=start + timedelta(minutes=minute)) for minute in range(0, 180, 5))


def test_a_window_around_the_change_lasts_as_long_as_the_clock_on_the_wall_says() -> None:
    around = only(Weekday.SUNDAY, time(1), time(4))

    def minutes(day: datetime) -> int:
        return sum(is_inside(around, now=day + timedelta(minutes=minute)) for minute in range(-180, 600))

    assert minutes(datetime(2026, 3, 29, tzinfo=UTC)) == 120
    assert minutes(datetime(2026, 6, 7, tzinfo=UTC)) == 180
    assert minutes(datetime(2026, 10, 25, tzinfo=UTC)) == 240


def test_a_night_over_the_change_to_summer_time_still_ends_at_its_closing_time() -> None:
    night = only(Weekday.SATURDAY, time(22), time(6))
    assert is_inside(night, now=datetime(2026, 3, 29, 3, 59, tzinfo=UTC))  # 05:59 summer time
    assert not is_inside(night, now=datetime(2026, 3, 29, 4, 0, tzinfo=UTC))


def test_a_zone_half_an_hour_off_is_no_problem() -> None:
    adelaide = ZoneInfo("Australia/Adelaide")
    assert is_inside(only(Weekday.MONDAY, time(9), time(10), adelaide), now=at("2026-06-01T09:30:00", adelaide))


def test_a_window_with_a_zone_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="none of their own"):
        Window(Weekday.MONDAY, time(8, tzinfo=UTC), time(18))


windows = st.builds(Window, st.sampled_from(Weekday), st.times(), st.times())
aware = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(st.lists(windows, max_size=4), windows, aware)
def test_another_window_never_closes_the_door(few: list[Window], more: Window, now: datetime) -> None:
    if is_inside(WeeklySchedule(tuple(few), BERLIN), now=now):
        assert is_inside(WeeklySchedule((*few, more), BERLIN), now=now)


@given(windows, aware)
def test_a_window_and_its_complement_fill_the_day(window: Window, now: datetime) -> None:
    if window.spans_midnight or window.opens == window.closes:
        return
    day = Window(window.day, time(0), time(0))
    before = Window(window.day, time(0), window.opens) if window.opens != time(0) else None
    after = Window(window.day, window.closes, time(0))
    parts = WeeklySchedule(tuple(part for part in (before, window, after) if part), BERLIN)
    assert is_inside(parts, now=now) == is_inside(WeeklySchedule((day,), BERLIN), now=now)
