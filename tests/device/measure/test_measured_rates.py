"""Error rates are counted exactly, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.measure.rates import NonMatedScores, Scores, false_non_match_rate, rank_one_rate


def scores(*values: float) -> Scores:
    return np.array(values, dtype=np.float32)


def counted(values: Scores, *, keep: int = 10_000) -> NonMatedScores:
    non_mated = NonMatedScores(keep=keep)
    non_mated.add(values)
    return non_mated


def test_the_threshold_lets_exactly_the_allowed_number_of_false_matches_through() -> None:
    """Ten different scores: one in ten may match, so the threshold lies just above the second highest."""
    non_mated = counted(scores(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9))
    threshold = non_mated.threshold_at(0.1)
    assert np.float32(0.8) < threshold <= np.float32(0.9)
    assert non_mated.false_matches_at(threshold) == 1
    assert non_mated.false_matches_at(float(np.float32(0.8))) == 2


def test_equal_scores_fall_on_the_same_side_of_the_threshold() -> None:
    """Three scores tie for the highest: one match would be allowed, three are not, so none is let through."""
    non_mated = counted(scores(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 0.9, 0.9))
    threshold = non_mated.threshold_at(0.1)
    assert threshold > np.float32(0.9)
    assert non_mated.false_matches_at(threshold) == 0


def test_a_rate_of_nothing_allowed_lies_above_every_score() -> None:
    non_mated = counted(scores(0.1, 0.5, 0.2))
    assert non_mated.threshold_at(0.0) > np.float32(0.5)


def test_a_whole_product_counts_whole_although_binary_fractions_do_not() -> None:
    assert counted(np.linspace(0, 1, 3000, dtype=np.float32)).false_matches_allowed(1e-3) == 3


def test_only_rates_with_ten_false_matches_are_told() -> None:
    spread = np.linspace(0, 1, 100_000, dtype=np.float32)
    assert counted(spread).targets() == (1e-3, 1e-4)
    assert counted(spread[:99_999]).targets() == (1e-3,)
    assert counted(spread[:50]).targets() == ()


def test_blocks_give_the_same_as_everything_at_once() -> None:
    values = np.random.default_rng(1).normal(0, 0.1, 20_000).astype(np.float32)
    in_blocks = NonMatedScores(keep=300)
    for block in np.split(values.reshape(200, 100), 20):
        in_blocks.add(block)
    at_once = counted(values, keep=20_000)
    assert in_blocks.count == at_once.count
    for fmr in (1e-2, 1e-3, 1e-4):
        threshold = in_blocks.threshold_at(fmr)
        assert threshold == at_once.threshold_at(fmr)
        assert in_blocks.false_matches_at(threshold) == at_once.false_matches_at(threshold)


def test_what_was_not_kept_is_not_guessed() -> None:
    few_kept = counted(np.linspace(0, 1, 1000, dtype=np.float32), keep=10)
    with pytest.raises(ValueError, match="kept"):
        few_kept.threshold_at(0.5)
    with pytest.raises(ValueError, match="kept"):
        few_kept.false_matches_at(0.5)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        counted(scores(0.1, float("nan")))


@pytest.mark.parametrize("keep", [0, -1])
def test_something_must_be_kept(keep: int) -> None:
    with pytest.raises(ValueError, match="kept"):
        NonMatedScores(keep=keep)


MANY = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=60)


@given(MANY, st.floats(0.0, 0.9))
def test_at_its_threshold_the_rate_is_never_above_the_target(values: list[float], fmr: float) -> None:
    non_mated = counted(scores(*values))
    assert non_mated.false_matches_at(non_mated.threshold_at(fmr)) <= fmr * len(values) + 1e-9


@given(MANY, st.floats(0.0, 0.9))
def test_no_lower_threshold_keeps_the_target(values: list[float], fmr: float) -> None:
    """The next lower number that a score can be already lets too many through."""
    non_mated = counted(scores(*values))
    lower = float(np.nextafter(np.float32(non_mated.threshold_at(fmr)), np.float32(-np.inf)))
    assert non_mated.false_matches_at(lower) > fmr * len(values) - 1e-9


@given(MANY, st.floats(-1, 1, width=32), st.floats(-1, 1, width=32))
def test_a_lower_threshold_never_matches_less(values: list[float], one: float, other: float) -> None:
    non_mated = counted(scores(*values))
    assert non_mated.false_matches_at(min(one, other)) >= non_mated.false_matches_at(max(one, other))


@given(MANY, st.floats(-1, 1, width=32), st.floats(-1, 1, width=32))
def test_a_lower_threshold_never_refuses_more(values: list[float], one: float, other: float) -> None:
    mated = scores(*values)
    assert false_non_match_rate(mated, min(one, other)) <= false_non_match_rate(mated, max(one, other))


def test_a_score_at_the_threshold_is_a_match() -> None:
    assert false_non_match_rate(scores(0.2, 0.4, 0.5, 0.6), float(np.float32(0.4))) == 0.25


def test_there_is_no_rate_without_comparisons() -> None:
    with pytest.raises(ValueError, match="no mated"):
        false_non_match_rate(scores(), 0.5)


def test_rank_one_counts_probes_whose_own_reference_is_strictly_the_best() -> None:
    table = np.array([[0.9, 0.1, 0.1], [0.5, 0.4, 0.1], [0.7, 0.1, 0.7]], dtype=np.float32)
    assert rank_one_rate(table, own=np.array([0, 1, 2])) == pytest.approx(1 / 3)
    assert rank_one_rate(table, own=np.array([0, 0, 0])) == pytest.approx(2 / 3)
