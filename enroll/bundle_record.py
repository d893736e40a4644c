"""What the audit says of bundles: those refused, and the taking back of facts whose bundle was never committed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from device.audit.chain import Event
from device.audit.kinds import AuditKind
from device.audit.log import reading_audit
from device.collection.authority import AuthorId
from device.errors import BundleError
from device.registry import Registry

log = logging.getLogger(__name__)


def record_refusal(error: BundleError, facts: Mapping[str, object], *, registry: Registry) -> None:
    """Say in the audit and the journal that something was refused, and why. Raises AuditError."""
    said = {"why": type(error).__name__, "exit_code": error.exit_code, **facts}
    registry.audit.append(AuditKind.BUNDLE_REFUSED, said)
    log.warning("bundle.refused", extra=said)


def take_back_uncommitted(registry: Registry) -> None:
    """Hold the newest `bundle.applied` against the collection, and take it back with its facts where it is not true.

    A bundle's facts are committed just before the collection is; a process that dies in between leaves facts of changes
    that did not happen. Nobody can be in between while this looks: both hold the collection's write lock. Raises
    CollectionError and AuditError.
    """
    with registry.collection.changing():
        untrue = _untrue(registry)
        if untrue:
            registry.audit.append_all([(AuditKind.FAULT, _undoing(event)) for event in untrue])
            log.error("bundle.taken_back", extra={"facts": len(untrue)})


def _untrue(registry: Registry) -> list[Event]:
    """The newest application with the facts committed together with it, when the collection does not know of it."""
    with reading_audit(registry.audit.path) as reader:
        for applied in reader.last(1, kind=AuditKind.BUNDLE_APPLIED):
            facts = json.loads(applied.facts)
            if not _is_known(registry, facts):
                after = reader.last(reader.head().sequence - applied.sequence)
                return [] if _is_settled(after, facts) else [applied, *after[: facts.get("facts", 0)]]
    return []


def _is_known(registry: Registry, facts: Mapping[str, Any]) -> bool:
    """Whether the collection committed it. Of an author whom it knows no more, nobody can tell: then it is believed."""
    author = registry.collection.author_register().authors.get(AuthorId(facts["author"]))
    return author is None or author.last_number >= facts["number"]


def _is_settled(after: Iterable[Event], facts: Mapping[str, Any]) -> bool:
    """Whether it was taken back already, or nobody can tell: a backup was put back, or its author counted anew."""
    for event in after:
        said = json.loads(event.facts)
        match AuditKind(event.kind):
            case AuditKind.COLLECTION_RESTORED:
                return True
            case AuditKind.AUTHOR_TRUSTED if said["author"] == facts["author"]:
                return True
            case AuditKind.FAULT if said.get("of") == AuditKind.BUNDLE_APPLIED and said["bundle"] == facts["bundle"]:
                return True
    return False


def _undoing(event: Event) -> dict[str, object]:
    facts = json.loads(event.facts)
    about = {name: facts[name] for name in ("person", "bundle") if name in facts}
    fault = f"{event.kind} was not committed"
    return {"at": "collection", "of": event.kind, "sequence": event.sequence, "fault": fault, **about}
