"""Who is enrolled and who is erased, each change together with its fact in the audit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.clock import Clock, SystemClock
from device.collection.people import Newcomer, Person
from device.collection.snapshot import forget_in_snapshots
from device.collection.store import Collection
from device.config import Settings
from device.errors import AuditError, CollectionError
from device.types import PersonId
from enroll.console import err


@contextlib.contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """The registry of this device, with a new site key where this is the first use.

    Raises CollectionError and AuditError when a file cannot be used.
    """
    from device.collection.keys import KeyFolder
    from device.collection.store import open_collection

    clock, keys = SystemClock(), KeyFolder(settings.state_folder)
    is_first_use = keys.current() is None
    with open_collection(settings.collection_file) as collection, AuditLog(settings.audit_file, clock=clock) as audit:
        yield Registry(collection, audit, clock)
    if is_first_use and keys.file.exists():  # not beside the sentence of a failure
        announce_key(keys.file)


def announce_key(file: Path) -> None:
    """Say once that there is a secret now, and what it is worth."""
    sentence = f"A new site key seals everyone enrolled here: {file}. Keep a copy of it where this device is not."
    err.print(sentence, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Registry:
    """Changes people. The audit's fact is committed first, so there is no person whose enrolment nobody recorded.

    It holds opaque ids and never names. All methods raise CollectionError and AuditError, and then nothing has changed.
    """

    collection: Collection
    audit: AuditLog
    clock: Clock

    def enrol(self, newcomer: Newcomer, *, how: str) -> PersonId:
        """Enrol a person in one transaction and return the new id.

        `how` says where the references come from, for the audit: "photos". Raises PersonExistsError when the name or
        the external id is taken.
        """
        facts: dict[str, object] = {
            "references": len(newcomer.references),
            "models": sorted({reference.template.model_id for reference in newcomer.references}),
            "how": how,
            "consent": newcomer.consent.text_version,
        }
        with self.recording(AuditKind.PERSON_ENROLLED, facts):
            person = self.collection.add_person(newcomer, at=self.clock.now())
            facts["person"] = person
        return person

    def erase(self, person: Person) -> bool:
        """Destroy a person's record and references; whether their traces in the write-ahead log are gone, too.

        Raises UnknownPersonError when somebody else was quicker.
        """
        facts: dict[str, object] = {"person": person.id, "references": sum(person.references.values())}
        with self.recording(AuditKind.PERSON_ERASED, facts):
            self.collection.remove(person.id)
        forget_in_snapshots(self.collection.path, person.id)
        return self.collection.overwrite_traces()

    @contextlib.contextmanager
    def recording(self, kind: AuditKind, facts: Mapping[str, object]) -> Iterator[None]:
        """One transaction of the collection that commits after its fact, which must name the "person" by then.

        Two files cannot commit as one: should the collection then fail, a second fact says that the first is not true.
        """
        is_recorded = False
        try:
            with self.collection.changing():
                yield
                self.audit.append(kind, facts)
                is_recorded = True
        except CollectionError:
            if is_recorded:
                fault = {"at": "collection", "person": facts["person"], "fault": f"{kind} was not committed"}
                with contextlib.suppress(AuditError):  # a full disk refuses this, too; the first error is told
                    self.audit.append(AuditKind.FAULT, fault)
            raise
