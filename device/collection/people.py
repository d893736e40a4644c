"""The values that the collection keeps, and how each is written down."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.types import ModelId, PersonFacts, PersonId, Quality, Template

NAME_AT_MOST_CHARACTERS = 100
PERSON_ID = re.compile(r"p-[0-9a-f]{16}")
VECTOR_DTYPE = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Reference:
    """A template to be stored for a person, with what the quality gates measured on the face it came from."""

    template: Template
    quality: Quality | None = None  # None: made without a picture, as by a simulator


@dataclass(frozen=True, slots=True)
class Consent:
    """That a person agreed to be enrolled: to which text, in which language, and how (such as "signed form")."""

    text_version: str
    language: str  # BCP 47, such as "de"
    how: str
    given_at: datetime  # aware


def consent_of_nobody(at: datetime) -> Consent:
    """What stands for consent where nobody is there to ask: benches and demonstrations enrol simulated people."""
    return Consent("none", "und", "simulation: no person was enrolled", at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Somebody who is about to be enrolled, with everything that is to be known about them from the first moment."""

    name: str = field(repr=False)
    references: Sequence[Reference]  # at least one
    consent: Consent  # nobody's face is kept without it
    external_id: str | None = field(default=None, repr=False)  # how another system calls them, such as a staff number
    groups: tuple[str, ...] = ()
    valid_from: datetime | None = None  # aware; None: no bound
    valid_until: datetime | None = None  # aware; None: no bound
    photos: Sequence[bytes] = field(default=(), repr=False)  # encoded, without metadata; empty: none is kept


@dataclass(frozen=True, slots=True)
class Person:
    """An enrolled person as an administrator sees one."""

    facts: PersonFacts
    name: str = field(repr=False)  # Unicode NFC; personal data, so it stays out of logs
    created_at: datetime  # aware, UTC
    references: Mapping[ModelId, int]  # how many templates of each model
    external_id: str | None = field(default=None, repr=False)
    retired_at: datetime | None = None  # aware, UTC; the door knows nobody who is retired
    resumed_at: datetime | None = None  # aware, UTC; the last time that a retirement ended

    @property
    def id(self) -> PersonId:
        """The opaque id under which the audit knows this person."""
        return self.facts.person


def random_person_id() -> PersonId:
    """A new opaque id of 64 random bits, such as `p-1f0c8a92b37d4e65`."""
    return PersonId(f"p-{secrets.token_hex(8)}")


def clean_name(name: str) -> str:
    """The name as it is stored: NFC, outer blanks removed, inner blanks single.

    Raises ValueError with a sentence for a name that is empty, longer than 100 characters, not printable, or that
    looks like a person's id.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned:
        raise ValueError("a name must not be empty")
    if len(cleaned) > NAME_AT_MOST_CHARACTERS:
        raise ValueError(f"a name may have {NAME_AT_MOST_CHARACTERS} characters, this one has {len(cleaned)}")
    if not cleaned.isprintable():
        raise ValueError("a name must consist of printable characters")
    if PERSON_ID.fullmatch(cleaned):
        raise ValueError(f"{cleaned} looks like a person's id and cannot be a name")
    return cleaned


def clean_external_id(external_id: str) -> str:
    """The id as it is stored: NFC, without outer blanks, its case kept.

    Raises ValueError with a sentence for one that is empty, longer than 100 characters, not printable, or that looks
    like an id of ours.
    """
    cleaned = unicodedata.normalize("NFC", external_id).strip()
    if not cleaned or len(cleaned) > NAME_AT_MOST_CHARACTERS:
        raise ValueError(f"an external id has 1 to {NAME_AT_MOST_CHARACTERS} characters")
    if not cleaned.isprintable() or PERSON_ID.fullmatch(cleaned):
        raise ValueError("an external id must be printable and must not look like a person's id")
    return cleaned


def clean_groups(groups: Sequence[str]) -> tuple[str, ...]:
    """Groups as they are stored: each once, in order, without outer blanks.

    Raises ValueError with a sentence for a name that is empty, longer than 100 characters or not printable.
    """
    cleaned = {unicodedata.normalize("NFC", name).strip() for name in groups}
    for name in cleaned:
        if not name or len(name) > NAME_AT_MOST_CHARACTERS or not name.isprintable():
            raise ValueError(f"a group has 1 to {NAME_AT_MOST_CHARACTERS} printable characters")
    return tuple(sorted(cleaned))


def name_key(name: str) -> str:
    """What two names have in common when a reader would take them for the same (Unicode 3.13, D145)."""
    return unicodedata.normalize("NFC", clean_name(name).casefold())


def vector_bytes(template: Template) -> bytes:
    """The template's vector as it is stored: little-endian float32."""
    return template.vector.astype(VECTOR_DTYPE).tobytes()


def vectors_from_bytes(stored: list[bytes]) -> NDArray[np.float32]:
    """Stored vectors as one matrix (n, dimensions) float32, C-contiguous.

    Raises ValueError when they differ in length or one has not unit length: the row was damaged or exchanged.
    """
    sizes = {len(vector) for vector in stored}
    if len(sizes) != 1 or (size := sizes.pop()) == 0 or size % VECTOR_DTYPE.itemsize:
        raise ValueError("references of one model differ in length")
    flat = np.frombuffer(b"".join(stored), dtype=VECTOR_DTYPE)
    matrix = flat.reshape(len(stored), -1).astype(np.float32, copy=False)
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    if not np.all(np.abs(lengths - 1.0) < 1e-3):  # written so that NaN is refused too
        raise ValueError("a reference has not unit length")
    return matrix


def quality_json(quality: Quality | None) -> str:
    """What the gates measured, as a JSON object; `{}` where there was no picture."""
    if quality is None:
        return "{}"
    measured = {
        "face_height_px": quality.face_height_px,
        "brightness": quality.brightness,
        "sharpness": quality.sharpness,
        "presence": quality.presence,
        "cover": quality.cover,
        "yaw_deg": quality.pose.yaw_deg,
        "pitch_deg": quality.pose.pitch_deg,
        "roll_deg": quality.pose.roll_deg,
    }
    return json.dumps({name: round(float(value), 4) for name, value in measured.items()}, allow_nan=False)


def time_text(moment: datetime | None) -> str | None:
    """An aware time as ISO 8601 in UTC. Raises ValueError for a naive one: it could mean any hour of a day."""
    if moment is None:
        return None
    if moment.utcoffset() is None:
        raise ValueError(f"a time needs a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC).isoformat()


def time_from_text(text: str | None) -> datetime | None:
    """The reverse of `time_text`. Raises ValueError for anything else."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError(f"a stored time lacks its zone: {text}")
    return moment


def facts_from_row(row: Sequence[Any]) -> PersonFacts:
    """The facts in columns id, suspended, valid_from, valid_until, groups. Raises ValueError when they are damaged."""
    person, suspended, valid_from, valid_until, groups = row
    return PersonFacts(
        person=PersonId(person),
        is_suspended=bool(suspended),
        valid_from=time_from_text(valid_from),
        valid_until=time_from_text(valid_until),
        groups=groups_from_text(groups),
    )


def groups_from_text(text: str) -> tuple[str, ...]:
    """The groups in their column, a JSON array of strings. Raises ValueError for anything else."""
    if text == "[]":
        return ()
    names: Any = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("groups are not a list of names")
    return tuple(names)
