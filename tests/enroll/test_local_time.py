from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enroll.local_time import end_after, first_moment


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as inside:
        inside.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("2027-01-31", "2027-01-30T23:00+00:00", "2027-01-31T23:00+00:00"),
        ("2027-03-28", "2027-03-27T23:00+00:00", "2027-03-28T22:00+00:00"),  # a day of 23 hours
        ("2027-10-31", "2027-10-30T22:00+00:00", "2027-10-31T23:00+00:00"),  # a day of 25 hours
        ("2027-07-01T18:00", "2027-07-01T16:00+00:00", "2027-07-01T16:00+00:00"),
        ("2027-07-01T18:00-05:00", "2027-07-01T23:00+00:00", "2027-07-01T23:00+00:00"),
        ("2027-07-01T18:00Z", "2027-07-01T18:00+00:00", "2027-07-01T18:00+00:00"),
    ],
)
def test_days_are_whole_and_local_and_times_are_of_their_zone(text: str, first: str, end: str) -> None:
    assert first_moment(text) == datetime.fromisoformat(first)
    assert end_after(text) == datetime.fromisoformat(end)


@pytest.mark.usefixtures("berlin")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)))
def test_one_day_ends_where_the_next_begins(day: date) -> None:
    assert end_after(day.isoformat()) == first_moment((day + timedelta(days=1)).isoformat())
    assert first_moment(day.isoformat()).astimezone(UTC) < end_after(day.isoformat()).astimezone(UTC)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "31.01.2027", "2027-02-30", "9999-12-31", "2027-01-31T25:00", "\u0662027-01-31"]
)
def test_what_is_neither_a_day_nor_a_time_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="neither a day such as"):
        end_after(text)
