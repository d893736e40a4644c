"""Which of several voices the person at the door hears."""

from __future__ import annotations

import pytest

from firmware_bridge.indicator import COLOURS, Indicator
from firmware_bridge.pattern import Pattern, parse_pattern
from firmware_bridge.sections import PatternsSection
from firmware_bridge.types import OWN_INDICATIONS, Indication


def patterns() -> dict[Indication, Pattern]:
    section = PatternsSection()
    return {name: parse_pattern(getattr(section, name), COLOURS) for name in Indication}


@pytest.fixture
def indicator() -> Indicator:
    return Indicator(patterns(), is_silent=False, forget_after_s=10.0)


def shown(text: str) -> frozenset[str]:
    return parse_pattern(f"{text} 1", COLOURS).steps[0].lit


def test_every_indication_has_a_pattern_that_can_be_told_from_all_others() -> None:
    assert len({str(pattern) for pattern in patterns().values()}) == len(Indication)


def test_a_grant_is_green_with_one_tone_and_a_denial_red_with_two() -> None:
    granted, denied = patterns()[Indication.GRANTED], patterns()[Indication.DENIED]
    assert [step.lit for step in granted.steps] == [shown("green+tone"), shown("green")]
    assert [("buzzer" in step.lit, "red" in step.lit) for step in denied.steps] == [
        (True, True), (False, True), (True, True), (False, True),
    ]  # fmt: skip


def test_what_is_asked_for_is_shown_until_its_pattern_is_over(indicator: Indicator) -> None:
    indicator.ask(Indication.GRANTED, 100.0)
    assert indicator.lit(100.1) == shown("green+tone")
    assert indicator.shown(102.9) is Indication.GRANTED
    assert indicator.shown(103.0) is Indication.READY


def test_asking_again_does_not_begin_the_pattern_again(indicator: Indicator) -> None:
    indicator.ask(Indication.GRANTED, 100.0)
    indicator.ask(Indication.GRANTED, 100.3)
    assert "buzzer" not in indicator.lit(100.5)


def test_a_service_that_died_does_not_beckon_for_ever(indicator: Indicator) -> None:
    indicator.ask(Indication.COME_CLOSER, 100.0)
    indicator.ask(Indication.COME_CLOSER, 105.0)
    assert indicator.shown(114.9) is Indication.COME_CLOSER
    assert indicator.shown(115.0) is Indication.READY
    assert indicator.next_change(114.9) is not None


def test_to_ask_for_ready_is_to_ask_for_nothing(indicator: Indicator) -> None:
    indicator.stand(Indication.LOCKDOWN, 100.0)
    indicator.ask(Indication.COME_CLOSER, 100.0)
    indicator.ask(Indication.READY, 101.0)
    assert indicator.shown(101.0) is Indication.LOCKDOWN


@pytest.mark.parametrize("urgent", [Indication.ALARM, Indication.HELD_WARNING])
def test_an_urgent_standing_silences_everybody(indicator: Indicator, urgent: Indication) -> None:
    indicator.ask(Indication.GRANTED, 100.0)
    indicator.light_panel(parse_pattern("blue 1", COLOURS), 100.0, is_temporary=True)
    indicator.sound_panel(parse_pattern("tone 9", COLOURS), 100.0)
    indicator.stand(urgent, 100.0)
    assert indicator.shown(100.0) is urgent
    assert indicator.lit(100.0) == patterns()[urgent].lit(0.0)


def test_the_panel_speaks_over_the_vision_service_for_a_while_only(indicator: Indicator) -> None:
    indicator.ask(Indication.HOLD_STILL, 100.0)
    indicator.light_panel(parse_pattern("red 1, repeat", COLOURS), 100.0, is_temporary=False)
    assert indicator.lit(100.5) == shown("blue"), "its standing light yields"
    indicator.light_panel(parse_pattern("green 2", COLOURS), 100.0, is_temporary=True)
    assert indicator.lit(101.9) == shown("green")
    assert indicator.lit(102.0) == shown("blue")
    assert indicator.lit(111.0) == shown("red"), "and comes back when nobody asks any more"


def test_the_panel_is_heard_over_any_light(indicator: Indicator) -> None:
    indicator.ask(Indication.HOLD_STILL, 100.0)
    indicator.sound_panel(parse_pattern("tone 0.5, dark 0.5", COLOURS), 100.0)
    assert indicator.lit(100.1) == shown("blue+tone")
    assert indicator.next_change(100.1) == 100.5
    indicator.sound_panel(None, 100.2)
    assert indicator.lit(100.3) == shown("blue")


def test_silent_mode_is_silent() -> None:
    silent = Indicator(patterns(), is_silent=True, forget_after_s=10.0)
    for indication in set(Indication) - OWN_INDICATIONS:
        silent.ask(indication, 100.0)
        assert all("buzzer" not in silent.lit(100.0 + tenth / 10) for tenth in range(40))
    for standing in OWN_INDICATIONS:
        silent.stand(standing, 200.0)
        assert all("buzzer" not in silent.lit(200.0 + tenth / 10) for tenth in range(40))
