"""Opening the collection of a door: a damaged one gives way to the newest good snapshot, and the loss is on record.

What the audit says happened since the snapshot is made to hold again as far as it can be: who was erased stays erased,
and whose facts were changed is suspended until an administrator has looked. Who was enrolled since is lost, and named.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from device.audit.export import all_events
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, reading_audit
from device.clock import Clock
from device.collection.snapshot import aside_name, check_restorable, newest_good, put_in_place, set_aside, snapshots
from device.collection.store import Collection, open_collection
from device.errors import CollectionUnreadableError, UnknownPersonError
from device.ports import Audit
from device.types import PersonId


@dataclass(frozen=True, slots=True)
class Since:
    """What the audit says happened to people after an event."""

    enrolled: frozenset[PersonId]
    erased: frozenset[PersonId]
    changed: frozenset[PersonId]


def open_or_recover(path: Path, *, log: Path, audit: Audit, clock: Clock) -> Collection:
    """The collection at `path`, or what can be saved of it. Never an empty one in the place of one that held people.

    `log` is the file of `audit`. Raises CollectionUnreadableError when it is damaged or gone and there is no good
    snapshot, and the other errors of `open_collection`.
    """
    try:
        _refuse_silence(path, log)
        return open_collection(path)
    except CollectionUnreadableError as error:
        snapshot = newest_good(path)
        if snapshot is None:
            raise
        since = what_happened(log, after=snapshot.audit_sequence)
        aside = aside_name(path, at=clock.now())
        facts = {
            "why": str(error),
            "from": snapshot.path.name,
            "set_aside": aside.name,
            "lost_people": sorted(since.enrolled - since.erased),
            "erased_again": len(since.erased),
            "suspended": sorted(since.changed - since.erased),
        }
        audit.append(AuditKind.COLLECTION_RESTORED, facts)  # first: a loss that nobody recorded would be silent
        set_aside(path, to=aside)
        put_in_place(snapshot.path, of=path)
        collection = open_collection(path)
        _hold_again(collection, since)
        return collection


def restore_backup(copy: Path, *, of: Path, audit: AuditLog, clock: Clock) -> int:
    """Put a backup in the place of the collection at `of`, which is set aside; how many people there are now.

    Raises BackupError for a file that cannot be used here: then nothing changes.
    """
    check_restorable(copy, of=of)
    aside = aside_name(of, at=clock.now()) if of.exists() else None
    if aside is not None:
        set_aside(of, to=aside)
    after = put_in_place(copy, of=of)
    with open_collection(of) as collection:
        before = collection.ids()
        since = what_happened(audit.path, after=after)
        suspended = _hold_again(collection, Since(since.enrolled, since.erased & before, since.changed & before))
        people = len(collection.facts())
        facts = {
            "from": "backup",
            "set_aside": None if aside is None else aside.name,
            "people": people,
            "lost_people": sorted(since.enrolled - since.erased - before),
            "erased_again": len(since.erased & before),
            "suspended": sorted(suspended),
        }
    audit.append(AuditKind.COLLECTION_RESTORED, facts)
    return people


def what_happened(log: Path, *, after: int) -> Since:
    """Who was enrolled, erased or changed after event `after`. Raises AuditError."""
    enrolled: set[PersonId] = set()
    erased: set[PersonId] = set()
    changed: set[PersonId] = set()
    kinds = {
        AuditKind.PERSON_ENROLLED: enrolled,
        AuditKind.PERSON_ERASED: erased,
        AuditKind.PERSON_CHANGED: changed,
        AuditKind.PERSON_RETIRED: changed,
    }
    if log.exists():
        with reading_audit(log) as reader:
            for event in all_events(log, reader):
                if event.sequence <= after:
                    continue
                person = _person(event.facts)
                if person is None:
                    continue
                if event.kind in kinds:
                    kinds[AuditKind(event.kind)].add(person)
                elif event.kind == AuditKind.FAULT:  # what was not committed; to suspend for a change too many is safe
                    for undone in _undone(event.facts):
                        kinds[undone].discard(person)
    return Since(frozenset(enrolled), frozenset(erased), frozenset(changed))


def _refuse_silence(path: Path, log: Path) -> None:
    """A file that is gone is a loss as well: opening would make an empty one."""
    if path.exists():
        return
    if snapshots(path):
        raise CollectionUnreadableError(f"{path}: the collection is gone")
    since = what_happened(log, after=0)
    missing = len(since.enrolled - since.erased)
    if missing:
        raise CollectionUnreadableError(
            f"{path}: the collection is gone, and {missing} people had been enrolled; put a backup in its place with "
            "`lintel collection restore`, or move the audit log away, too, to begin anew"
        )


def _hold_again(collection: Collection, since: Since) -> list[PersonId]:
    """Erase who was erased, and suspend who was changed; who that was."""
    suspended = []
    for person in since.erased:
        try:
            collection.remove(person)
        except UnknownPersonError:
            continue
    for person in since.changed - since.erased:
        facts = collection.facts_of(person)
        if facts is not None:
            collection.set_facts(replace(facts, is_suspended=True))
            suspended.append(person)
    collection.overwrite_traces()
    return suspended


def _undone(facts: str) -> tuple[AuditKind, ...]:
    """Which record a fault takes back; one that an earlier version wrote does not say."""
    both = (AuditKind.PERSON_ENROLLED, AuditKind.PERSON_ERASED)
    of = json.loads(facts).get("of")
    return both if of is None else tuple(kind for kind in both if kind == of)


def _person(facts: str) -> PersonId | None:
    try:
        person = json.loads(facts).get("person")
    except (AttributeError, ValueError):
        return None
    return PersonId(person) if isinstance(person, str) else None
