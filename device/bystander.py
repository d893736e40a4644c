"""Watching without a lock: a door that releases nothing and an audit that says so."""

from __future__ import annotations

from collections.abc import Mapping

from device.ports import Audit


class NoDoor:
    """Implements `device.ports.Door` where there is none: for the bench and `lintel watch`."""

    def release(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        """Nothing is released."""

    def indicate(self, indication: str) -> None:
        """Nobody is told."""


class WatchingAudit:
    """Marks every event as watched only, so that nobody later takes its grants for releases."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        """Commit one event, marked. Raises AuditError when it cannot be recorded."""
        return self._audit.append(kind, {**facts, "watched_only": True})
