"""Applying a bundle: all of it in one transaction of the collection, or nothing, and either is on record."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from device.audit.kinds import AuditKind
from device.collection.people import Newcomer, Person
from device.collection.snapshot import forget_in_snapshots
from device.errors import BundleError, BundleRejectedError, DeviceError
from device.policy.threshold import ThresholdPolicy
from device.registry import Draft, Registry
from device.types import PersonFacts
from enroll.bundle_check import Extract, Plan, Problem, make_plan, refuse_unwanted
from enroll.bundle_format import Change, Erase, decode_records
from enroll.bundle_record import record_refusal, take_back_uncommitted
from enroll.bundle_seal import Bundle, plain_chunks, verified_copy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gates:
    """What a bundle's people must pass here."""

    thresholds: Callable[[], ThresholdPolicy]  # read only once the bundle itself may be applied
    extract: Extract
    earliest: datetime  # the clock must be after this
    skip_rejected: bool = False  # do what can be done, although something cannot


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a bundle."""

    bundle: str
    author: str
    number: int
    done: int  # entries that were applied, or would be
    problems: tuple[Problem, ...]


def try_bundle(file: Path, registry: Registry, gates: Gates) -> Applied:
    """Check a bundle as `apply_bundle` does, and change and record nothing. Raises the same errors."""
    with verified_copy(file, scratch=registry.collection.path.parent) as bundle:
        plan = _plan(bundle, registry, gates)
        return _applied(bundle, plan, done=len(plan.actions))


def apply_bundle(file: Path, registry: Registry, gates: Gates) -> Applied:
    """Apply a bundle as a whole.

    Raises BundleError's leaves, and then nothing changed and the audit says why; CollectionError and AuditError when a
    file fails, and then nothing changed either. What an application before this one recorded and could not commit is
    taken back first.
    """
    seen: list[Bundle] = []
    take_back_uncommitted(registry)
    try:
        with verified_copy(file, scratch=registry.collection.path.parent) as bundle:
            seen.append(bundle)
            plan = _plan(bundle, registry, gates)
            if plan.problems and not gates.skip_rejected:
                first = plan.problems[0]
                raise BundleRejectedError(
                    f"{len(plan.problems)} entries of the bundle cannot be applied, so none was; "
                    f"entry {first.entry}: {first.sentence}"
                )
            _commit(plan, bundle, registry)
    except BundleError as error:
        record_refusal(error, _facts(seen[0]) if seen else {}, registry=registry)
        raise
    log.info("bundle.applied", extra={"bundle": bundle.id, "author": bundle.author.author})
    return _applied(bundle, plan, done=len(plan.actions))


def _plan(bundle: Bundle, registry: Registry, gates: Gates) -> Plan:
    refuse_unwanted(bundle, registry, earliest=gates.earliest)
    records = decode_records(plain_chunks(bundle, registry.collection.authority()))
    return make_plan(records, registry, thresholds=gates.thresholds(), extract=gates.extract)


def _applied(bundle: Bundle, plan: Plan, *, done: int) -> Applied:
    return Applied(bundle.id, bundle.author.author, bundle.header.number, done, tuple(plan.problems))


def _facts(bundle: Bundle) -> dict[str, object]:
    return {"bundle": bundle.id, "author": bundle.author.author, "number": bundle.header.number}


def _commit(plan: Plan, bundle: Bundle, registry: Registry) -> None:
    """One transaction of the audit with all facts, and then at once the collection's.

    Two files cannot commit as one: whatever comes in between is seen from the collection afterwards, and taken back.
    """
    collection, draft = registry.collection, Draft()
    facts = _facts(bundle)
    try:
        with collection.changing():
            take_back_uncommitted(registry)
            erased = _change(plan, replace(registry, draft=draft))
            collection.note_bundle(bundle.author.author, number=bundle.header.number, bundle=bundle.id)
            facts |= {"entries": len(plan.actions), "facts": len(draft)}
            registry.audit.append_all([(AuditKind.BUNDLE_APPLIED, facts), *draft])
    except BaseException:
        with contextlib.suppress(DeviceError):  # the first error is told, and the next application tries this again
            take_back_uncommitted(registry)
        raise
    for person in erased:
        forget_in_snapshots(collection.path, person.id)
    if erased:
        collection.overwrite_traces()


def _change(plan: Plan, registry: Registry) -> list[Person]:
    """Do everything; who was erased."""
    if registry.collection.revision() != plan.revision:
        raise BundleRejectedError("people changed while the bundle was checked; apply it again")
    erased = []
    for action in plan.actions:
        if isinstance(action, Newcomer):
            registry.enrol(action, how="bundle")
            continue
        record, person = action
        if isinstance(record, Erase):
            fact = {"person": person.id, "references": sum(person.references.values())}
            with registry.recording(AuditKind.PERSON_ERASED, fact):
                registry.collection.remove(person.id)
            erased.append(person)
        else:
            registry.change_facts(person.id, _changer(record))
    return erased


def _changer(record: Change) -> Callable[[PersonFacts], PersonFacts]:
    def change(facts: PersonFacts) -> PersonFacts:
        return replace(
            facts,
            is_suspended=facts.is_suspended if record.suspended is None else record.suspended,
            groups=facts.groups if record.groups is None else record.groups,
            valid_from=record.valid_from if isinstance(record.valid_from, datetime | None) else facts.valid_from,
            valid_until=record.valid_until if isinstance(record.valid_until, datetime | None) else facts.valid_until,
        )

    return change
