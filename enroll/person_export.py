"""Everything held about one person as one readable file, for that person."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING

from device.audit.chain import Event
from device.collection.people import PERSON_ID, Person
from device.types import PersonId
from enroll.person_record import events_about, last_seen, person_record

if TYPE_CHECKING:
    from device.collection.lives import KeptReference
    from device.registry import Registry

FORMAT = "lintel person export 1"
SOMEBODY_ELSE = "another person"  # in the place of an id that is not of the person who asked


class Templates(Enum):
    """Whether the numbers that stand for the face are handed out, too."""

    LEFT_OUT = "left out"
    INCLUDED = "included"


def person_document(registry: Registry, person: Person, *, at: datetime, templates: Templates) -> bytes:
    """JSON in UTF-8: what collection and audit, archives included, hold about `person`; nothing about anybody else.

    Raises CollectionError and AuditError, UnknownPersonError when they were erased meanwhile.
    """
    collection, audit_file = registry.collection, registry.audit.path
    with collection.snapshot():
        kept = [_reference(one, templates) for one in collection.kept_references(person.id)]
        held = {**person_record(collection, person), "references": kept}
        held["last_seen"] = last_seen(collection, audit_file, person.id)
    events = [_event(event, person.id) for event in events_about(audit_file, person.id)]
    document = {"format": FORMAT, "exported_at": at, "person": held, "audit": events}
    text = json.dumps(document, ensure_ascii=False, indent=2, default=_time)
    return (text + "\n").encode(
        "utf-8", "backslashreplace"
    )  # lone surrogates become the escapes that JSON has for them


def _reference(kept: KeptReference, templates: Templates) -> dict[str, object]:
    described = {
        "id": kept.id,
        "model": kept.model_id,
        "quality": json.loads(kept.quality),
        "created_at": kept.created_at,
    }
    return {**described, "template": kept.vector.tolist()} if templates is Templates.INCLUDED else described


def _event(event: Event, person: PersonId) -> dict[str, object]:
    """What happened, without the chain: other people's ids are masked, so its hash would not hold."""
    masked = PERSON_ID.sub(lambda found: found[0] if found[0] == person else SOMEBODY_ELSE, event.facts)
    try:
        facts = json.loads(masked)
    except ValueError:  # a damaged row is told as it is
        facts = masked
    return {"seq": event.sequence, "at": event.at, "kind": event.kind, "facts": facts}


def _time(value: object) -> str:
    if isinstance(value, date):  # every datetime is one
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an export")
