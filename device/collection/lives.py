"""What happens to people after their enrolment: new names, retirement, later consent, last visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from device.collection.people import VECTOR_DTYPE, Consent, clean_name, time_text
from device.collection.records import PersonRecords
from device.collection.sealed_rows import VectorRow
from device.errors import PersonExistsError
from device.types import ModelId, PersonId


@dataclass(frozen=True, slots=True)
class SeenThrough:
    """How far the audit was read for last visits."""

    sequence: int  # 0: nothing was read
    hash: str  # of that event


@dataclass(frozen=True, slots=True, eq=False)
class KeptReference:
    """A reference as its person may see it."""

    id: str
    model_id: ModelId
    quality: str  # JSON object
    created_at: str  # ISO 8601, UTC
    vector: NDArray[np.float32]  # (dimensions,), unit length: as the network made it, within rounding


@dataclass(frozen=True, slots=True)
class PinRecord:
    """A PIN as an administrator may see it."""

    set_at: str  # ISO 8601, UTC
    failures: int  # wrong ones in a row
    blocked_until: str | None  # ISO 8601, UTC


class PersonLives(PersonRecords):
    """The part of a collection that looks after people who are enrolled."""

    def rename(self, person: PersonId, name: str) -> None:
        """Give a person another name, cleaned first. Raises PersonExistsError, ValueError and UnknownPersonError."""
        cleaned = clean_name(name)
        with self.changing():
            sealed, tag = self.seal_in_use().seal_name(self._person_seal(person), cleaned)
            if self._execute("SELECT 1 FROM person WHERE name_tag = ? AND id <> ?", tag, person):
                raise PersonExistsError(f"somebody named {cleaned} is already enrolled")
            self._execute("UPDATE person SET sealed_name = ?, name_tag = ? WHERE id = ?", sealed, tag, person)

    def retire(self, person: PersonId, *, at: datetime) -> None:
        """Let the door forget a person of whom everything is kept. Raises UnknownPersonError."""
        with self.changing():
            self._require(person)
            self._execute("UPDATE person SET retired_at = ? WHERE id = ?", time_text(at), person)

    def end_retirement(self, person: PersonId, *, at: datetime) -> None:
        """Let the door know a person again, whose absence counts from now on. Raises UnknownPersonError."""
        with self.changing():
            self._require(person)
            self._execute("UPDATE person SET retired_at = NULL, resumed_at = ? WHERE id = ?", time_text(at), person)

    def set_consent(self, person: PersonId, consent: Consent) -> None:
        """Keep what a person agreed to, in the place of an earlier record. Raises UnknownPersonError."""
        with self.changing():
            self._require(person)
            self._execute("DELETE FROM consent WHERE person = ?", person)
            self._insert_consent(person, consent)

    def ids(self) -> frozenset[PersonId]:
        """Everyone of whom anything is kept, retired people too."""
        with self.snapshot():
            return frozenset(PersonId(row[0]) for row in self._execute("SELECT id FROM person"))

    def without_consent(self) -> frozenset[PersonId]:
        """Everyone of whom no record of consent is kept: an earlier version asked for none."""
        with self.snapshot():
            rows = self._execute("SELECT id FROM person WHERE id NOT IN (SELECT person FROM consent)")
            return frozenset(PersonId(row[0]) for row in rows)

    def pin_record(self, person: PersonId) -> PinRecord | None:
        """What is kept about a person's PIN besides its hash; None: there is none."""
        with self.snapshot():
            rows = self._execute("SELECT set_at, failures, blocked_until FROM pin WHERE person = ?", person)
            return PinRecord(*rows[0]) if rows else None

    def kept_references(self, person: PersonId) -> list[KeptReference]:
        """The references of a person, in the order in which they came, turned back. Raises UnknownPersonError."""
        with self.snapshot():
            seal, sealer = self._person_seal(person), self.seal_in_use()
            kept = []
            sql = (
                "SELECT id, model_id, sealed_vector, quality, created_at FROM biometric_reference"
                " WHERE person = ? ORDER BY rowid"
            )
            for row_id, model_id, sealed, quality, created_at in self._execute(sql, person):
                opened = sealer.open_vector(seal, VectorRow(row_id, ModelId(model_id)), sealed)
                vector = sealer.turned_back(np.frombuffer(opened, dtype=VECTOR_DTYPE), ModelId(model_id))
                kept.append(KeptReference(row_id, ModelId(model_id), quality, created_at, vector))
            return kept

    def seen(self) -> tuple[dict[PersonId, date], SeenThrough]:
        """The day (UTC) of everybody's last visit as far as it was noted, and how far that is."""
        with self.snapshot():
            days = {PersonId(row[0]): date.fromisoformat(row[1]) for row in self._execute("SELECT * FROM seen")}
            return days, SeenThrough(*self._execute("SELECT sequence, hash FROM seen_through")[0])

    def note_seen(self, days: Mapping[PersonId, date], *, through: SeenThrough) -> None:
        """Keep later days of last visits, of those who are still enrolled, and how far the audit was read."""
        sql = (
            "INSERT INTO seen SELECT id, ? FROM person WHERE id = ?"
            " ON CONFLICT (person) DO UPDATE SET on_day = max(on_day, excluded.on_day)"
        )
        with self.changing():
            for person, day in days.items():
                self._execute(sql, day.isoformat(), person)
            self._execute("UPDATE seen_through SET sequence = ?, hash = ?", through.sequence, through.hash)
