"""The collection: who is enrolled, kept in one SQLite file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.collection.people import (
    Consent,
    Person,
    Reference,
    clean_name,
    facts_from_row,
    name_key,
    quality_json,
    random_person_id,
    time_from_text,
    time_text,
    vector_bytes,
    vectors_from_bytes,
)
from device.collection.schema import COLLECTION
from device.collection.storage import Database, open_database, reading, sqlite_errors, writing
from device.errors import CollectionUnreadableError, DeviceError, PersonExistsError, UnknownPersonError
from device.types import ModelId, PersonFacts, PersonId

FACTS = "id, suspended, valid_from, valid_until, groups"


@dataclass(frozen=True, slots=True)
class StoredReferences:
    """References of one model, in the order of their enrolment."""

    owners: list[PersonId]  # whose row it is; a person may own several
    vectors: NDArray[np.float32]  # (len(owners), dimensions), unit length; (0, 0) when there are none


def open_collection(path: Path, *, max_pages: int | None = None) -> Collection:
    """Open the collection at `path`, creating it where there is none; `max_pages` (of 4096 bytes) is a quota.

    Raises CollectionUnreadableError for a file that is not a collection or is damaged, CollectionTooNewError for one
    that a newer Lintel wrote (both leave it untouched), StorageFullError and StorageUnwritableError.
    """
    return Collection(open_database(path, COLLECTION, max_pages=max_pages), path)


class Collection:
    """An open collection. Every change is durable when its method returns, or did not happen.

    Use it from one thread at a time; other connections and processes may use the same file. All methods raise
    CollectionError's leaves for faults of the file.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self.path = path

    def close(self) -> None:
        """Let the file go; harmless when repeated. The last connection folds the write-ahead log into the file."""
        self._database.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction over several changes: all of them, or none when the block raises."""
        with writing(self._database, self.path, COLLECTION):
            yield

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """One unchanging view for several reads."""
        with reading(self._database, self.path, COLLECTION):
            try:
                yield
            except ValueError as error:
                if isinstance(error, DeviceError):
                    raise
                raise CollectionUnreadableError(f"{self.path}: the collection is damaged: {error}") from error

    def add_person(
        self, name: str, *, references: Sequence[Reference], at: datetime, consent: Consent | None = None
    ) -> PersonId:
        """Enrol a person with at least one reference, all in one transaction, and return the new opaque id.

        `name` is cleaned first (see `clean_name`, which raises ValueError). Raises PersonExistsError when the name is
        taken, whatever its case.
        """
        if not references:
            raise ValueError("a person is enrolled with at least one reference")
        cleaned, person = clean_name(name), random_person_id()
        with self.changing():
            self.refuse_taken_name(cleaned)
            row = {"id": person, "name": cleaned, "name_key": name_key(cleaned), "created_at": time_text(at)}
            self._database.table("person").insert(row)
            for reference in references:
                self.add_reference(person, reference, at=at)
            if consent is not None:
                self._insert_consent(person, consent)
        return person

    def refuse_taken_name(self, name: str) -> None:
        """Raises PersonExistsError when somebody has this name, whatever its case."""
        key = name_key(name)
        with self.snapshot():
            is_taken = bool(self._execute("SELECT 1 FROM person WHERE name_key = ?", key))
        if is_taken:
            raise PersonExistsError(f"{name} is already enrolled; remove that person first or use another name")

    def add_reference(self, person: PersonId, reference: Reference, *, at: datetime) -> None:
        """Store one more reference of an enrolled person. Raises UnknownPersonError."""
        with self.changing():
            self._require(person)
            self._database.table("biometric_reference").insert(
                {
                    "person": person,
                    "model_id": reference.template.model_id,
                    "vector": vector_bytes(reference.template),
                    "quality": quality_json(reference.quality),
                    "created_at": time_text(at),
                }
            )

    def set_facts(self, facts: PersonFacts) -> None:
        """Replace suspension, validity and groups of an enrolled person. Raises UnknownPersonError."""
        with self.changing():
            self._require(facts.person)
            self._database.table("person").update(
                facts.person,
                {
                    "suspended": int(facts.is_suspended),
                    "valid_from": time_text(facts.valid_from),
                    "valid_until": time_text(facts.valid_until),
                    "groups": json.dumps(sorted(set(facts.groups))),
                },
            )

    def remove(self, person: PersonId) -> None:
        """Erase a person and every reference of theirs. Raises UnknownPersonError.

        Freed bytes of the file are overwritten at once; call `overwrite_traces` after the transaction for the rest.
        """
        with self.changing():
            self._require(person)
            self._execute("DELETE FROM person WHERE id = ?", person)

    def overwrite_traces(self) -> bool:
        """Empty the write-ahead log, which may still hold what was erased; False when a reader was in the way."""
        with sqlite_errors(self.path, COLLECTION):
            is_blocked, _, _ = self._execute("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        return not is_blocked

    def people(self) -> list[Person]:
        """Everyone enrolled, by name."""
        with self.snapshot():
            counts: dict[str, dict[ModelId, int]] = {}
            for person, model_id, count in self._execute(
                "SELECT person, model_id, count(*) FROM biometric_reference GROUP BY person, model_id"
            ):
                counts.setdefault(person, {})[ModelId(model_id)] = count
            rows = self._execute(f"SELECT {FACTS}, name, created_at FROM person ORDER BY name_key")  # noqa: S608 (constant)
            return [_person(row, counts.get(row[0], {})) for row in rows]

    def find(self, name_or_id: str) -> Person:
        """The person with this id or, whatever its case, this name. Raises UnknownPersonError."""
        with self.snapshot():
            try:
                key = name_key(name_or_id)
            except ValueError:
                key = None  # an id, or nothing that could be a name
            rows = self._execute(
                f"SELECT {FACTS}, name, created_at FROM person WHERE id = ? OR name_key = ?",  # noqa: S608 (constant)
                name_or_id,
                key,
            )
            if not rows:
                raise UnknownPersonError(f"nobody named {name_or_id!r} is enrolled, and no person has that id")
            counts = self._execute(
                "SELECT model_id, count(*) FROM biometric_reference WHERE person = ? GROUP BY model_id", rows[0][0]
            )
            return _person(rows[0], {ModelId(model_id): count for model_id, count in counts})

    def change_token(self) -> tuple[int, int, bool]:
        """A value that differs whenever anybody may have changed the collection; it costs microseconds to ask.

        `PRAGMA data_version` moves with the commits of other connections, `total_changes` with the statements of this
        one, and the last part with the end of a transaction, whose changes may have been rolled back.
        """
        connection = self._database.conn
        with sqlite_errors(self.path, COLLECTION):
            version = connection.execute("PRAGMA data_version").fetchone()[0]
        return version, connection.total_changes, connection.in_transaction

    def revision(self) -> int:
        """How many changes the collection has seen."""
        with self.snapshot():
            return int(self._execute("SELECT value FROM revision")[0][0])

    def changed_since(self, revision: int) -> list[PersonId]:
        """Everyone who was enrolled, changed or erased after `revision`."""
        with self.snapshot():
            return [PersonId(row[0]) for row in self._execute("SELECT person FROM change WHERE revision > ?", revision)]

    def facts(self) -> dict[PersonId, PersonFacts]:
        """What the rules need to know, of everyone."""
        with self.snapshot():
            rows = self._execute(f"SELECT {FACTS} FROM person")  # noqa: S608 (constant)
            return {PersonId(row[0]): facts_from_row(row) for row in rows}

    def facts_of(self, person: PersonId) -> PersonFacts | None:
        """What the rules need to know of one person; None when not enrolled."""
        with self.snapshot():
            rows = self._execute(f"SELECT {FACTS} FROM person WHERE id = ?", person)  # noqa: S608 (constant)
            return facts_from_row(rows[0]) if rows else None

    def references(self, model_id: ModelId) -> StoredReferences:
        """All references of one model."""
        with self.snapshot():
            return _stored(
                self._execute(
                    "SELECT person, vector FROM biometric_reference WHERE model_id = ? ORDER BY id",
                    model_id,
                )
            )

    def references_of(self, person: PersonId, *, model_id: ModelId) -> StoredReferences:
        """The references of one person and one model."""
        with self.snapshot():
            return _stored(
                self._execute(
                    "SELECT person, vector FROM biometric_reference WHERE person = ? AND model_id = ? ORDER BY id",
                    person,
                    model_id,
                )
            )

    def _execute(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._database.execute(sql, parameters).fetchall()
        return rows

    def _require(self, person: PersonId) -> None:
        if not self._execute("SELECT 1 FROM person WHERE id = ?", person):
            raise UnknownPersonError(f"no person has the id {person}")

    def _insert_consent(self, person: PersonId, consent: Consent) -> None:
        self._database.table("consent").insert(
            {
                "person": person,
                "text_version": consent.text_version,
                "language": consent.language,
                "how": consent.how,
                "given_at": time_text(consent.given_at),
            }
        )


def _person(row: tuple[Any, ...], references: dict[ModelId, int]) -> Person:
    *facts, name, created_at = row
    enrolled_at = time_from_text(created_at)
    if enrolled_at is None:
        raise ValueError(f"person {row[0]} lacks the time of enrolment")
    return Person(facts=facts_from_row(facts), name=name, created_at=enrolled_at, references=references)


def _stored(rows: list[tuple[str, bytes]]) -> StoredReferences:
    if not rows:
        return StoredReferences([], np.empty((0, 0), dtype=np.float32))
    owners = [PersonId(owner) for owner, _ in rows]
    return StoredReferences(owners, vectors_from_bytes([vector for _, vector in rows]))
