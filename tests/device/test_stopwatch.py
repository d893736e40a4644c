from __future__ import annotations

import pytest

from device.clock import FakeClock
from device.stopwatch import KEPT, Stopwatch


def test_the_time_inside_the_block_is_kept_per_stage_in_order() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(seconds=clock.monotonic)
    for seconds in (0.5, 0.25):
        with stopwatch.measure("detect"):
            clock.advance(seconds)
    with stopwatch.measure("frame"), stopwatch.measure("mesh"):
        clock.advance(2.0)
    assert stopwatch.times() == {"detect": [0.5, 0.25], "mesh": [2.0], "frame": [2.0]}


def test_a_stage_that_raises_is_timed_and_its_exception_passes() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(seconds=clock.monotonic)

    def fail() -> None:
        with stopwatch.measure("search"):
            clock.advance(1.0)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert stopwatch.times() == {"search": [1.0]}


def test_only_the_newest_times_are_kept() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(seconds=clock.monotonic)
    for number in range(KEPT + 5):
        with stopwatch.measure("frame"):
            clock.advance(float(number))
    times = stopwatch.times()["frame"]
    assert len(times) == KEPT
    assert times[-1] == KEPT + 4


def test_what_is_returned_is_a_copy_and_clearing_forgets() -> None:
    stopwatch = Stopwatch()
    with stopwatch.measure("frame"):
        pass
    stopwatch.times()["frame"].clear()
    assert len(stopwatch.times()["frame"]) == 1
    stopwatch.clear()
    assert stopwatch.times() == {}
