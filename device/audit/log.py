"""The audit log on disk: one SQLite file, one durable commit for each event."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from device.audit.chain import EMPTY, Broken, ChainVerdict, Event, Head, next_event, verify_chain
from device.audit.kinds import AuditKind
from device.clock import Clock
from device.collection.storage import (
    Database,
    FileKind,
    StorageErrors,
    open_database,
    open_database_for_reading,
    reading,
    sqlite_errors,
    writing,
)
from device.errors import AuditBrokenError, AuditError

COLUMNS = "seq, at, kind, facts, previous, hash"


def m001_events(database: Database) -> None:
    """The chain, and triggers that stop careless hands; whoever can write the file is for the chain to find."""
    database.execute(
        """CREATE TABLE event (
            seq INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            facts TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL
        ) STRICT"""
    )
    for change in ("UPDATE", "DELETE"):
        database.execute(
            f"CREATE TRIGGER event_never_{change.lower()} BEFORE {change} ON event "
            "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        )


AUDIT = FileKind(
    noun="audit log",
    application_id=0x4C4E5441,  # "LNTA"
    steps=(m001_events,),
    is_checked_whole=False,  # it grows for years; `verify` reads every row
    errors=StorageErrors(
        unreadable=AuditBrokenError, too_new=AuditError, full=AuditError, unwritable=AuditError, other=AuditError
    ),
)


class AuditLog:
    """Implements `device.ports.Audit`. Several threads and several processes may append to one file.

    Opening creates the file where there is none. Raises AuditError when it cannot be opened, and AuditBrokenError when
    it is not an audit log or is damaged. `max_pages` (of 4096 bytes) is a quota.
    """

    def __init__(self, path: Path, *, clock: Clock, max_pages: int | None = None) -> None:
        self.path = path
        self._clock = clock
        self._one_thread = threading.Lock()
        self._database = open_database(path, AUDIT, max_pages=max_pages)

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        """Commit one event durably (`synchronous=FULL`) and return its sequence number.

        `kind` is an `AuditKind`; `facts` are JSON values without names of people. Raises AuditError when the event
        cannot be recorded; then it was not, and what it would have allowed must not happen.
        """
        if kind not in set(AuditKind):
            raise AuditError(f"{kind!r} is no kind of audit event")
        with self._one_thread, writing(self._database, self.path, AUDIT):
            event = next_event(_head(self._database), at=self._clock.now(), kind=str(kind), facts=facts)
            self._database.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
                (event.sequence, event.at, event.kind, event.facts, event.previous, event.hash),
            )
        return event.sequence

    def head(self) -> Head:
        """The end of the chain now."""
        with self._one_thread, sqlite_errors(self.path, AUDIT):
            return _head(self._database)

    def close(self) -> None:
        """Let the file go; harmless when repeated. What was appended is on the disk already."""
        self._database.close()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def reading_audit(path: Path) -> Iterator[AuditReader]:
    """A reader of the audit log at `path` as it is now, which can change nothing. Raises AuditError."""
    database = open_database_for_reading(path, AUDIT)
    try:
        with reading(database, path, AUDIT):
            yield AuditReader(database)
    finally:
        database.close()


class AuditReader:
    """One unchanging view of an audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.conn.text_factory = _text  # damaged text is for `verify` to find, not for the library to refuse

    def head(self) -> Head:
        """The end of the chain."""
        return _head(self._database)

    def events(self) -> Iterator[Event]:
        """Every event in order, one in memory at a time. No row is left out, whatever number somebody gave it."""
        rows = self._database.execute(f"SELECT {COLUMNS} FROM event ORDER BY seq")  # noqa: S608 (constant)
        return (Event(*row) for row in rows)

    def last(self, count: int, *, kind: AuditKind | None = None) -> list[Event]:
        """The newest `count` events, all or of one kind, the oldest of them first."""
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM event WHERE ? IS NULL OR kind = ? ORDER BY seq DESC LIMIT ?",  # noqa: S608 (constant)
            (kind, kind, count),
        )
        return [Event(*row) for row in rows][::-1]

    def verify(self, *, expected: Head | None = None) -> ChainVerdict:
        """Check the whole chain; see `verify_chain`."""
        sequence = 0

        def counted() -> Iterator[Event]:
            nonlocal sequence
            for event in self.events():
                yield event
                sequence = event.sequence

        try:
            return verify_chain(counted(), expected=expected)
        except sqlite3.DatabaseError as error:
            return Broken(sequence + 1, f"the file is damaged there: {error}")


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def _head(database: Database) -> Head:
    row = database.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(*row) if row else EMPTY
