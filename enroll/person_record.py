"""Everything that is held about one person, as JSON values: what `show` and `export` have in common."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from device.audit.chain import Event
from device.audit.kinds import AuditKind
from device.collection.people import Consent, Person
from device.types import PersonId

if TYPE_CHECKING:
    from device.collection.lives import PinRecord
    from device.collection.store import Collection


def person_record(collection: Collection, person: Person) -> dict[str, object]:
    """What the collection holds about `person`, without a template and without a photo.

    Raises CollectionError, and UnknownPersonError when they were erased meanwhile.
    """
    with collection.snapshot():
        facts = person.facts
        return {
            "id": person.id,
            "name": person.name,
            "external_id": person.external_id,
            "groups": list(facts.groups),
            "suspended": facts.is_suspended,
            "valid_from": facts.valid_from,
            "valid_until": facts.valid_until,
            "created_at": person.created_at,
            "retired_at": person.retired_at,
            "resumed_at": person.resumed_at,
            "consent": consent_object(collection.consent_of(person.id)),
            "references": {str(model): count for model, count in sorted(person.references.items())},
            "photos": len(collection.photos_of(person.id)),
            "pin": pin_object(collection.pin_record(person.id)),
        }


def consent_object(consent: Consent | None) -> dict[str, object] | None:
    """A record of consent as a JSON object; None where nobody kept one."""
    if consent is None:
        return None
    return {
        "text_version": consent.text_version,
        "language": consent.language,
        "how": consent.how,
        "given_at": consent.given_at,
    }


def pin_object(pin: PinRecord | None) -> dict[str, object] | None:
    """What is kept about a PIN besides its hash, as a JSON object; None where nobody set one."""
    if pin is None:
        return None
    return {"set_at": pin.set_at, "failures": pin.failures, "blocked_until": pin.blocked_until}


def last_seen(collection: Collection, audit_file: Path, person: PersonId) -> date | None:
    """The day (UTC) on which the door last let a person in; None: never, as far as collection and audit know.

    Raises CollectionError and AuditError.
    """
    days, _ = collection.seen()
    visits = (event for event in events_about(audit_file, person) if event.kind == AuditKind.DECISION_GRANTED)
    let_in = [datetime.fromisoformat(event.at).date() for event in visits]
    return max([*let_in, *([days[person]] if person in days else [])], default=None)


def events_about(audit_file: Path, person: PersonId) -> Iterator[Event]:
    """Every event, archived ones first, whose facts name a person's id; none where there is no log yet.

    Raises AuditError, and AuditBrokenError at an archived line that cannot be read.
    """
    from device.audit.export import all_events
    from device.audit.log import reading_audit

    if not audit_file.exists():
        return
    with reading_audit(audit_file) as reader:
        yield from (event for event in all_events(audit_file, reader) if person in event.facts)
