"""What the loop may rely on, whichever audit it is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeAudit

from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, reading_audit
from device.bystander import WatchingAudit
from device.clock import FakeClock
from device.errors import AuditError
from device.ports import Audit

PAGES = 24  # of 4096 bytes: a small disk


@dataclass(frozen=True)
class Book:
    """An audit, a way to read what it kept, and what it adds to every event."""

    audit: Audit
    read: Callable[[], list[tuple[str, Any]]]
    mark: dict[str, object]


def read_log(file: Path) -> list[tuple[str, Any]]:
    with reading_audit(file) as reader:
        return [(event.kind, event.as_object()["facts"]) for event in reader.events()]


@pytest.fixture(params=["fake", "log", "watching"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    if request.param == "fake":
        fake = FakeAudit(capacity=40)
        yield Book(fake, lambda: [(kind, dict(facts)) for kind, facts in fake.events], {})
        return
    file = tmp_path / "audit.db"
    with AuditLog(file, clock=FakeClock(), max_pages=PAGES) as log:
        if request.param == "log":
            yield Book(log, lambda: read_log(file), {})
        else:
            yield Book(WatchingAudit(log), lambda: read_log(file), {"watched_only": True})


def test_events_are_numbered_from_one_without_gaps(book: Book) -> None:
    assert [book.audit.append(AuditKind.DECISION_DENIED, {}) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_what_was_appended_is_what_is_kept(book: Book) -> None:
    book.audit.append(AuditKind.APPLIANCE_STARTED, {"people": 3})
    book.audit.append(AuditKind.DECISION_GRANTED, {"person": "p-1", "score": 0.5, "cues": {"a": [1.5, None]}})
    assert book.read() == [
        ("appliance.started", {"people": 3, **book.mark}),
        ("decision.granted", {"person": "p-1", "score": 0.5, "cues": {"a": [1.5, None]}, **book.mark}),
    ]


def test_facts_that_change_later_do_not_change_the_record(book: Book) -> None:
    facts: dict[str, object] = {"reason": "not_enrolled"}
    book.audit.append(AuditKind.DECISION_DENIED, facts)
    facts["reason"] = "fault"
    assert book.read()[0][1]["reason"] == "not_enrolled"


def fill(audit: Audit) -> int:
    """Append until that is refused; how often it was not."""
    for count in itertools.count():
        try:
            audit.append(AuditKind.FAULT, {"fault": "x" * 1000})
        except AuditError:
            return count
    raise AssertionError("a disk is never endless")


def test_an_event_that_cannot_be_recorded_is_an_error_and_leaves_what_was_there(book: Book) -> None:
    kept = fill(book.audit)
    assert len(book.read()) == kept > 0
    assert fill(book.audit) == 0
    assert len(book.read()) == kept
