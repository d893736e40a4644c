"""Taking over what happened at the door: the daemon's events into the audit, whoever was asleep meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from device.audit.kinds import AuditKind
from device.errors import AuditError
from device.ports import Audit
from firmware_bridge.errors import BridgeError
from firmware_bridge.protocol import DoorEvent
from firmware_bridge.types import EventKind

log = logging.getLogger(__name__)

EVERY_S = 1.0
KINDS = {  # what has a word of its own in the audit; everything else is a DOOR_EVENT that names itself
    EventKind.RELEASED: AuditKind.DOOR_RELEASED,
    EventKind.SECURED: AuditKind.DOOR_SECURED,
    EventKind.FORCED: AuditKind.DOOR_FORCED,
    EventKind.HELD: AuditKind.DOOR_HELD,
    EventKind.REX: AuditKind.DOOR_EXIT_REQUESTED,
}


class DoorLog(Protocol):
    """The daemon's spool: what it keeps until somebody has it."""

    def events(self, after: int = 0, *, limit: int = 100) -> Sequence[DoorEvent]:
        """Kept events with a sequence number above `after`, oldest first, at most `limit`. Raises BridgeError."""
        ...

    def acknowledge(self, sequence: int) -> None:
        """Everything up to `sequence` is kept elsewhere now. Raises BridgeError."""
        ...


class Chronicle:
    """Copies events into the audit and acknowledges them, in that order: a crash in between repeats, never loses."""

    def __init__(self, door: DoorLog, audit: Audit) -> None:
        self._door = door
        self._audit = audit

    def take_over(self) -> int:
        """Record what the daemon keeps and let it forget; how many events there were.

        Raises BridgeError when the daemon does not answer and AuditError when an event cannot be recorded; what was
        not acknowledged is kept there for the next time.
        """
        count = 0
        while events := self._door.events():
            for event in events:
                self._audit.append(KINDS.get(event.kind, AuditKind.DOOR_EVENT), facts_of(event))
            self._door.acknowledge(events[-1].sequence)
            count += len(events)
        return count

    def run(self, stop: threading.Event) -> None:
        """Take over every second until `stop` is set; a silent daemon or a full disk is tried again."""
        while not stop.wait(EVERY_S):
            try:
                self.take_over()
            except (BridgeError, AuditError) as error:
                log.warning("chronicle.waits", extra={"fault": str(error)})


@contextmanager
def chronicling(door: DoorLog, audit: Audit) -> Iterator[None]:
    """Take over in a thread of its own: a daemon that hangs must not make a face wait."""
    stop = threading.Event()
    thread = threading.Thread(target=Chronicle(door, audit).run, args=(stop,), name="chronicle", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def facts_of(event: DoorEvent) -> dict[str, object]:
    """One event of the door as the audit keeps it."""
    facts: dict[str, object] = {"event": event.kind.value, "door_sequence": event.sequence, "door_utc": event.utc}
    if event.cause is not None:
        facts["cause"] = event.cause.value
    if event.audit_sequence is not None:
        facts["audit_sequence"] = event.audit_sequence
    return facts | {name: text for name, text in (("actor", event.actor), ("detail", event.detail)) if text}
