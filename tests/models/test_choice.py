from __future__ import annotations

import msgspec
import pytest
from model_builders import network

from models.choice import Choice, choose_build
from models.manifest import Int8Build, Network, Precision

INT8 = Int8Build(source="made up", ranges="x.json", loss=0.001, max_loss=0.005, loss_of="FNMR", min_agreement=0.9)
BOTH: Network = msgspec.structs.replace(network(), int8_build=INT8)


def choose(float_ms: float, int8_ms: float, *, agreement: float | None = 0.99, of: Network = BOTH) -> Choice:
    return choose_build(of, times_ms={Precision.FLOAT: float_ms, Precision.INT8: int8_ms}, agreement=agreement)


def test_the_faster_build_runs_and_the_reason_says_by_how_much() -> None:
    choice = choose(3.0, 1.5)
    assert choice.precision is Precision.INT8
    assert "2.0 times faster" in choice.reason


@pytest.mark.parametrize("int8_ms", [1.0, 0.98, 2.0])
def test_int8_that_gains_nothing_worth_having_does_not_run(int8_ms: float) -> None:
    choice = choose(1.0, int8_ms)
    assert choice.precision is Precision.FLOAT
    assert f"{int8_ms:.2f} ms against 1.00 ms" in choice.reason


def test_speed_does_not_buy_a_loss_beyond_the_bound() -> None:
    lossy = msgspec.structs.replace(BOTH, int8_build=msgspec.structs.replace(INT8, loss=0.006))
    choice = choose(10.0, 1.0, of=lossy)
    assert choice.precision is Precision.FLOAT
    assert "0.006" in choice.reason
    assert "0.005" in choice.reason


def test_a_loss_exactly_at_the_bound_is_inside() -> None:
    edge = msgspec.structs.replace(BOTH, int8_build=msgspec.structs.replace(INT8, loss=0.005))
    assert choose(2.0, 1.0, of=edge).precision is Precision.INT8


@pytest.mark.parametrize("agreement", [0.89, 0.0, -1.0, float("nan"), None])
def test_a_processor_on_which_the_builds_disagree_runs_float(agreement: float | None) -> None:
    choice = choose(10.0, 1.0, agreement=agreement)
    assert choice.precision is Precision.FLOAT
    assert "does not agree" in choice.reason


def test_without_an_int8_build_the_manifest_says_why() -> None:
    alone = msgspec.structs.replace(network(), float_only_because="It is fast enough.")
    choice = choose_build(alone, times_ms={Precision.FLOAT: 1.0}, agreement=None)
    assert choice == Choice(Precision.FLOAT, "It is fast enough.")
