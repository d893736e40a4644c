"""Copies of the collection: snapshots that a door makes by itself, and backups that an administrator asks for.

A copy is sealed as the collection is, and worth nothing without the site key. It is made through SQLite's backup API
while doors go on, checked, made durable and only then given its name. A snapshot's name holds the number of the last
audit event before it, so that what happened since can be told.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from device.collection.keys import KeyFolder
from device.collection.schema import COLLECTION, sealed_by
from device.collection.storage import Database, file_errors, open_database_for_reading, sqlite_errors
from device.collection.store import Collection
from device.errors import BackupError, CollectionError, DeviceError, SiteKeyError
from device.secret_file import give_to_owner_of_folder, sync_folder
from device.types import PersonId

FOLDER = "snapshots"
NAME = re.compile(r"collection-\d{8}T\d{6}Z-(\d{12})\.db")
KEPT = 8


def m002_sealed(_: Database) -> None:
    """The step by its name: a copy that has not taken it is of a version before, and is opened to be brought up."""


SEALED = sealed_by(m002_sealed)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One file in the folder of snapshots."""

    path: Path
    audit_sequence: int  # of the last event before it was made


def snapshot_folder(collection: Path) -> Path:
    """Where the snapshots of the collection at `collection` are kept."""
    return collection.with_name(FOLDER)


def snapshots(collection: Path) -> list[Snapshot]:
    """The snapshots of a collection, the newest first; whether they are good is not looked at."""
    found = [(path, match) for path in snapshot_folder(collection).glob("*.db") if (match := NAME.fullmatch(path.name))]
    return [Snapshot(path, int(match[1])) for path, match in sorted(found, key=lambda one: one[0].name, reverse=True)]


def take_snapshot(collection: Collection, *, at: datetime, audit_sequence: int, kept: int = KEPT) -> Snapshot:
    """Make one more snapshot and let go of all but the newest `kept`. Raises CollectionError."""
    folder = snapshot_folder(collection.path)
    with file_errors(folder, COLLECTION):
        folder.mkdir(mode=0o700, exist_ok=True)
        give_to_owner_of_folder(folder)
    path = folder / f"collection-{at:%Y%m%dT%H%M%SZ}-{audit_sequence:012}.db"
    write_copy(collection, path, audit_sequence=audit_sequence)
    for old in snapshots(collection.path)[kept:]:
        old.path.unlink(missing_ok=True)
    return Snapshot(path, audit_sequence)


def write_copy(collection: Collection, to: Path, *, audit_sequence: int) -> None:
    """Write a checked, durable copy of the collection to the file `to`, whole or not at all. Raises CollectionError."""
    with _drafting(to) as draft:
        collection.copy_to(draft, audit_sequence=audit_sequence)
        check_copy(draft)


def check_copy(path: Path, *, keys: KeyFolder | None = None) -> str:
    """The id of the key that seals a copy. Raises CollectionError for one that is damaged, newer or not a collection.

    With `keys`, raises SiteKeyMissingError for one that cannot be opened here.
    """
    database = open_database_for_reading(path, SEALED)
    try:
        with sqlite_errors(path, COLLECTION):
            verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            broken = database.execute("PRAGMA foreign_key_check").fetchone()
            key_id: str = database.execute("SELECT key_id FROM seal").fetchone()[0]
    finally:
        database.close()
    if verdict != "ok" or broken is not None:
        raise COLLECTION.errors.unreadable(f"{path}: the collection is damaged: {verdict}")
    if keys is not None:
        keys.with_id(key_id)
    return key_id


def newest_good(collection: Path) -> Snapshot | None:
    """The newest snapshot that is whole and can be opened with a key that is here; None when there is none.

    Raises SiteKeyError when there are whole ones, but no key opens them.
    """
    keys, locked_out = KeyFolder(collection.parent), None
    for snapshot in snapshots(collection):
        try:
            check_copy(snapshot.path, keys=keys)
        except SiteKeyError as error:
            locked_out = error
        except DeviceError:
            continue
        else:
            return snapshot
    if locked_out is not None:
        raise locked_out
    return None


def check_restorable(copy: Path, *, of: Path) -> None:
    """Raises BackupError when a copy cannot become the collection at `of`."""
    try:
        check_copy(copy, keys=KeyFolder(of.parent))
    except CollectionError as error:
        raise BackupError(f"{copy}: this backup cannot be restored: {error}") from error


def put_in_place(copy: Path, *, of: Path) -> int:
    """Let a copy become the collection at `of`, whole or not at all; the last audit event before it was made.

    Nobody may have the old one open. Raises BackupError when it cannot be used here.
    """
    check_restorable(copy, of=of)
    with _drafting(of) as draft, sqlite_errors(of, COLLECTION):
        source, target = sqlite3.connect(f"file:{copy}?mode=ro", uri=True), sqlite3.connect(draft)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=WAL")
            (audit_sequence,) = target.execute("PRAGMA user_version").fetchone()
            target.execute("PRAGMA user_version=0")
        finally:
            source.close()
            target.close()
        for leftover in ("-wal", "-shm"):
            of.with_name(of.name + leftover).unlink(missing_ok=True)
    return int(audit_sequence)


def aside_name(path: Path, *, at: datetime) -> Path:
    """Where a collection goes that gives way to a copy."""
    return path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%SZ}")


def set_aside(path: Path, *, to: Path) -> None:
    """Give a collection another name, with what belongs to it. Raises CollectionError."""
    with file_errors(path, COLLECTION):
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(to.with_name(to.name + suffix))
        sync_folder(path.parent)


def forget_in_snapshots(collection: Path, person: PersonId) -> None:
    """Erase a person from every snapshot, too. A snapshot that refuses is destroyed. Raises CollectionError."""
    for snapshot in snapshots(collection):
        try:
            database = sqlite3.connect(snapshot.path)
            try:
                for pragma in ("secure_delete=ON", "foreign_keys=ON", "trusted_schema=OFF"):
                    database.execute(f"PRAGMA {pragma}")
                with database:
                    database.execute("DELETE FROM person WHERE id = ?", (person,))
            finally:
                database.close()
        except sqlite3.Error:
            with file_errors(snapshot.path, COLLECTION):
                snapshot.path.unlink(missing_ok=True)


def discard_snapshots(collection: Path) -> None:
    """Destroy all snapshots: after a rotation no key opens them any more. Raises CollectionError."""
    for snapshot in snapshots(collection):
        with file_errors(snapshot.path, COLLECTION):
            snapshot.path.unlink(missing_ok=True)


@contextlib.contextmanager
def _drafting(to: Path) -> Iterator[Path]:
    """A draft beside `to` that takes its place, durable, when the block did not raise."""
    draft = to.with_name(f".{to.name}.new")
    leftovers = [draft.with_name(draft.name + suffix) for suffix in ("", "-journal", "-wal", "-shm")]
    with file_errors(to, COLLECTION):
        try:
            for leftover in leftovers:
                leftover.unlink(missing_ok=True)
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
            give_to_owner_of_folder(draft)
            yield draft
            descriptor = os.open(draft, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            draft.replace(to)
            sync_folder(to.parent)
        finally:
            for leftover in leftovers:
                leftover.unlink(missing_ok=True)
