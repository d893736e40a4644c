"""The collection: who is enrolled, kept in one SQLite file."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.collection.authors import AuthorRecords
from device.collection.keys import KeyFolder
from device.collection.lives import PersonLives
from device.collection.people import (
    Consent,
    Person,
    clean_external_id,
    facts_from_row,
    name_key,
    time_from_text,
    time_text,
    vectors_from_bytes,
)
from device.collection.pins import PersonPins
from device.collection.resealing import seal_collection
from device.collection.schema import COLLECTION, sealed_by
from device.collection.seal import Sealer
from device.collection.sealed_rows import RowSealer
from device.collection.storage import Database, open_database, sqlite_errors
from device.errors import CollectionMissingError, UnknownPersonError
from device.types import ModelId, PersonFacts, PersonId

FACTS = "id, suspended, valid_from, valid_until, groups"
PERSON = f"{FACTS}, sealed_key, sealed_name, sealed_external_id, created_at, retired_at, resumed_at"
REFERENCES = (
    "SELECT r.id, r.person, p.sealed_key, r.sealed_vector FROM biometric_reference r JOIN person p ON p.id = r.person"
    " WHERE p.retired_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class StoredReferences:
    """References of one model, as they are kept: turned by the secret matrix of the site."""

    owners: list[PersonId]  # whose row it is; a person may own several
    vectors: NDArray[np.float32]  # (len(owners), dimensions), unit length; (0, 0) when there are none


def open_existing_collection(path: Path) -> Collection:
    """Open the collection at `path` and never make one: a mistyped folder must not look like one without people.

    Raises CollectionMissingError, and the errors of `open_collection`.
    """
    if not path.exists():
        raise CollectionMissingError(f"nobody is enrolled here: {path} does not exist")
    return open_collection(path)


def open_collection(path: Path, *, max_pages: int | None = None) -> Collection:
    """Open the collection at `path`, creating it where there is none; `max_pages` (of 4096 bytes) is a quota.

    It is sealed with the site key of its folder (see `device.collection.keys`), which is made together with the first
    collection. One that an earlier version wrote in the clear is sealed at once.

    Raises CollectionUnreadableError for a file that is not a collection or is damaged, CollectionTooNewError for one
    that a newer Lintel wrote (both leave it untouched), StorageFullError, StorageUnwritableError; SiteKeyMissingError
    without its key, SiteKeyError when the key cannot be used.
    """
    keys = KeyFolder(path.parent)
    is_new, sealed = not path.exists(), []

    def m002_sealed(database: Database) -> None:
        seal_collection(database, RowSealer(Sealer(keys.current_or_new(), generation=1)))
        sealed.append(database)

    collection = Collection(open_database(path, sealed_by(m002_sealed), max_pages=max_pages), path, keys=keys)
    try:
        collection.seal_in_use()
    except BaseException:
        collection.close()
        raise
    if sealed and not is_new:
        collection.overwrite_traces()  # names and templates in the clear, of the version before
    return collection


class Collection(PersonLives, PersonPins, AuthorRecords):
    """An open collection. Every change is durable when its method returns, or did not happen.

    Use it from one thread at a time; other connections and processes may use the same file. All methods raise
    CollectionError's leaves for faults of the file.
    """

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
        """Erase a person, every reference of theirs and the key that opened them. Raises UnknownPersonError.

        Freed bytes of the file are overwritten at once; call `overwrite_traces` after the transaction for the rest.
        """
        with self.changing():
            self._require(person)
            self._execute("DELETE FROM person WHERE id = ?", person)

    def people(self) -> list[Person]:
        """Everyone enrolled, by name."""
        with self.snapshot():
            counts: dict[str, dict[ModelId, int]] = {}
            for person, model_id, count in self._execute(
                "SELECT person, model_id, count(*) FROM biometric_reference GROUP BY person, model_id"
            ):
                counts.setdefault(person, {})[ModelId(model_id)] = count
            rows = self._execute(f"SELECT {PERSON} FROM person")  # noqa: S608 (constant)
            people = [self._person(row, counts.get(row[0], {})) for row in rows]
        return sorted(people, key=lambda person: name_key(person.name))

    def find(self, word: str) -> Person:
        """The person with this id, this external id or, whatever its case, this name.

        Raises UnknownPersonError when nobody is meant, or two are: the name of one, the external id of another.
        """
        with self.snapshot():
            rows = self._execute(
                f"SELECT {PERSON} FROM person WHERE id = ? OR name_tag = ? OR external_id_tag = ?",  # noqa: S608 (constant)
                word,
                *self._tags(word),
            )
            if not rows:
                raise UnknownPersonError(f"nobody named {word!r} is enrolled, and no person has that id")
            if len(rows) > 1:
                ids = " or ".join(sorted(row[0] for row in rows))
                raise UnknownPersonError(f"{word!r} is one person's name and another's external id; say {ids}")
            counts = self._execute(
                "SELECT model_id, count(*) FROM biometric_reference WHERE person = ? GROUP BY model_id", rows[0][0]
            )
            return self._person(rows[0], {ModelId(model_id): count for model_id, count in counts})

    def consent_of(self, person: PersonId) -> Consent | None:
        """What a person agreed to; None of somebody enrolled before it was kept. Raises UnknownPersonError."""
        with self.snapshot():
            self._require(person)
            rows = self._execute("SELECT text_version, language, how, given_at FROM consent WHERE person = ?", person)
            if not rows:
                return None
            text_version, language, how, given_at = rows[0]
            return Consent(text_version, language, how, datetime.fromisoformat(given_at))

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
            rows = self._execute(f"SELECT {FACTS} FROM person WHERE retired_at IS NULL")  # noqa: S608 (constant)
            return {PersonId(row[0]): facts_from_row(row) for row in rows}

    def facts_of(self, person: PersonId) -> PersonFacts | None:
        """What the rules need to know of one person; None when not enrolled."""
        with self.snapshot():
            rows = self._execute(f"SELECT {FACTS} FROM person WHERE id = ? AND retired_at IS NULL", person)  # noqa: S608 (constant)
            return facts_from_row(rows[0]) if rows else None

    def references(self, model_id: ModelId) -> StoredReferences:
        """All references of one model, each person's together."""
        with self.snapshot():
            return self._stored(f"{REFERENCES} AND r.model_id = ? ORDER BY r.person, r.rowid", model_id)

    def references_of(self, person: PersonId, *, model_id: ModelId) -> StoredReferences:
        """The references of one person and one model, in the order of their enrolment."""
        with self.snapshot():
            sql = f"{REFERENCES} AND r.model_id = ? AND r.person = ? ORDER BY r.rowid"
            return self._stored(sql, model_id, person)

    def _tags(self, word: str) -> tuple[bytes | None, bytes | None]:
        """By what a name and an external id of this spelling would be found; None for what cannot be one."""
        sealer = self.seal_in_use().sealer
        name, external_id = None, None
        with contextlib.suppress(ValueError):
            name = sealer.name_tag(name_key(word))
        with contextlib.suppress(ValueError):
            external_id = sealer.external_id_tag(clean_external_id(word))
        return name, external_id

    def _person(self, row: tuple[Any, ...], references: dict[ModelId, int]) -> Person:
        *facts, sealed_key, sealed_name, sealed_external_id, created_at, retired_at, resumed_at = row
        enrolled_at = time_from_text(created_at)
        if enrolled_at is None:
            raise ValueError(f"person {row[0]} lacks the time of enrolment")
        seal = self.seal_in_use().sealer.open_person(PersonId(row[0]), sealed_key)
        return Person(
            facts=facts_from_row(facts),
            name=seal.unseal(sealed_name, "name").decode(),
            created_at=enrolled_at,
            references=references,
            external_id=None if sealed_external_id is None else seal.unseal(sealed_external_id, "external id").decode(),
            retired_at=time_from_text(retired_at),
            resumed_at=time_from_text(resumed_at),
        )

    def _stored(self, sql: str, model_id: ModelId, *more: object) -> StoredReferences:
        rows = self._execute(sql, model_id, *more)
        if not rows:
            return StoredReferences([], np.empty((0, 0), dtype=np.float32))
        vectors = self.seal_in_use().open_vectors(rows, model_id)
        return StoredReferences([row[1] for row in rows], vectors_from_bytes(vectors))
