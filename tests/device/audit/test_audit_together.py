from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.audit.chain import Intact
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.errors import AuditError


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    with AuditLog(tmp_path / "audit.db", clock=FakeClock(), max_pages=24) as opened:
        yield opened


def test_events_appended_together_follow_one_another_in_one_sound_chain(log: AuditLog) -> None:
    log.append(AuditKind.FAULT, {})
    assert (
        log.append_all([(AuditKind.BUNDLE_APPLIED, {"number": 1}), (AuditKind.PERSON_ENROLLED, {"person": "p"})]) == 3
    )
    assert log.append(AuditKind.FAULT, {}) == 4
    with reading_audit(log.path) as reader:
        assert reader.verify() == Intact(log.head())
        assert [event.kind for event in reader.last(3)] == ["bundle.applied", "person.enrolled", "fault"]


def test_of_events_appended_together_none_stays_when_one_cannot_be_recorded(log: AuditLog) -> None:
    log.append(AuditKind.FAULT, {})
    before = log.head()
    with pytest.raises(AuditError):
        log.append_all([(AuditKind.FAULT, {"fault": "x" * 1000})] * 100)
    with pytest.raises(AuditError, match="no kind"):
        log.append_all([(AuditKind.FAULT, {}), ("fault.unheard_of", {})])
    assert log.head() == before
    assert log.append(AuditKind.FAULT, {}) == 2


def test_no_events_are_not_appended(log: AuditLog) -> None:
    with pytest.raises(ValueError, match="at least one"):
        log.append_all([])
