"""Who is enrolled, changed, retired and erased: each change together with its fact in the audit.

The command line and the control socket both come here, so there is one way to change a person. The audit holds opaque
ids and what changed; it never holds a name or an external id.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TypeAlias

from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.clock import Clock
from device.collection.people import Consent, Newcomer, Person, clean_external_id, clean_name, time_text
from device.collection.pin_hash import check_pin
from device.collection.snapshot import forget_in_snapshots
from device.collection.store import Collection
from device.errors import AuditError
from device.types import PersonFacts, PersonId

Note: TypeAlias = Callable[[AuditKind, Mapping[str, object]], None]
Draft: TypeAlias = list[tuple[AuditKind, Mapping[str, object]]]

WORDS = {"is_suspended": "suspended"}  # how the audit calls a fact, where not by the field's name


@dataclass(frozen=True, slots=True)
class Registry:
    """Changes people. The audit's fact is committed first, so there is no person whose enrolment nobody recorded.

    All methods raise CollectionError and AuditError, and then nothing has changed; those that take the id of a person
    raise UnknownPersonError when there is none. Those that return whether anything changed record nothing when nothing
    did.
    """

    collection: Collection
    audit: AuditLog
    clock: Clock
    draft: Draft | None = None  # where a greater change collects its facts, to record all of them at its end

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

    def suspend(self, person: PersonId) -> bool:
        """Let a person in no more until they are resumed."""
        return self.change_facts(person, lambda facts: replace(facts, is_suspended=True))

    def resume(self, person: PersonId) -> bool:
        """Let a suspended or retired person in again. The absence of one who was retired counts from now on."""
        with self._noting() as note:
            before = self.collection.find(person)
            changed: dict[str, object] = {}
            if before.facts.is_suspended:
                self.collection.set_facts(replace(before.facts, is_suspended=False))
                changed["suspended"] = False
            if before.retired_at is not None:
                self.collection.end_retirement(person, at=self.clock.now())
                changed["retired"] = False
            if changed:
                note(AuditKind.PERSON_CHANGED, {"person": person, **changed})
            return bool(changed)

    def change_facts(self, person: PersonId, change: Callable[[PersonFacts], PersonFacts]) -> bool:
        """Change suspension, validity or groups: `change` is given what holds when nobody else can change it.

        What `change` raises passes, and nothing has changed.
        """
        with self._noting() as note:
            before = self.collection.find(person).facts
            after = change(before)
            changed = _difference(before, after)
            if changed:
                self.collection.set_facts(after)
                note(AuditKind.PERSON_CHANGED, {"person": person, **changed})
            return bool(changed)

    def rename(self, person: PersonId, name: str) -> bool:
        """Give a person another name. Raises PersonExistsError when it is taken, ValueError when it cannot be one."""
        with self._noting() as note:
            if self.collection.find(person).name == clean_name(name):
                return False
            self.collection.rename(person, name)
            note(AuditKind.PERSON_CHANGED, {"person": person, "changed": ["name"]})
            return True

    def set_external_id(self, person: PersonId, external_id: str | None) -> bool:
        """Note how another system calls a person; None forgets it. Raises PersonExistsError and ValueError."""
        cleaned = None if external_id is None else clean_external_id(external_id)
        with self._noting() as note:
            if self.collection.find(person).external_id == cleaned:
                return False
            self.collection.set_external_id(person, cleaned)
            note(AuditKind.PERSON_CHANGED, {"person": person, "changed": ["external_id"]})
            return True

    def set_consent(self, person: PersonId, consent: Consent) -> None:
        """Keep what a person agreed to, in the place of an earlier record."""
        with self.recording(AuditKind.PERSON_CHANGED, {"person": person, "consent": consent.text_version}):
            self.collection.set_consent(person, consent)

    def set_pin(self, person: PersonId, digits: str) -> None:
        """Give a person a PIN, their first or another. Raises WeakPinError; the audit never holds a digit."""
        check_pin(digits)
        with self.recording(AuditKind.PERSON_CHANGED, {"person": person, "pin": "set"}):
            self.collection.set_pin(person, digits, at=self.clock.now())

    def clear_pin(self, person: PersonId) -> bool:
        """Take a person's PIN away."""
        with self._noting() as note:
            if not self.collection.clear_pin(person):
                return False
            note(AuditKind.PERSON_CHANGED, {"person": person, "pin": "cleared"})
            return True

    def retire(self, person: PersonId, *, why: str = "administrator") -> bool:
        """Let the door forget a person of whom everything is kept until they are resumed or erased."""
        with self._noting() as note:
            if self.collection.find(person).retired_at is not None:
                return False
            self.collection.retire(person, at=self.clock.now())
            note(AuditKind.PERSON_RETIRED, {"person": person, "why": why})
            return True

    def hand_out(self, person: PersonId, facts: Mapping[str, object], give: Callable[[], None]) -> None:
        """Record that all that is held about a person leaves, and then let it: `give` is called last.

        What `give` raises passes, and a second fact says that the first is not true.
        """
        with self._noting() as note:
            self.collection.find(person)  # whoever was erased meanwhile is not handed out
            note(AuditKind.PERSON_EXPORTED, {"person": person, **facts})
            give()

    def erase(self, person: Person) -> bool:
        """Destroy a person's record and references; whether their traces in the write-ahead log are gone, too."""
        with self.recording(AuditKind.PERSON_ERASED, _erasure(person)):
            self.collection.remove(person.id)
        return self._overwrite(person.id)

    def erase_retired(self, person: Person, *, why: str) -> bool:
        """Erase somebody who has been retired for long enough; False when they are retired no more, or anew."""
        with self._noting() as note:
            if self.collection.find(person.id).retired_at != person.retired_at:
                return False
            self.collection.remove(person.id)
            note(AuditKind.PERSON_ERASED, {**_erasure(person), "why": why})
        self._overwrite(person.id)
        return True

    @contextlib.contextmanager
    def recording(self, kind: AuditKind, facts: Mapping[str, object]) -> Iterator[None]:
        """One transaction of the collection that commits after its fact, which must name the "person" by then.

        Two files cannot commit as one: should the collection then fail, a second fact says that the first is not true.
        """
        with self._noting() as note:
            yield
            note(kind, facts)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[Note]:
        """The same for changes that find out only on the way whether there is anything to record."""
        noted: list[tuple[AuditKind, object]] = []

        def note(kind: AuditKind, facts: Mapping[str, object]) -> None:
            if self.draft is not None:
                self.draft.append((kind, facts))
                return
            self.audit.append(kind, facts)
            noted.append((kind, facts["person"]))

        try:
            with self.collection.changing():
                yield note
        except BaseException:
            for kind, person in noted:
                facts = {"at": "collection", "person": person, "of": kind, "fault": f"{kind} was not committed"}
                with contextlib.suppress(AuditError):  # a full disk refuses this, too; the first error is told
                    self.audit.append(AuditKind.FAULT, facts)
            raise

    def _overwrite(self, person: PersonId) -> bool:
        forget_in_snapshots(self.collection.path, person)
        return self.collection.overwrite_traces()


def _erasure(person: Person) -> dict[str, object]:
    return {"person": person.id, "references": sum(person.references.values())}


def _difference(before: PersonFacts, after: PersonFacts) -> dict[str, object]:
    """What differs, as JSON values."""
    changed: dict[str, object] = {}
    for name in (field.name for field in fields(PersonFacts)):
        value = getattr(after, name)
        if value != getattr(before, name):
            is_time = isinstance(value, datetime)
            changed[WORDS.get(name, name)] = time_text(value) if is_time else value
    return changed
