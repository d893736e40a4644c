from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from device.errors import TargetUnreachableError
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.types import ModelId, Threshold

MODEL = ModelId("model-a")
MEASURED = ((1e-3, 0.333), (1e-4, 0.403), (1e-5, 0.465), (1e-6, 0.58))  # MobileFaceNet on LFW
POINTS = tuple(OperatingPoint(fmr, score) for fmr, score in MEASURED)


def policy(*, target_fpir: float = 0.003, points: tuple[OperatingPoint, ...] = POINTS) -> ThresholdPolicy:
    return ThresholdPolicy(MODEL, points, target_fpir)


@pytest.mark.parametrize(("fmr", "score"), MEASURED)
def test_a_measured_point_gives_its_own_threshold(fmr: float, score: float) -> None:
    chosen = policy(target_fpir=-math.expm1(10 * math.log1p(-fmr * (1 + 1e-9)))).choose(10)
    assert chosen.score == pytest.approx(score, abs=1e-6)
    assert chosen.fmr == pytest.approx(fmr, rel=1e-6)
    assert chosen.model_id == MODEL


def test_between_two_points_the_score_is_linear_in_the_logarithm_of_the_rate() -> None:
    halfway = math.sqrt(1e-4 * 1e-5)
    chosen = policy(target_fpir=halfway).choose(1)
    assert chosen.score == pytest.approx((0.403 + 0.465) / 2, abs=1e-9)


@given(st.integers(1, 3000), st.floats(1e-5, 0.1))
def test_the_chosen_rate_meets_the_goal(size: int, target: float) -> None:
    goal = policy(target_fpir=target)
    assume(size <= goal.largest_gallery)
    fpir = -math.expm1(size * math.log1p(-goal.choose(size).fmr))
    assert fpir <= target * (1 + 1e-9)


@given(st.integers(0, 3003), st.integers(0, 3003))
def test_a_larger_gallery_never_has_a_lower_threshold(one: int, other: int) -> None:
    smaller, larger = sorted((one, other))
    assert policy().choose(smaller).score <= policy().choose(larger).score


@given(st.floats(1e-6, 0.1), st.floats(1e-6, 0.1))
def test_a_stricter_goal_never_has_a_lower_threshold(one: float, other: float) -> None:
    strict, lax = sorted((one, other))
    assert policy(target_fpir=strict).choose(1).score >= policy(target_fpir=lax).choose(1).score


def test_a_laxer_goal_than_was_measured_gets_the_strictest_score_that_is_known_to_meet_it() -> None:
    assert policy(target_fpir=0.1).choose(1) == Threshold(0.333, 1e-3, MODEL)


def test_an_empty_gallery_has_the_threshold_of_one_reference() -> None:
    assert policy().choose(0) == policy().choose(1)


@given(st.floats(1e-6, 0.1, exclude_min=True))
def test_the_largest_gallery_is_served_and_one_more_is_refused(target: float) -> None:
    goal = policy(target_fpir=target)
    largest = goal.largest_gallery
    assert largest >= 1
    assert goal.choose(largest).score <= 0.58
    with pytest.raises(TargetUnreachableError, match=f"serve {largest} at most"):
        goal.choose(largest + 1)


def test_nothing_is_extrapolated_below_the_smallest_measured_rate() -> None:
    with pytest.raises(TargetUnreachableError, match="model-a cannot meet target_fpir 1e-07"):
        policy(target_fpir=1e-7).choose(1)
    assert policy(target_fpir=1e-7).largest_gallery == 0


def test_the_standard_model_serves_about_three_thousand_references_at_the_access_operating_point() -> None:
    assert policy(target_fpir=0.003).largest_gallery == 3004


def test_a_model_without_operating_points_is_refused() -> None:
    with pytest.raises(TargetUnreachableError, match="no measured operating points"):
        policy(points=())


def test_one_point_serves_what_it_can() -> None:
    one = policy(target_fpir=0.003, points=POINTS[:1])
    assert one.choose(3).score == 0.333
    with pytest.raises(TargetUnreachableError):
        one.choose(4)


@given(st.permutations(POINTS), st.integers(1, 3000))
def test_the_order_in_which_points_are_listed_does_not_matter(points: list[OperatingPoint], size: int) -> None:
    assert policy(points=tuple(points)).choose(size) == policy().choose(size)


@pytest.mark.parametrize(
    "points",
    [
        (OperatingPoint(0.0, 0.5),),
        (OperatingPoint(1.0, 0.5),),
        (OperatingPoint(float("nan"), 0.5),),
        (OperatingPoint(1e-3, float("nan")),),
        (OperatingPoint(1e-3, float("inf")),),
        (OperatingPoint(1e-3, 0.4), OperatingPoint(1e-4, 0.4)),
        (OperatingPoint(1e-3, 0.4), OperatingPoint(1e-4, 0.3)),
        (OperatingPoint(1e-3, 0.4), OperatingPoint(1e-3, 0.5)),
    ],
)
def test_points_that_contradict_each_other_are_refused(points: tuple[OperatingPoint, ...]) -> None:
    with pytest.raises(ValueError, match="operating point"):
        policy(points=points)


def test_no_comparison_is_more_lenient_than_the_limit_however_small_the_gallery() -> None:
    limited = ThresholdPolicy(MODEL, POINTS, 0.003, max_fmr=1e-4)
    assert limited.choose(1) == Threshold(pytest.approx(0.403), 1e-4, MODEL)
    assert limited.choose(1000) == policy().choose(1000)


def test_a_limit_stricter_than_anything_measured_is_refused() -> None:
    assert ThresholdPolicy(MODEL, POINTS, 0.003, max_fmr=1e-6).choose(1).score == pytest.approx(0.58)
    with pytest.raises(TargetUnreachableError, match="max_fmr 9e-07 cannot be promised"):
        ThresholdPolicy(MODEL, POINTS, 0.003, max_fmr=9e-7)
    assert ThresholdPolicy(MODEL, POINTS, 0.003, max_fmr=1.0) == policy()
    for nonsense in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="max_fmr"):
            ThresholdPolicy(MODEL, POINTS, 0.003, max_fmr=nonsense)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, float("nan"), 2.0])
def test_a_goal_that_is_no_rate_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="target_fpir"):
        policy(target_fpir=target)
