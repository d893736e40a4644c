"""An open, sealed database file: transactions, the key that is in use, and sealing everything anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from device.collection.keys import KeyFolder
from device.collection.resealing import seal_anew
from device.collection.schema import COLLECTION
from device.collection.seal import PersonSeal, Sealer, SiteKey, UnsealError, random_site_key
from device.collection.sealed_rows import RowSealer
from device.collection.storage import Database, reading, sqlite_errors, writing
from device.errors import CollectionUnreadableError, DeviceError, SiteKeyMissingError, UnknownPersonError
from device.types import PersonId

VIEWS_AT_MOST = 20


class SealedFile:
    """What every use of a collection rests on. One thread at a time; `device.collection.store` says what is in it."""

    def __init__(self, database: Database, path: Path, *, keys: KeyFolder) -> None:
        self._database = database
        self._keys = keys
        self._rows: RowSealer | None = None  # of the seal that was last seen in use
        self.path = path

    def close(self) -> None:
        """Let the file go; harmless when repeated. The last connection folds the write-ahead log into the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction over several changes: all of them, or none when the block raises."""
        with writing(self._database, self.path, COLLECTION), self._damage_named(UnsealError):
            yield

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """One unchanging view for several reads.

        A key may be rotated away between the view and the reading of its key: then a newer view is taken.
        """
        if self._database.conn.in_transaction:
            with self._damage_named(ValueError):
                yield
            return
        for views_left in range(VIEWS_AT_MOST - 1, -1, -1):
            with reading(self._database, self.path, COLLECTION), self._damage_named(ValueError):
                try:
                    self.seal_in_use()
                except SiteKeyMissingError:
                    if not views_left:
                        raise
                    continue
                yield
                return

    def seal_in_use(self) -> RowSealer:
        """What seals the collection now, which may be another than a moment ago: keys rotate while doors run.

        Raises SiteKeyMissingError when the key is not on this device, SiteKeyError when it cannot be read.
        """
        with self.snapshot():
            key_id, generation = self._execute("SELECT key_id, generation FROM seal")[0]
        if self._rows is None or (self._rows.key_id, self._rows.generation) != (key_id, generation):
            self._rows = RowSealer(Sealer(self._keys.with_id(key_id), generation=generation))
        return self._rows

    def rotate_key(self) -> int:
        """Seal everything with a new site key and new matrices, all at once; how many people there were.

        Killed at any point it has happened or it has not, and the next opening finds the key in use. Doors that run go
        on with the new one. Templates and keys of before are worthless from then on, those in backups too.
        """
        key = random_site_key()
        count = self._seal_anew(key)
        self._keys.promote()
        self.overwrite_traces()
        return count

    def revoke_templates(self) -> int:
        """Turn every template by a new secret matrix under the same site key; how many people there were.

        Nobody has to be enrolled again, and templates that were stolen before match nobody any more.
        """
        count = self._seal_anew(None)
        self.overwrite_traces()
        return count

    def _seal_anew(self, key: SiteKey | None) -> int:
        with self.changing():
            old = self.seal_in_use()
            if key is not None:
                self._keys.stage(key)  # after the write lock was taken: only one rotation at a time stages
            in_use = self._keys.with_id(old.key_id) if key is None else key
            return seal_anew(self._database, old=old, new=RowSealer(Sealer(in_use, generation=old.generation + 1)))

    def copy_to(self, draft: Path, *, audit_sequence: int) -> None:
        """Copy the whole file, as it is at one moment, into the empty file `draft`, which needs nothing beside it.

        The copy remembers the last audit event before it, in SQLite's `user_version`.
        """
        with sqlite_errors(self.path, COLLECTION):
            target = sqlite3.connect(draft)
            try:
                self._database.conn.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")
                target.execute(f"PRAGMA user_version={int(audit_sequence)}")
            finally:
                target.close()

    def overwrite_traces(self) -> bool:
        """Empty the write-ahead log, which may still hold what was erased; False when a reader was in the way."""
        with sqlite_errors(self.path, COLLECTION):
            is_blocked, _, _ = self._execute("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        return not is_blocked

    def _execute(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._database.execute(sql, parameters).fetchall()
        return rows

    @contextlib.contextmanager
    def _damage_named(self, kind: type[ValueError]) -> Iterator[None]:
        """Say of a value that cannot be read that the collection is damaged."""
        try:
            yield
        except kind as error:
            if isinstance(error, DeviceError):
                raise
            raise CollectionUnreadableError(f"{self.path}: the collection is damaged: {error}") from error

    def _require(self, person: PersonId) -> bytes:
        rows = self._execute("SELECT sealed_key FROM person WHERE id = ?", person)
        if not rows:
            raise UnknownPersonError(f"no person has the id {person}")
        sealed_key: bytes = rows[0][0]
        return sealed_key

    def _person_seal(self, person: PersonId) -> PersonSeal:
        return self.seal_in_use().sealer.open_person(person, self._require(person))
