from __future__ import annotations

import pytest
from fakes import FakeAudit

from device.audit.kinds import AuditKind
from device.bystander import NoDoor, WatchingAudit
from device.errors import AuditError


def test_every_event_is_marked_as_watched_only() -> None:
    audit = FakeAudit()
    facts = {"person": "p-1"}
    assert WatchingAudit(audit).append(AuditKind.DECISION_GRANTED, facts) == 1
    assert audit.events == [("decision.granted", {"person": "p-1", "watched_only": True})]
    assert facts == {"person": "p-1"}


def test_nobody_can_take_the_mark_away() -> None:
    audit = FakeAudit()
    WatchingAudit(audit).append(AuditKind.DECISION_GRANTED, {"watched_only": False})
    assert audit.events[0][1]["watched_only"] is True


def test_what_cannot_be_recorded_is_not_hidden() -> None:
    with pytest.raises(AuditError):
        WatchingAudit(FakeAudit(capacity=0)).append(AuditKind.FAULT, {})


def test_where_there_is_no_door_nothing_happens_and_nobody_complains() -> None:
    door = NoDoor()
    door.release(duration_s=5.0, audit_sequence=1, captured_at=0.0)
    door.indicate("granted")
