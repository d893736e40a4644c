"""The audit log on disk: one SQLite file, one durable commit for each event."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from device.audit.apart import HeadFile
from device.audit.chain import EMPTY, Broken, ChainVerdict, Event, Head, next_event, verify_chain
from device.audit.kinds import AuditKind
from device.audit.sign import KEY_FILE, DeviceKey, Statement, StatementKind, find_device_key, make_device_key
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

COLUMNS = "seq, at, kind, facts, previous, hash, signature"
SIZES = ("page_count", "freelist_count", "page_size")
HEAD_FILE_SUFFIX = ".head"  # audit.db.head
UPDATE_TRIGGER, DELETE_TRIGGER = (
    f"CREATE TRIGGER event_never_{change.lower()} BEFORE {change} ON event "
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    for change in ("UPDATE", "DELETE")
)


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
    for trigger in (UPDATE_TRIGGER, DELETE_TRIGGER):
        database.execute(trigger)


def m002_signatures(database: Database) -> None:
    """The device's signature of each row, and where the chain of this file begins: earlier rows may be archived."""
    database.execute("ALTER TABLE event ADD COLUMN signature BLOB")  # NULL: an earlier version wrote the row
    database.execute(
        """CREATE TABLE origin (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            seq INTEGER NOT NULL,
            hash TEXT NOT NULL
        ) STRICT"""
    )
    database.execute("INSERT INTO origin VALUES (1, 0, ?)", (EMPTY.hash,))


AUDIT = FileKind(
    noun="audit log",
    application_id=0x4C4E5441,  # "LNTA"
    steps=(m001_events, m002_signatures),
    is_checked_whole=False,  # it grows for years; `verify` reads every row
    errors=StorageErrors(
        unreadable=AuditBrokenError, too_new=AuditError, full=AuditError, unwritable=AuditError, other=AuditError
    ),
)


class AuditLog:
    """Implements `device.ports.Audit`. Several threads and several processes may append to one file.

    Every row is signed with the device's key, which is made together with the first log of its folder. Opening creates
    the file where there is none. Raises AuditError when it cannot be opened or the key of a signed log is missing, and
    AuditBrokenError when it is not an audit log or is damaged. `max_pages` (of 4096 bytes) is a quota.
    """

    def __init__(self, path: Path, *, clock: Clock, max_pages: int | None = None) -> None:
        self.path = path
        self.clock = clock
        self._one_thread = threading.Lock()
        self._database = open_database(path, AUDIT, max_pages=max_pages)
        try:
            self._key = self._find_or_make_key()
            self._apart = HeadFile(head_file(path))
            self._note_loss()
        except BaseException:
            self._database.close()
            raise

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        """Commit one event durably (`synchronous=FULL`) and return its sequence number.

        `kind` is an `AuditKind`; `facts` are JSON values without names of people. Raises AuditError when the event
        cannot be recorded; then it was not, and what it would have allowed must not happen.
        """
        return self.append_all([(kind, facts)])

    def append_all(self, events: Sequence[tuple[str, Mapping[str, object]]]) -> int:
        """Commit several events as one: whatever happens, all of them are in the log, one after the other, or none is.

        Returns the sequence number of the last. Raises ValueError for no events, otherwise as `append` does.
        """
        for kind, _ in events:
            if kind not in set(AuditKind):
                raise AuditError(f"{kind!r} is no kind of audit event")
        if not events:
            raise ValueError("at least one event is appended")
        with self._one_thread, self._apart.locked():
            return self._append(*events)

    def head(self) -> Head:
        """The end of the chain now."""
        with self._one_thread, sqlite_errors(self.path, AUDIT):
            return _head(self._database)

    def used_bytes(self) -> int:
        """How much of the file is in use."""
        with self._one_thread, sqlite_errors(self.path, AUDIT):
            sizes = [self._database.execute(f"PRAGMA {name}").fetchone()[0] for name in SIZES]
        return int((sizes[0] - sizes[1]) * sizes[2])

    def sign_end(self, event: Event) -> Statement:
        """The statement that a file which is closed ends with `event`."""
        return self._key.sign(StatementKind.END, Head(event.sequence, event.hash), at=event.at)

    @contextlib.contextmanager
    def archiving(self) -> Iterator[Database]:
        """One transaction for moving rows out of the log, while nobody appends. `device.audit.archive` is its user."""
        with self._one_thread, self._apart.locked(), writing(self._database, self.path, AUDIT):
            yield self._database

    def close(self) -> None:
        """Let the file go; harmless when repeated. What was appended is on the disk already."""
        self._database.close()
        self._apart.close()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, *events: tuple[str, Mapping[str, object]]) -> int:
        with writing(self._database, self.path, AUDIT):
            head = _head(self._database)
            for kind, facts in events:
                event = next_event(head, at=self.clock.now(), kind=str(kind), facts=facts)
                head = Head(event.sequence, event.hash)
                signature = self._key.sign(StatementKind.ROW, head, at=event.at).signature
                self._database.execute(
                    "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (event.sequence, event.at, event.kind, event.facts, event.previous, event.hash, signature),
                )
        self._apart.write(self._key.sign(StatementKind.HEAD, head, at=event.at))
        return event.sequence

    def _find_or_make_key(self) -> DeviceKey:
        folder = self.path.parent
        key = find_device_key(folder)
        if key is not None:
            return key
        with sqlite_errors(self.path, AUDIT):
            is_signed = self._database.execute("SELECT 1 FROM event WHERE signature IS NOT NULL LIMIT 1").fetchone()
        if is_signed:  # a new key would make somebody else's log pass for this device's
            raise AuditError(f"{folder}: {KEY_FILE}, which signs this audit log, is missing; put it back")
        return make_device_key(folder)

    def _note_loss(self) -> None:
        """Record, first of all, when the log does not hold the row that it ended with. The door goes on."""
        with self._one_thread, self._apart.locked():
            kept = self._apart.read(self._key.public)
            if kept is None:
                self._note_missing_end()
                return
            sql = "SELECT hash FROM event WHERE seq = ? UNION ALL SELECT hash FROM origin WHERE seq = ?"
            with sqlite_errors(self.path, AUDIT):
                (archived,) = self._database.execute("SELECT seq FROM origin").fetchone()
                found = self._database.execute(sql, (kept.head.sequence, kept.head.sequence)).fetchone()
            if kept.head.sequence >= archived and found != (kept.head.hash,) and kept.head != EMPTY:
                lost = {"sequence": kept.head.sequence, "hash": kept.head.hash, "at": kept.at}
                self._append((AuditKind.AUDIT_TAIL_LOST, lost))

    def _note_missing_end(self) -> None:
        """Nothing is kept apart: the log is new, of a version that signed nothing, or somebody took the file away."""
        with sqlite_errors(self.path, AUDIT):
            newest = self._database.execute("SELECT signature FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if newest == (None,):
            self._append((AuditKind.AUDIT_SIGNED, {"from": _head(self._database).sequence + 1}))
        elif newest is not None:
            fault = (
                "what was kept apart about the end of the log is gone; rows after this one's predecessor may be, too"
            )
            self._append((AuditKind.FAULT, {"at": "audit", "fault": fault}))


def head_file(log: Path) -> Path:
    """Where the end of a log is kept apart from it."""
    return log.with_name(log.name + HEAD_FILE_SUFFIX)


@contextlib.contextmanager
def reading_audit(path: Path) -> Iterator[AuditReader]:
    """A reader of the audit log at `path` as it is now, which can change nothing. Raises AuditError."""
    database = open_database_for_reading(path, AUDIT)
    try:
        with reading(database, path, AUDIT):
            if not database["origin"].exists():
                raise AuditError(f"{path}: an earlier Lintel wrote this log; its next event brings it up to date")
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

    def origin(self) -> Head:
        """The event before the first one here: the last of the archives."""
        return Head(*self._database.execute("SELECT seq, hash FROM origin").fetchone())

    def events(self, *, through: int | None = None) -> Iterator[Event]:
        """Every event in order, one in memory at a time, or those up to a sequence number.

        No row is left out, whatever number somebody gave it.
        """
        sql = f"SELECT {COLUMNS} FROM event WHERE ? IS NULL OR seq <= ? ORDER BY seq"  # noqa: S608 (constant)
        return (Event(*row) for row in self._database.execute(sql, (through, through)))

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
            return verify_chain(counted(), expected=expected, origin=self.origin())
        except sqlite3.DatabaseError as error:
            return Broken(sequence + 1, f"the file is damaged there: {error}")


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def _head(database: Database) -> Head:
    row = database.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(*(row or database.execute("SELECT seq, hash FROM origin").fetchone()))
