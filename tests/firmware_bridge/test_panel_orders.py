"""What an access control panel may order, in the door's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.panel import (
    PanelKey,
    PanelLight,
    PanelRelay,
    PanelRelease,
    PanelSecure,
    PanelSound,
    PanelSwitch,
    read_buzzer,
    read_keyset,
    read_led,
    read_output,
)


def led(**changes: object) -> dict[str, object]:
    steady = {"on_count": 10, "off_count": 0, "on_color": 1, "off_color": 0}
    return {"temporary": False, "control_code": 1, "timer_count": 0, **steady, **changes}


def output(control: int, *, number: int = 0, tenths: int = 0) -> dict[str, object]:
    return {"output_no": number, "control_code": control, "timer_count": tenths}


def test_an_order_to_do_nothing_does_nothing() -> None:
    assert read_led(led(control_code=0)) is None
    assert read_buzzer({"control_code": 0, "on_count": 1, "off_count": 1, "rep_count": 1}) is None
    assert read_output(output(0), ("aux",)) is None


def test_a_temporary_light_can_be_taken_back() -> None:
    assert read_led(led(temporary=True, control_code=1)) == PanelLight(None, is_temporary=True)


@pytest.mark.parametrize(("number", "lamps"), list(enumerate([
    set(), {"red"}, {"green"}, {"red", "green"}, {"blue"}, {"red", "blue"}, {"green", "blue"}, {"red", "green", "blue"},
])))  # fmt: skip
def test_osdp_s_colours_are_ours(number: int, lamps: set[str]) -> None:
    light = read_led(led(on_color=number))
    assert light is not None
    assert light.pattern is not None
    assert light.pattern.lit(100.0) == lamps


def test_a_light_with_no_times_is_steady() -> None:
    light = read_led(led(on_count=0, off_count=0, on_color=2))
    assert light is not None
    assert light.pattern is not None
    assert light.pattern.lit(12345.6) == {"green"}


def test_the_buzzer_repeats_as_often_as_told_and_stops_when_told() -> None:
    sound = read_buzzer({"control_code": 2, "on_count": 2, "off_count": 3, "rep_count": 2})
    assert sound is not None
    assert sound.pattern is not None
    assert [sound.pattern.lit(at) for at in (0.1, 0.3, 0.6, 0.9)] == [{"buzzer"}, set(), {"buzzer"}, set()]
    assert sound.pattern.lit(1.0) is None
    assert read_buzzer({"control_code": 1, "on_count": 2, "off_count": 3, "rep_count": 0}) == PanelSound(None)


@pytest.mark.parametrize(("control", "expected"), [
    (1, PanelSwitch(is_on=False, duration_s=None)),
    (2, PanelSwitch(is_on=True, duration_s=None)),
    (3, PanelSwitch(is_on=False, duration_s=None, aborts_timer=False)),
    (4, PanelSwitch(is_on=True, duration_s=None, aborts_timer=False)),
    (5, PanelSwitch(is_on=True, duration_s=2.0)),
    (6, PanelSwitch(is_on=False, duration_s=2.0)),
])  # fmt: skip
def test_outputs_switch_the_auxiliary_relay(control: int, expected: PanelSwitch) -> None:
    assert read_output(output(control, tenths=20), ("aux",)) == expected


@pytest.mark.parametrize("control", [2, 4])
def test_the_lock_is_never_released_without_an_end(control: int) -> None:
    with pytest.raises(ValueError, match="for a time only"):
        read_output(output(control, tenths=20), ("lock",))
    with pytest.raises(ValueError, match="for a time only"):
        read_output(output(5, tenths=0), ("lock",))


def test_the_lock_is_released_for_a_time_and_secured() -> None:
    assert read_output(output(5, number=1, tenths=30), ("aux", "lock")) == PanelRelease(3.0)
    for control in (1, 3, 6):
        assert read_output(output(control, number=1), ("aux", "lock")) == PanelSecure()


@pytest.mark.parametrize("order", [output(2, number=1), output(7), output(-1), output(2, number=-1)])
def test_an_output_that_is_not_there_is_refused(order: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"has no order|is not a count"):
        read_output(order, ("aux",))


def test_only_a_sixteen_byte_base_key_is_a_key() -> None:
    assert read_keyset({"type": 1, "data": bytes(16)}) == PanelKey(bytes(16))
    for order in ({"type": 2, "data": bytes(16)}, {"type": 1, "data": bytes(15)}, {"type": 1, "data": "x" * 16}):
        with pytest.raises(ValueError, match="base key"):
            read_keyset(order)


def test_a_key_hides_in_logs() -> None:
    assert "11" not in repr(PanelKey(b"\x11" * 16))


def test_a_timed_order_overrules_the_standing_one_for_its_time() -> None:
    relay = PanelRelay()
    relay.obey(PanelSwitch(is_on=True, duration_s=2.0), 10.0)
    assert (relay.is_on(11.9), relay.is_on(12.0)) == (True, False)
    assert (relay.next_change(11.0), relay.next_change(12.0)) == (12.0, None)
    relay.obey(PanelSwitch(is_on=True, duration_s=None), 20.0)
    relay.obey(PanelSwitch(is_on=False, duration_s=2.0), 20.0)
    assert (relay.is_on(21.0), relay.is_on(22.0)) == (False, True)


def test_a_standing_order_ends_a_timed_one_unless_it_says_otherwise() -> None:
    relay = PanelRelay()
    relay.obey(PanelSwitch(is_on=True, duration_s=5.0), 10.0)
    relay.obey(PanelSwitch(is_on=False, duration_s=None, aborts_timer=False), 11.0)
    assert relay.is_on(11.0)
    relay.obey(PanelSwitch(is_on=False, duration_s=None), 12.0)
    assert not relay.is_on(12.0)


KEYS = (
    "control_code", "on_count", "off_count", "on_color", "off_color", "timer_count", "rep_count", "output_no", "type",
)  # fmt: skip
orders = st.fixed_dictionaries({key: st.integers(-300, 300) for key in KEYS})


@given(orders, st.booleans())
def test_no_numbers_do_more_than_be_refused(order: dict[str, int], is_temporary: bool) -> None:
    for read in (read_led, read_buzzer, lambda told: read_output(told, ("aux", "lock"))):
        try:
            command = read({**order, "temporary": is_temporary})
        except ValueError:
            continue
        if isinstance(command, PanelRelease):
            assert command.duration_s > 0
