"""The door's events in the audit, from a real door daemon on mock pins."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from fakes import FakeAudit

from device.chronicle import Chronicle
from device.errors import AuditError
from firmware_bridge.child import DoorChild, mock_door


@pytest.fixture
def door() -> Iterator[DoorChild]:
    with mock_door() as child:
        yield child


def test_what_happened_at_the_door_is_recorded_once_and_then_forgotten_there(door: DoorChild) -> None:
    audit = FakeAudit()
    chronicle = Chronicle(door.client, audit)
    door.client.release(duration_s=5.0, audit_sequence=7, captured_at=time.monotonic())
    assert chronicle.take_over() >= 2
    assert audit.kinds() == ["door.event", "door.released"]
    assert audit.events[0][1]["event"] == "started"
    assert audit.events[1][1]["audit_sequence"] == 7
    assert door.client.events() == []
    assert chronicle.take_over() == 0


def test_an_event_that_cannot_be_recorded_stays_with_the_door(door: DoorChild) -> None:
    full = Chronicle(door.client, FakeAudit(capacity=0))
    with pytest.raises(AuditError):
        full.take_over()
    assert [event.kind.value for event in door.client.events()] == ["started"]
