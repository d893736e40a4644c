"""What a supervised line's voltage means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.sections import AdcSection
from firmware_bridge.supervision import Loop, LoopState

ADC = AdcSection()
LOOP = Loop(ADC.pull_up_ohm, ADC.series_ohm, ADC.parallel_ohm, ADC.tolerance)


def share(ohm: float, *, pull_up_ohm: float = ADC.pull_up_ohm) -> float:
    return ohm / (ohm + pull_up_ohm)


within = st.floats(1 - ADC.tolerance, 1 + ADC.tolerance)


@given(within, within, within)
def test_resistors_within_tolerance_are_read_for_what_they_are(a: float, b: float, c: float) -> None:
    pull_up = ADC.pull_up_ohm * a
    assert LOOP.classify(share(ADC.series_ohm * b, pull_up_ohm=pull_up)) is LoopState.CLOSED
    opened = ADC.series_ohm * b + ADC.parallel_ohm * c
    assert LOOP.classify(share(opened, pull_up_ohm=pull_up)) is LoopState.OPEN


@pytest.mark.parametrize(("ohm", "state"), [
    (0.0, LoopState.SHORT),
    (100.0, LoopState.SHORT),
    (600.0, LoopState.FAULT),
    (1000.0, LoopState.CLOSED),
    (1500.0, LoopState.FAULT),
    (2200.0, LoopState.FAULT),
    (3200.0, LoopState.OPEN),
    (6000.0, LoopState.FAULT),
    (20_000.0, LoopState.CUT),
    (1e9, LoopState.CUT),
])  # fmt: skip
def test_every_resistance_has_its_meaning(ohm: float, state: LoopState) -> None:
    assert LOOP.classify(share(ohm)) is state


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_has_a_meaning(value: float) -> None:
    assert LOOP.classify(value) in LoopState
    assert LOOP.classify(float("nan")) is LoopState.FAULT


def test_resistors_that_cannot_tell_open_from_closed_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot tell"):
        Loop(2200.0, 1000.0, 50.0, 0.05)
    with pytest.raises(ValueError, match="cannot tell"):
        Loop(2200.0, 1000.0, 500.0, 0.2)
