"""What a bundle is made from: JSON Lines, one entry a line, photos as paths beside the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from device.collection.people import Consent, Reference, vector_bytes
from device.errors import BundleError, ConsentMissingError
from device.vision.photo import read_photo_file
from enroll.bundle_format import (
    Change,
    ConsentNote,
    Enrol,
    Erase,
    Groups,
    Photo,
    Record,
    TemplateNote,
    Text,
    Times,
    Value,
)

Extract = Callable[[bytes], Reference]


class Entry(Value, frozen=True):
    """One line. `suspend` and `resume` are changes that need nothing else."""

    action: Literal["enrol", "change", "suspend", "resume", "erase"] = "enrol"
    name: Text | None = None
    person: Text | None = None  # id or external id, for everything but "enrol"
    external_id: Text | None = None
    groups: Groups | None = None
    valid_from: Times | msgspec.UnsetType | None = msgspec.UNSET
    valid_until: Times | msgspec.UnsetType | None = msgspec.UNSET
    consent: Text | None = None  # how it was given
    photos: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10)] = ()


def read_roster(file: Path, *, consent: Callable[[str | None], Consent], extract: Extract | None) -> Iterator[Record]:
    """The records of a roster, one person in memory at a time.

    `extract` makes templates of photos here; None: the photos themselves go into the bundle. Raises BundleError,
    ConsentMissingError and PhotoError's leaves for a line that cannot be taken; the sentence names line or photo.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise BundleError(f"{file}: the roster cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BundleError(f"{file}, line {number}: {error}") from error
        yield from _records(entry, f"{file}, line {number}", file.parent, consent, extract)


def _records(
    entry: Entry, place: str, folder: Path, consent: Callable[[str | None], Consent], extract: Extract | None
) -> Iterator[Record]:
    if entry.action == "enrol":
        yield from _enrolment(entry, place, folder, consent, extract)
        return
    if entry.person is None:
        raise BundleError(f"{place}: it does not say about which person it is")
    if entry.action == "erase":
        yield Erase(person=entry.person)
        return
    suspended = {"suspend": True, "resume": False}.get(entry.action)
    yield Change(
        person=entry.person,
        suspended=suspended,
        groups=entry.groups,
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
    )


def _enrolment(
    entry: Entry, place: str, folder: Path, consent: Callable[[str | None], Consent], extract: Extract | None
) -> Iterator[Record]:
    if entry.name is None or not entry.photos:
        raise BundleError(f"{place}: a new person needs a name and at least one photo")
    try:
        agreed = consent(entry.consent)
    except ConsentMissingError as error:
        raise ConsentMissingError(f"{place}: {error}") from error
    photos = [read_photo_file(folder / name) for name in entry.photos]
    notes: tuple[TemplateNote, ...] = ()
    if extract is not None:
        made = [extract(content).template for content in photos]
        notes = tuple(TemplateNote(model_id=one.model_id, vector=vector_bytes(one)) for one in made)
    yield Enrol(
        name=entry.name,
        consent=ConsentNote(
            text_version=agreed.text_version, language=agreed.language, how=agreed.how, given_at=agreed.given_at
        ),
        external_id=entry.external_id,
        groups=entry.groups or (),
        valid_from=_moment(entry.valid_from),
        valid_until=_moment(entry.valid_until),
        templates=notes,
        photos=0 if notes else len(photos),
    )
    if not notes:
        yield from (Photo(content=content) for content in photos)


def _moment(value: datetime | msgspec.UnsetType | None) -> datetime | None:
    return value if isinstance(value, datetime) else None
