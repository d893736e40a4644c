from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.key_entry import KeyEntry

presses = st.text("0123456789*#", max_size=60)


def entered(keys: str) -> list[str]:
    entry = KeyEntry()
    return [digits for key in keys if (digits := entry.press(key)) is not None]


def oracle(keys: str) -> list[str]:
    """Between two `#`, what was typed since the last `*`, of which no more than thirteen digits matter."""
    closed = keys.split("#")[:-1]
    entries = [one.rpartition("*")[2][:13] for one in closed]
    return [one for one in entries if one]


@given(presses)
def test_an_entry_is_what_was_typed_since_the_last_star_or_hash(keys: str) -> None:
    assert entered(keys) == oracle(keys)


def test_too_many_digits_are_no_pin_rather_than_the_first_twelve() -> None:
    assert entered("1234567890123#") == ["1234567890123"]


def test_an_entry_begins_anew_after_a_star() -> None:
    assert entered("2583*7139#") == ["7139"]
    assert entered("2583*#") == []


def test_what_is_no_key_of_a_keypad_is_ignored() -> None:
    assert entered("2") == []
    assert [KeyEntry().press(key) for key in ("", "A", "²", "٣")] == [None] * 4


def test_digits_hide_in_a_repr() -> None:
    entry = KeyEntry()
    entry.press("7")
    assert "7" not in repr(entry).partition(" at ")[0]
