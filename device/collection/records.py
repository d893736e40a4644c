"""Writing people down: enrolment as one transaction, and what is added to a person later."""

from __future__ import annotations

import json
from datetime import datetime

from device.collection.people import (
    Consent,
    Newcomer,
    Reference,
    clean_external_id,
    clean_groups,
    clean_name,
    name_key,
    quality_json,
    random_person_id,
    time_text,
)
from device.collection.sealed_file import SealedFile
from device.collection.sealed_rows import VectorRow, random_row_id
from device.errors import PersonExistsError
from device.types import ModelId, PersonId


class PersonRecords(SealedFile):
    """The part of a collection that writes. `device.collection.store` says what is promised of all of it."""

    def add_person(self, newcomer: Newcomer, *, at: datetime) -> PersonId:
        """Enrol a person with at least one reference, all in one transaction, and return the new opaque id.

        Name, external id and groups are cleaned first (see `device.collection.people`), which raises ValueError. Raises
        PersonExistsError when the name, whatever its case, or the external id is taken.
        """
        if not newcomer.references:
            raise ValueError("a person is enrolled with at least one reference")
        name, person = clean_name(newcomer.name), random_person_id()
        with self.changing():
            self.refuse_taken_name(name)
            rows = self.seal_in_use()
            sealed_key, seal = rows.sealer.new_person(person)
            sealed_name, tag = rows.seal_name(seal, name)
            self._database.table("person").insert(
                {
                    "id": person,
                    "sealed_key": sealed_key,
                    "sealed_name": sealed_name,
                    "name_tag": tag,
                    "valid_from": time_text(newcomer.valid_from),
                    "valid_until": time_text(newcomer.valid_until),
                    "groups": json.dumps(clean_groups(newcomer.groups)),
                    "created_at": time_text(at),
                }
            )
            self._insert_consent(person, newcomer.consent)
            if newcomer.external_id is not None:
                self.set_external_id(person, newcomer.external_id)
            for reference in newcomer.references:
                self.add_reference(person, reference, at=at)
            for photo in newcomer.photos:
                self.add_photo(person, photo, at=at)
        return person

    def refuse_taken_name(self, name: str) -> None:
        """Raises PersonExistsError when somebody has this name, whatever its case."""
        key = name_key(name)
        with self.snapshot():
            tag = self.seal_in_use().sealer.name_tag(key)
            is_taken = bool(self._execute("SELECT 1 FROM person WHERE name_tag = ?", tag))
        if is_taken:
            raise PersonExistsError(f"{name} is already enrolled; erase that person first or use another name")

    def refuse_taken_external_id(self, external_id: str) -> None:
        """Raises PersonExistsError when somebody has this external id."""
        cleaned = clean_external_id(external_id)
        with self.snapshot():
            tag = self.seal_in_use().sealer.external_id_tag(cleaned)
            is_taken = bool(self._execute("SELECT 1 FROM person WHERE external_id_tag = ?", tag))
        if is_taken:
            raise PersonExistsError(f"somebody with the external id {cleaned} is already enrolled")

    def set_external_id(self, person: PersonId, external_id: str | None) -> None:
        """Note how another system calls a person; None forgets it. Raises UnknownPersonError and PersonExistsError."""
        with self.changing():
            self._require(person)
            sealed, tag = None, None
            if external_id is not None:
                cleaned = clean_external_id(external_id)
                self._execute("UPDATE person SET external_id_tag = NULL WHERE id = ?", person)  # their own is not taken
                self.refuse_taken_external_id(cleaned)
                sealed, tag = self.seal_in_use().seal_external_id(self._person_seal(person), cleaned)
            sql = "UPDATE person SET sealed_external_id = ?, external_id_tag = ? WHERE id = ?"
            self._execute(sql, sealed, tag, person)

    def add_reference(self, person: PersonId, reference: Reference, *, at: datetime) -> None:
        """Store one more reference of an enrolled person. Raises UnknownPersonError."""
        with self.changing():
            row, template = VectorRow(random_row_id("r"), reference.template.model_id), reference.template
            sealed = self.seal_in_use().seal_vector(self._person_seal(person), row, template.vector)
            self._database.table("biometric_reference").insert(
                {
                    "id": row.id,
                    "person": person,
                    "model_id": row.model_id,
                    "sealed_vector": sealed,
                    "quality": quality_json(reference.quality),
                    "created_at": time_text(at),
                }
            )

    def remove_references(self, person: PersonId, *, model_id: ModelId) -> None:
        """Destroy the references of one model; harmless when there are none. Raises UnknownPersonError."""
        with self.changing():
            self._require(person)
            self._execute("DELETE FROM biometric_reference WHERE person = ? AND model_id = ?", person, model_id)

    def add_photo(self, person: PersonId, encoded: bytes, *, at: datetime) -> None:
        """Keep a sealed reference photo, an encoded picture without metadata. Raises UnknownPersonError."""
        with self.changing():
            row_id = random_row_id("f")
            sealed = self._person_seal(person).seal(encoded, "photo", row_id)
            row = {"id": row_id, "person": person, "sealed_photo": sealed, "created_at": time_text(at)}
            self._database.table("reference_photo").insert(row)

    def photos_of(self, person: PersonId) -> list[bytes]:
        """The reference photos of a person, encoded, in the order in which they came. Raises UnknownPersonError."""
        with self.snapshot():
            seal = self._person_seal(person)
            sql = "SELECT id, sealed_photo FROM reference_photo WHERE person = ? ORDER BY rowid"
            return [seal.unseal(sealed, "photo", row_id) for row_id, sealed in self._execute(sql, person)]

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
