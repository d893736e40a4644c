"""When a contact has moved, and when its line is at fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.debounce import Debounce
from firmware_bridge.fake import FakeContact
from firmware_bridge.inputs import RESYNC_AFTER_S, Inputs
from firmware_bridge.sections import ContactSection
from firmware_bridge.types import Reading

ACTIVE, INACTIVE = Reading.ACTIVE, Reading.INACTIVE


def test_a_reading_is_believed_when_it_has_lasted() -> None:
    debounce = Debounce(INACTIVE, stable_s=0.05)
    assert not debounce.observe(ACTIVE, now=10.0)
    assert debounce.deadline == 10.05
    assert not debounce.observe(ACTIVE, now=10.04)
    assert debounce.observe(ACTIVE, now=10.05)
    assert (debounce.reading, debounce.deadline) == (ACTIVE, None)


def test_a_bounce_begins_the_wait_again() -> None:
    debounce = Debounce(INACTIVE, stable_s=0.05)
    debounce.observe(ACTIVE, now=10.00)
    debounce.observe(INACTIVE, now=10.04)
    debounce.observe(ACTIVE, now=10.045)
    assert not debounce.observe(ACTIVE, now=10.06)
    assert debounce.observe(ACTIVE, now=10.095)


def test_without_debounce_a_change_is_believed_at_once() -> None:
    assert Debounce(INACTIVE, stable_s=0.0).observe(ACTIVE, now=10.0)


@given(st.lists(st.tuples(st.floats(0.001, 0.049), st.sampled_from(Reading)), max_size=40))
def test_what_never_lasts_is_never_believed(moves: list[tuple[float, Reading]]) -> None:
    debounce, now = Debounce(INACTIVE, stable_s=0.05), 10.0
    before = INACTIVE
    for after_s, reading in moves:
        now += after_s
        flicker = reading if reading is not before else INACTIVE
        if flicker is before:
            continue
        assert not debounce.observe(flicker, now=now)
        before = flicker


def inputs(contact: FakeContact, on_fault: str = "keep", poll_s: float | None = None) -> Inputs:
    section = ContactSection(pin=1, debounce_s=0.05, on_fault=on_fault)  # type: ignore[arg-type]
    return Inputs({"fire": contact}, {"fire": section}, poll_s=poll_s, now=10.0)


def test_a_change_is_told_once_with_what_the_line_was_before() -> None:
    contact = FakeContact()
    lines = inputs(contact)
    contact.show(ACTIVE)
    assert lines.changes(10.0) == []
    (change,) = lines.changes(10.05)
    assert (change.line, change.before, change.after, change.is_active) == ("fire", INACTIVE, ACTIVE, True)
    assert lines.changes(10.06) == []
    assert lines.readings == {"fire": ACTIVE}


@pytest.mark.parametrize(("on_fault", "was", "counts_as"), [
    ("keep", ACTIVE, True),
    ("keep", INACTIVE, False),
    ("active", INACTIVE, True),
])  # fmt: skip
@pytest.mark.parametrize("fault", [Reading.SHORT, Reading.CUT, Reading.FAULT])
def test_a_faulty_line_counts_as_its_rule_says(on_fault: str, was: Reading, counts_as: bool, fault: Reading) -> None:
    contact = FakeContact(was)
    lines = inputs(contact, on_fault)
    contact.show(fault)
    lines.changes(10.0)
    (change,) = lines.changes(10.05)
    assert (change.after, lines.is_active("fire")) == (fault, counts_as)


def test_a_line_that_cannot_be_read_is_a_fault_and_not_an_exception() -> None:
    contact = FakeContact()
    lines = inputs(contact)
    contact.break_wire()
    lines.changes(10.0)
    (change,) = lines.changes(10.05)
    assert change.after is Reading.FAULT
    contact.mend_wire()
    lines.changes(10.1)
    assert lines.changes(10.2)[0].after is INACTIVE


def test_a_lost_edge_is_found_by_reading_again() -> None:
    contact = FakeContact()
    lines = inputs(contact)
    lines.changes(10.0)
    assert lines.next_deadline == 10.0 + RESYNC_AFTER_S


def test_measured_lines_are_read_more_often() -> None:
    lines = inputs(FakeContact(), poll_s=0.05)
    lines.changes(10.0)
    assert lines.next_deadline == 10.05


def test_a_line_that_is_not_fitted_counts_as_nothing() -> None:
    assert inputs(FakeContact()).is_active("tamper") is None
