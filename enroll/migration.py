"""Moving people to the template network in force: its references are made from the sealed reference photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from device.audit.kinds import AuditKind
from device.collection.gallery import Gallery
from device.collection.people import Person, Reference
from device.errors import MigrationUnfinishedError, PhotoError, UnknownPersonError
from device.policy.threshold import ThresholdPolicy
from device.types import Match, ModelId, PersonId
from device.vision.keepsake import open_keepsake
from enroll.candidate import PhotoExtractor
from enroll.registry import Registry

NAMED_AT_MOST = 5  # people in one sentence


@dataclass(frozen=True, slots=True)
class AlreadyMoved:
    """The person has references of the network in force."""

    person: Person


@dataclass(frozen=True, slots=True)
class Moved:
    """References of the network in force were made, or would be in a dry run."""

    person: Person
    references: int
    unusable: tuple[str, ...]  # why photos gave none, one sentence each
    look_alikes: tuple[str, ...]  # names of whom the network in force takes a photo for


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """No reference can be made: there is no photo, or none that passes the gates of the door."""

    person: Person
    unusable: tuple[str, ...]  # why photos gave none; empty: no photo is kept


Step: TypeAlias = AlreadyMoved | Moved | LeftBehind


class Migration:
    """Moves people one by one, each in one transaction that the audit knows of first.

    Whoever has a reference of the network in force is not touched, so it may be stopped at any point and run again.
    """

    def __init__(self, registry: Registry, extractor: PhotoExtractor, thresholds: ThresholdPolicy) -> None:
        """Raises CollectionError, and TargetUnreachableError when the network cannot serve those it has already."""
        self._registry = registry
        self._extractor = extractor
        self._thresholds = thresholds
        self._gallery = Gallery(registry.collection, thresholds=thresholds)

    def preview(self, people: list[Person]) -> Iterator[Step]:
        """What `move` would do, with nothing written. It sees no look-alikes among those who are still to be moved."""
        for person in people:
            yield self._examine(person)[0]

    def move(self, people: list[Person]) -> Iterator[Step]:
        """Make the references of each of `people` and tell what became of them.

        Raises TargetUnreachableError before the network would have more references than it can serve, CollectionError
        and AuditError; those before stay moved. Somebody who is erased meanwhile is left out.
        """
        for person in people:
            try:
                step, references = self._examine(person)
                if isinstance(step, Moved) and not self._store(person.id, references):
                    step = AlreadyMoved(person)
            except UnknownPersonError:
                continue
            yield step

    def _examine(self, person: Person) -> tuple[Step, list[Reference]]:
        model = self._thresholds.model_id
        if person.references.get(model):
            return AlreadyMoved(person), []
        references, unusable = [], []
        for number, photo in enumerate(self._registry.collection.photos_of(person.id), start=1):
            try:
                references.append(Reference(*self._extractor.extract(open_keepsake(photo))))
            except PhotoError as error:
                unusable.append(f"photo {number}: {error}")
        if not references:
            return LeftBehind(person, tuple(unusable)), []
        return Moved(person, len(references), tuple(unusable), self._look_alikes(person.id, references)), references

    def _look_alikes(self, person: PersonId, references: list[Reference]) -> tuple[str, ...]:
        outcomes = [self._gallery.search(reference.template) for reference in references]
        others = {one.person for one in outcomes if isinstance(one, Match)} - {person}
        return tuple(sorted(self._registry.collection.find(other).name for other in others))

    def _store(self, person: PersonId, references: list[Reference]) -> bool:
        """False when somebody else was quicker."""
        collection, model = self._registry.collection, self._thresholds.model_id
        self._thresholds.choose(self._gallery.references + len(references))  # a door that cannot serve them all stops
        if collection.find(person).references.get(model):
            return False
        facts = {"person": person, "references_of": model, "references": len(references), "how": "kept photos"}
        with self._registry.recording(AuditKind.PERSON_CHANGED, facts):
            for reference in references:
                collection.add_reference(person, reference, at=self._registry.clock.now())
        return True


def refuse_unfinished(people: list[Person], *, model: ModelId, leaving: frozenset[PersonId]) -> None:
    """Raises MigrationUnfinishedError when somebody who is not in `leaving` has no reference of `model`."""
    left = [person.name for person in people if not person.references.get(model) and person.id not in leaving]
    if not left:
        return
    named = ", ".join(left[:NAMED_AT_MOST])
    more = f" and {len(left) - NAMED_AT_MOST} more" if len(left) > NAMED_AT_MOST else ""
    raise MigrationUnfinishedError(
        f"without their earlier references the door would know these people no more: {named}{more}; "
        "enrol them again, name each with --leaving, or add --yes"
    )


def finish(registry: Registry, people: list[Person], *, model: ModelId) -> Iterator[tuple[Person, int]]:
    """Remove the references of every network but `model`, person by person; each with how many there were.

    Raises CollectionError and AuditError; those before stay finished.
    """
    for person in people:
        earlier = sorted(other for other in person.references if other != model)
        if not earlier:
            continue
        count = sum(person.references[other] for other in earlier)
        facts = {"person": person.id, "references_removed_of": earlier, "references": count}
        try:
            with registry.recording(AuditKind.PERSON_CHANGED, facts):
                for other in earlier:
                    registry.collection.remove_references(person.id, model_id=other)
        except UnknownPersonError:
            continue  # erased meanwhile
        yield person, count
