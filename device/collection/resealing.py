"""Sealing everything anew: a collection of an earlier version, another site key, another generation of templates."""

from __future__ import annotations

from typing import Any

import numpy as np

from device.collection.author_register import seal_register_anew
from device.collection.people import VECTOR_DTYPE
from device.collection.schema import create_sealed_tables
from device.collection.seal import PersonSeal
from device.collection.sealed_rows import RowSealer, VectorRow, random_row_id
from device.collection.storage import Database
from device.types import ModelId, PersonId


def seal_collection(database: Database, rows: RowSealer) -> None:
    """Turn the tables of a collection that an earlier version wrote in the clear into sealed ones.

    The caller owns the transaction, and overwrites what remains in freed pages afterwards.
    """
    people, references, consents = (
        database.execute(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall()  # noqa: S608 (constants)
        for table, columns in (
            ("person", "id, name, suspended, valid_from, valid_until, groups, created_at"),
            ("biometric_reference", "person, model_id, vector, quality, created_at"),
            ("consent", "person, text_version, language, how, given_at"),
        )
    )
    for table in ("consent", "biometric_reference", "person"):  # children first: dropping deletes
        database.execute(f"DROP TABLE {table}")
    create_sealed_tables(database)
    database.execute("INSERT INTO seal VALUES (1, ?, ?)", (rows.key_id, rows.generation))
    seals: dict[str, PersonSeal] = {}
    for person, name, *facts in people:
        sealed_key, seals[person] = rows.sealer.new_person(PersonId(person))
        cells = (person, sealed_key, *rows.seal_name(seals[person], name), *facts)
        database.execute("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", cells)
    for person, model_id, vector, quality, created_at in references:
        place = VectorRow(random_row_id("r"), ModelId(model_id))
        sealed = rows.seal_vector(seals[person], place, np.frombuffer(vector, dtype=VECTOR_DTYPE))
        cells = (place.id, person, model_id, sealed, quality, created_at)
        database.execute("INSERT INTO biometric_reference VALUES (?, ?, ?, ?, ?, ?)", cells)
    for consent in consents:
        database.execute("INSERT INTO consent VALUES (?, ?, ?, ?, ?)", consent)


def seal_anew(database: Database, *, old: RowSealer, new: RowSealer) -> int:
    """Wrap every person's key and turn every template with `new` instead of `old`; how many people there were.

    Whatever else there is of a person stays sealed under their own key. The caller owns the transaction. Raises
    ValueError for a row that does not open: then nothing must be committed.
    """
    people = database.execute("SELECT id, sealed_key, sealed_name, sealed_external_id FROM person").fetchall()
    for person, sealed_key, sealed_name, sealed_external_id in people:
        seal = old.sealer.open_person(PersonId(person), sealed_key)
        name_tag = new.seal_name(seal, seal.unseal(sealed_name, "name").decode())[1]
        id_tag = None if sealed_external_id is None else _external_id_tag(seal, sealed_external_id, new)
        cells = (new.sealer.wrap(PersonId(person), seal.secret), name_tag, id_tag, person)
        database.execute("UPDATE person SET sealed_key = ?, name_tag = ?, external_id_tag = ? WHERE id = ?", cells)
        _turn_anew(database, person, seal, old, new)
    for (sealed,) in database.execute("SELECT sealed FROM author_register").fetchall():
        anew = seal_register_anew(sealed, old=old.sealer, new=new.sealer)
        database.execute("UPDATE author_register SET sealed = ?", (anew,))
    database.execute("UPDATE seal SET key_id = ?, generation = ?", (new.key_id, new.generation))
    return len(people)


def _external_id_tag(seal: PersonSeal, sealed: bytes, new: RowSealer) -> bytes:
    return new.sealer.external_id_tag(seal.unseal(sealed, "external id").decode())


def _turn_anew(database: Database, person: str, seal: PersonSeal, old: RowSealer, new: RowSealer) -> None:
    references: list[tuple[Any, ...]] = database.execute(
        "SELECT id, model_id, sealed_vector FROM biometric_reference WHERE person = ?", (person,)
    ).fetchall()
    for row_id, model_id, sealed in references:
        place = VectorRow(row_id, ModelId(model_id))
        turned = np.frombuffer(old.open_vector(seal, place, sealed), dtype=VECTOR_DTYPE)
        vector = old.turned_back(turned, place.model_id)
        cells = (new.seal_vector(seal, place, vector / np.linalg.norm(vector)), row_id)
        database.execute("UPDATE biometric_reference SET sealed_vector = ? WHERE id = ?", cells)
