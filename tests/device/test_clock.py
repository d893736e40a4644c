from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.clock import Clock, FakeClock, SystemClock

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    """Every clock there is."""
    made: Clock = request.param()
    return made


def test_civil_time_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta()


def test_durations_never_go_back(clock: Clock) -> None:
    readings = [clock.monotonic() for _ in range(50)]
    assert readings == sorted(readings)


def test_a_fake_sleep_lets_exactly_that_time_pass_and_takes_none() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    clock.sleep(3600.0)
    assert clock.monotonic() - before == 3600.0


def test_a_fake_clock_stands_still_until_told() -> None:
    clock = FakeClock()
    assert clock.monotonic() == clock.monotonic()
    assert clock.now() == clock.now()


@given(st.lists(st.floats(0, 1e6), max_size=10))
def test_both_clocks_move_on_together(steps: list[float]) -> None:
    clock = FakeClock(at=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=50.0)
    for seconds in steps:
        clock.advance(seconds)
    assert clock.monotonic() == pytest.approx(50.0 + sum(steps))
    passed = clock.now() - datetime(2026, 1, 1, tzinfo=UTC)
    assert passed.total_seconds() == pytest.approx(sum(steps), abs=1e-3)


def test_a_fake_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        FakeClock().advance(-0.001)


def test_setting_the_civil_clock_does_not_touch_durations() -> None:
    clock = FakeClock()
    before, civil = clock.monotonic(), clock.now()
    clock.step_civil(timedelta(days=-365))
    assert clock.monotonic() == before
    assert clock.now() == civil - timedelta(days=365)
    clock.advance(10)
    assert clock.now() == civil - timedelta(days=365) + timedelta(seconds=10)


READS_A_CLOCK = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


def test_only_the_clock_reads_the_clock() -> None:
    """Everything else in `device` is given its time, so that a test can move it."""
    readers = set()
    for source in sorted((ROOT / "device").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            if (node.value.id, node.attr) in READS_A_CLOCK:
                readers.add(str(source.relative_to(ROOT)))
    assert readers == {"device/clock.py"}
