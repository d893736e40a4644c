"""One way to keep a SQLite file: inspected before it is trusted, durable when it says so, never half-made.

The collection and the audit log are both kept this way, each with its own errors. A file is looked at through a
read-only connection first, so one that is damaged, foreign or newer is refused without a byte of it having changed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from device.errors import DeviceError

Database: TypeAlias = Any  # sqlite_utils.Database; the library is imported only when a file is opened
MigrationStep: TypeAlias = Callable[[Database], None]

MIGRATIONS_TABLE = "_sqlite_migrations"  # sqlite-utils' own name for it
BUSY_TIMEOUT_S = 5.0  # a commit with its fsync takes milliseconds, so a longer wait means a stuck process
NO_SPACE_BELOW_BYTES = 65_536  # SQLite reports a full disk as an I/O error when the shared memory file cannot grow
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH})
UNWRITABLE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageErrors:
    """Which error of its owner each fault of a file becomes."""

    unreadable: type[DeviceError]
    too_new: type[DeviceError]
    full: type[DeviceError]
    unwritable: type[DeviceError]
    other: type[DeviceError]  # locked by another process, or a failing disk


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """What a SQLite file of ours is called, how it is recognised, how it is built and how its faults are reported."""

    noun: str  # "collection", for sentences
    application_id: int  # SQLite's own mark for a file format, at byte 68 of the file
    steps: tuple[MigrationStep, ...]  # append only: an applied step is never edited, renamed or removed
    is_checked_whole: bool  # PRAGMA quick_check at every opening: time grows with the file
    errors: StorageErrors


def open_database(path: Path, kind: FileKind, *, max_pages: int | None = None) -> Database:
    """Open `path` for reading and writing, creating it (mode 0600) and its folder where they do not exist.

    The connection has WAL, synchronous=FULL, foreign keys and secure_delete on, and may be used by any one thread at a
    time. `max_pages` limits the file's size in pages, as a quota. Raises the errors of `kind`; a file that is refused
    has not changed.
    """
    with file_errors(path, kind), sqlite_errors(path, kind):
        if not path.exists():
            _create(path, kind)
        _inspect(path, kind)
        database = _connect(path)
        if max_pages is not None:
            database.execute(f"PRAGMA max_page_count={int(max_pages)}")
        _migrate(database, kind)
    return database


def open_database_for_reading(path: Path, kind: FileKind) -> Database:
    """Open an existing `path` without being able to change it. Raises the errors of `kind`."""
    with file_errors(path, kind), sqlite_errors(path, kind):
        path.stat()
        _inspect(path, kind)
        return _connect_for_reading(path)


@contextlib.contextmanager
def writing(database: Database, path: Path, kind: FileKind) -> Iterator[None]:
    """One transaction that takes the write lock first, so that what it read is still true when it commits.

    Everything inside is committed together, or nothing is. Inside another one it is part of that. Raises the errors of
    `kind` for SQLite's faults; any other exception rolls back and passes.
    """
    if database.conn.in_transaction:
        yield
        return
    with sqlite_errors(path, kind):
        database.conn.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.conn.execute("COMMIT")
        except BaseException:
            database.rollback()
            raise


@contextlib.contextmanager
def reading(database: Database, path: Path, kind: FileKind) -> Iterator[None]:
    """One unchanging view of the file, whatever other processes commit meanwhile."""
    with sqlite_errors(path, kind):
        if database.conn.in_transaction:
            yield
            return
        database.conn.execute("BEGIN")
        try:
            yield
        finally:
            database.rollback()


@contextlib.contextmanager
def sqlite_errors(path: Path, kind: FileKind) -> Iterator[None]:
    """Turn SQLite's faults into the errors of `kind`, keeping the cause. A broken constraint is a bug and so passes."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise _explain(error, path, kind) from error
    except UnicodeDecodeError as error:  # SQLite's own message about a damaged table quotes its damaged name
        raise kind.errors.unreadable(f"{path}: the {kind.noun} is damaged: its text is not UTF-8") from error


@contextlib.contextmanager
def file_errors(path: Path, kind: FileKind) -> Iterator[None]:
    """Turn the file system's exceptions into the errors of `kind`, keeping the cause."""
    try:
        yield
    except DeviceError:  # some of ours are OSErrors too
        raise
    except OSError as error:
        if error.errno in NO_SPACE:
            raise kind.errors.full(f"{path}: no space is left for the {kind.noun}; nothing was written") from error
        raise kind.errors.unwritable(f"{path}: the {kind.noun} cannot be opened: {error.strerror or error}") from error


def _explain(error: sqlite3.Error, path: Path, kind: FileKind) -> DeviceError:
    """The error of `kind` that says what SQLite's result code means for an administrator."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # the low byte is the primary code
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_space(path)):
        return kind.errors.full(f"{path}: no space is left for the {kind.noun}; nothing was written")
    if code in UNWRITABLE:
        return kind.errors.unwritable(f"{path}: the {kind.noun} cannot be opened or written: {error}")
    if code in BUSY:
        return kind.errors.other(f"{path}: another process keeps the {kind.noun} locked; nothing was written")
    if code in DAMAGED:
        return kind.errors.unreadable(f"{path}: not a Lintel {kind.noun}, or damaged: {error}")
    return kind.errors.other(f"{path}: the {kind.noun} cannot be used: {error}")


def _has_no_space(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < NO_SPACE_BELOW_BYTES
    except OSError:
        return False


def _create(path: Path, kind: FileKind) -> None:
    """Build an empty file beside `path` and move it into place whole: an empty or partial file is never ours."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # of two processes that start at once, one creates
        if not path.exists():
            _build(path, kind)
            os.fsync(folder)
    finally:
        os.close(folder)


def _build(path: Path, kind: FileKind) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)  # left by a process that was killed here
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        if os.geteuid() == 0:  # an administrator's file must not lock out the service that owns the folder
            owner = path.parent.stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
        database = _connect(draft)
        try:
            database.execute(f"PRAGMA application_id={kind.application_id}")
            database.execute("PRAGMA journal_mode=WAL")
            _migrate(database, kind)
        finally:
            database.close()
        draft.replace(path)
    finally:
        for leftover in (draft, draft.with_name(draft.name + "-wal"), draft.with_name(draft.name + "-shm")):
            leftover.unlink(missing_ok=True)


def _inspect(path: Path, kind: FileKind) -> None:
    """Refuse a file that is empty, foreign, damaged or newer, through a connection that cannot change it."""
    if not path.is_file():
        raise kind.errors.unwritable(f"{path}: the {kind.noun} cannot be opened: it is not a file")
    if path.stat().st_size == 0:
        raise kind.errors.unreadable(f"{path}: the {kind.noun} is empty; restore it or move it away")
    database = _connect_for_reading(path)
    try:
        if database.execute("PRAGMA application_id").fetchone()[0] != kind.application_id:
            raise kind.errors.unreadable(f"{path}: this is a database, but not a Lintel {kind.noun}")
        if _is_cut_off(path, database):
            raise kind.errors.unreadable(f"{path}: the {kind.noun} is damaged: its end is missing")
        if kind.is_checked_whole:
            verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise kind.errors.unreadable(f"{path}: the {kind.noun} is damaged: {verdict}")
        _refuse_other_steps(path, kind, database)
    finally:
        database.close()


def _refuse_other_steps(path: Path, kind: FileKind, database: Database) -> None:
    """Refuse a file that has seen steps we do not know. A newer Lintel has taken all of ours, too."""
    known = {step.__name__ for step in kind.steps}
    rows = database.execute(f"SELECT name FROM {MIGRATIONS_TABLE} WHERE migration_set = ?", (_set_name(kind),))  # noqa: S608 (constant)
    applied = {name for (name,) in rows}
    if kind.steps[0].__name__ not in applied or not (applied <= known or applied >= known):
        raise kind.errors.unreadable(f"{path}: the {kind.noun} is damaged: it lacks a step of its own history")
    if not applied <= known:
        raise kind.errors.too_new(f"{path}: a newer Lintel wrote this {kind.noun}; it was left untouched")


def _is_cut_off(path: Path, database: Database) -> bool:
    """Whether the file ends within a page. SQLite reads the missing bytes as zeros, and its check does not mind.

    With a write-ahead log beside it, a killed checkpoint may have left it so, and the log holds what is missing.
    """
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        return False
    return bool(path.stat().st_size % database.execute("PRAGMA page_size").fetchone()[0])


def _migrate(database: Database, kind: FileKind) -> None:
    """Apply the steps that this file has not seen, all of them or none."""
    migrations = _migrations(kind)
    if not migrations.pending(database):
        return
    database.conn.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(database)  # asks again what is pending, now under the write lock
        database.conn.execute("COMMIT")
    except BaseException:
        database.rollback()
        raise


def _migrations(kind: FileKind) -> Any:
    from sqlite_utils import Migrations

    migrations = Migrations(_set_name(kind))
    for step in kind.steps:
        migrations()(step)
    return migrations


def _set_name(kind: FileKind) -> str:
    return f"lintel_{kind.noun.replace(' ', '_')}"


def _connect(path: Path) -> Database:
    from sqlite_utils import Database as SqliteUtilsDatabase

    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    database = SqliteUtilsDatabase(connection, execute_plugins=False)  # nobody's plugins run in a door
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "trusted_schema=OFF"):
        database.execute(f"PRAGMA {pragma}")
    return database


def _connect_for_reading(path: Path) -> Database:
    from sqlite_utils import Database as SqliteUtilsDatabase

    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
    )
    return SqliteUtilsDatabase(connection, execute_plugins=False)
