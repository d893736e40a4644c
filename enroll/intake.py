"""What an import would do with one person, and doing it: no click, no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from device.collection.gallery import Gallery
from device.collection.matrix import ReferenceMatrix
from device.collection.people import Consent, Newcomer, Person, Reference, name_key
from device.errors import PersonExistsError, PhotoError, PhotosDisagreeError, TargetUnreachableError, UnknownPersonError
from device.policy.threshold import ThresholdPolicy
from device.registry import Registry
from device.types import Image, Match, PersonId
from device.vision.enrolment import Still
from device.vision.keepsake import make_keepsake
from device.vision.photo import decode_photo
from enroll.candidate import Portrait, refuse_disagreement
from enroll.reasons import Reason, reason_of
from enroll.roster import Entry

SAME_PHOTO = 0.999  # the same picture gives the same template, up to rounding; another one of the person does not


class StillExaminer(Protocol):
    """Turns a photo into a template with the gates of the door; `StillExtractor` is one."""

    def examine(self, image: Image) -> Still:
        """What the only face in `image` gives. Raises PhotoError's leaves."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedPhoto:
    """A photo that cannot be used, and why."""

    photo: str
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Enrollable:
    """Somebody new, ready to be written."""

    newcomer: Newcomer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is enrolled with these photos; `differences` names what the source says otherwise."""

    person: Person
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Somebody who is not taken."""

    reason: Reason
    sentence: str


Verdict = Enrollable | Known | Rejected


@dataclass(frozen=True, slots=True)
class Considered:
    """One person of the source, what becomes of them, and the photos that were not used."""

    verdict: Verdict
    refused: tuple[RefusedPhoto, ...] = ()


@dataclass(slots=True)
class Intake:
    """Weighs people one after the other; those weighed before count as enrolled. One thread.

    Raises CollectionError and TargetUnreachableError when the collection cannot be used at all.
    """

    registry: Registry
    gallery: Gallery
    thresholds: ThresholdPolicy
    examiner: StillExaminer
    read: Callable[[str], bytes]  # of the source; raises PhotoError
    keeps_photos: bool = False
    allows_look_alikes: bool = False
    _seen: set[str] = field(default_factory=set)
    _pending: ReferenceMatrix = field(default_factory=ReferenceMatrix)  # of those a dry run would have enrolled

    def consider(self, entry: Entry, *, consent: Consent) -> Considered:
        """What would become of `entry`. Nothing is written. No photo is looked at of whom consent is missing."""
        keys = {name_key(entry.name)} | ({f"\0{entry.external_id}"} if entry.external_id else set())
        if keys & self._seen:
            return Considered(Rejected(Reason.TAKEN, "an earlier row has this name or external id"))
        self._seen |= keys
        portraits, keepsakes, refused = self._examine(entry)
        return Considered(self._weigh(entry, portraits, keepsakes, refused, consent), tuple(refused))

    def commit(self, newcomer: Newcomer) -> PersonId | Rejected:
        """Enrol somebody in one transaction; Rejected when another process was quicker."""
        try:
            return self.registry.enrol(newcomer, how="import")
        except PersonExistsError as error:
            return Rejected(Reason.TAKEN, str(error))

    def note(self, newcomer: Newcomer) -> None:
        """Let somebody whom a dry run would have enrolled count for those who follow."""
        for reference in newcomer.references:
            self._pending.put([PersonId(newcomer.name)], reference.template.vector[None])

    def _examine(self, entry: Entry) -> tuple[list[Portrait], list[bytes], list[RefusedPhoto]]:
        portraits, keepsakes, refused = [], [], []
        for photo in entry.photos:
            try:
                image = decode_photo(self.read(photo), name=photo)
                still = self.examiner.examine(image)
            except PhotoError as error:
                refused.append(RefusedPhoto(photo, reason_of(error), str(error)))
                continue
            portraits.append(Portrait(Path(photo), Reference(still.template, still.quality)))
            if self.keeps_photos:
                keepsakes.append(make_keepsake(image, still.mesh))
        return portraits, keepsakes, refused

    def _weigh(
        self,
        entry: Entry,
        portraits: list[Portrait],
        keepsakes: list[bytes],
        refused: list[RefusedPhoto],
        consent: Consent,
    ) -> Verdict:
        if not portraits:
            return Rejected(refused[0].reason, refused[0].sentence)
        try:
            refuse_disagreement(portraits, threshold=self.thresholds.choose(1))
        except PhotosDisagreeError as error:
            return Rejected(Reason.PHOTOS_DISAGREE, str(error))
        known = self._find(entry)
        if known is not None:
            return self._compare(entry, known, portraits)
        try:
            objection = None if self.allows_look_alikes else self._look_alike(portraits)
        except TargetUnreachableError as error:
            return Rejected(Reason.GALLERY_FULL, str(error))
        if objection is not None:
            return objection
        return Enrollable(
            Newcomer(
                name=entry.name,
                references=[portrait.reference for portrait in portraits],
                consent=consent,
                external_id=entry.external_id,
                groups=entry.groups,
                valid_from=entry.valid_from,
                valid_until=entry.valid_until,
                photos=keepsakes,
            )
        )

    def _find(self, entry: Entry) -> Person | None:
        for word in (entry.external_id, entry.name):
            if word is not None:
                try:
                    return self.registry.collection.find(word)
                except UnknownPersonError:
                    continue
        return None

    def _compare(self, entry: Entry, known: Person, portraits: list[Portrait]) -> Verdict:
        """Known with these photos, known with others, or somebody else of that name."""
        scores = [self.gallery.compare(known.id, portrait.reference.template) for portrait in portraits]
        found = [score for score in scores if score is not None]
        if not found or not min(found) >= self.gallery.refresh().score:
            return Rejected(Reason.TAKEN, "enrolled under this name or external id is somebody who looks otherwise")
        facts = known.facts
        said = {
            "name": name_key(entry.name) != name_key(known.name),
            "groups": bool(entry.groups) and entry.groups != facts.groups,
            "valid_from": entry.valid_from not in (None, facts.valid_from),
            "valid_until": entry.valid_until not in (None, facts.valid_until),
            "photos": not min(found) >= SAME_PHOTO,
        }
        return Known(known, tuple(what for what, differs in said.items() if differs))

    def _look_alike(self, portraits: list[Portrait]) -> Rejected | None:
        self.thresholds.choose(self.gallery.references + self._pending.rows + len(portraits))
        for portrait in portraits:
            template = portrait.reference.template
            outcome = self.gallery.search(template)
            if isinstance(outcome, Match):
                name = self.registry.collection.find(outcome.person).name
                return _alike(name, outcome.score, outcome.threshold.score)
            nearest = self._pending.nearest(template.vector)
            needed = self.thresholds.choose(self.gallery.references + self._pending.rows).score
            if nearest is not None and nearest.score >= needed:
                return _alike(nearest.person, nearest.score, needed)
        return None


def _alike(name: str, score: float, needed: float) -> Rejected:
    return Rejected(Reason.LOOK_ALIKE, f"looks like {name}: scores {score:.2f}, and a match needs {needed:.2f}")
