"""Patterns: what is lit when, and how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.indicator import COLOURS
from firmware_bridge.pattern import MAX_STEP_S, Pattern, Step, mix, parse_pattern


def test_a_pattern_goes_through_its_steps_and_is_over() -> None:
    pattern = parse_pattern("green+tone 0.4, green 2.6", COLOURS)
    assert pattern.lit(0.0) == {"green", "buzzer"}
    assert pattern.lit(0.4) == {"green"}
    assert pattern.lit(3.0) is None
    assert (pattern.next_change_s(0.1), pattern.next_change_s(0.4), pattern.next_change_s(3.0)) == (0.4, 3.0, None)


def test_a_repeating_pattern_begins_again() -> None:
    pattern = parse_pattern("blue 0.2, dark 2.8, repeat", COLOURS)
    assert pattern.lit(300.1) == {"blue"}
    assert pattern.lit(300.3) == frozenset()


def test_a_pattern_with_an_end_stops_in_the_middle_of_a_step() -> None:
    pattern = Pattern((Step(frozenset({"red"}), 1.0),), repeats=True, lasts_s=2.5)
    assert pattern.lit(2.4) == {"red"}
    assert pattern.next_change_s(2.1) == 2.5
    assert pattern.lit(2.5) is None


@pytest.mark.parametrize("text", [
    "", "green", "green -1", "green 0", "green nan", "green inf", "purple 1", "green 1,", "repeat", "green 1 1",
    "green+ 1", "green 61", ", ".join(["red 1"] * 65),
])  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_pattern(text, COLOURS)


def test_colours_mix() -> None:
    assert mix("red+green", COLOURS) == COLOURS["amber"]
    assert mix("dark", COLOURS) == frozenset()


steps = st.lists(
    st.builds(Step, st.sampled_from(list(COLOURS.values())), st.floats(0.02, MAX_STEP_S)), min_size=1, max_size=8
)


@given(steps=steps, repeats=st.booleans(), elapsed_s=st.floats(0, 1e5))
def test_the_next_change_is_always_later_so_that_no_loop_spins(
    steps: list[Step], repeats: bool, elapsed_s: float
) -> None:
    pattern = Pattern(tuple(steps), repeats=repeats)
    change_s = pattern.next_change_s(elapsed_s)
    if change_s is None:
        assert not repeats
        assert pattern.lit(elapsed_s) is None
    else:
        assert change_s > elapsed_s
