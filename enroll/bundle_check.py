"""Whether a bundle may be applied here at all, and whether everything that it asks for can be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from device.audit.kinds import AuditKind
from device.audit.log import reading_audit
from device.collection.gallery import Gallery
from device.collection.matrix import ReferenceMatrix
from device.collection.people import Consent, Newcomer, Person, Reference, clean_groups, clean_name, vectors_from_bytes
from device.errors import (
    AuthorRefusedError,
    BundleOldError,
    DeviceError,
    LookAlikeError,
    ModelMismatchError,
    OtherSiteError,
    PhotosDisagreeError,
)
from device.policy.threshold import ThresholdPolicy
from device.registry import Registry
from device.types import Match, PersonId, Template
from enroll.bundle_format import Change, Enrol, Erase, Photo, Record, TemplateNote
from enroll.bundle_seal import Bundle

Extract = Callable[[bytes], Reference]  # an encoded photo, with the gates of the door; raises PhotoError


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a bundle asks for and that cannot be done."""

    entry: int  # counts from 1
    error: str  # name of the error's class
    exit_code: int
    sentence: str = field(repr=False)  # for the administrator: it may hold names


@dataclass(slots=True)
class Plan:
    """What would be done, in the bundle's order, and what cannot be."""

    revision: int  # of the collection for which this was checked
    actions: list[Newcomer | tuple[Change | Erase, Person]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def refuse_unwanted(bundle: Bundle, registry: Registry, *, earliest: datetime) -> None:
    """Whether the author may send this bundle here, now.

    Raises AuthorRefusedError, OtherSiteError or BundleOldError. A clock before `earliest` cannot be right and lets
    nothing through that has an end.
    """
    now, author_id = registry.clock.now(), bundle.author.author
    author = registry.collection.author(author_id)
    if author.revoked_at is not None or _was_distrusted(registry, author_id):
        raise AuthorRefusedError(f"the author {author_id} is not trusted any more")
    until = author.certificate.until
    if until is not None and (until <= now or now < earliest):
        raise AuthorRefusedError(f"the certificate of {author_id} has ended; trust the author again")
    here, register = registry.collection.seal_in_use().key_id, registry.collection.author_register()
    if bundle.header.site in register.former_sites:
        raise OtherSiteError("the bundle is sealed for a site key that was rotated away; give the author a new card")
    if bundle.header.site != here:
        raise OtherSiteError(f"the bundle is sealed for site {bundle.header.site}, and this is {here}")
    if bundle.id == author.last_bundle:
        raise BundleOldError("this bundle was applied already")
    if bundle.header.number <= author.last_number:
        raise BundleOldError("a newer bundle of this author was applied already")
    if bundle.header.expires_at <= now or now < earliest:
        raise BundleOldError("the time of this bundle is over, or the clock here is wrong")


def make_plan(records: Iterable[Record], registry: Registry, *, thresholds: ThresholdPolicy, extract: Extract) -> Plan:
    """Read everything and check everything, changing nothing. Raises BundleDamagedError for an incomplete bundle."""
    plan = Plan(registry.collection.revision())
    gallery, fresh = Gallery(registry.collection, thresholds=thresholds), ReferenceMatrix()
    taken: set[str] = set()
    for entry, (record, photos) in enumerate(_with_photos(records), start=1):
        try:
            if isinstance(record, Enrol):
                newcomer = _newcomer(record, photos, thresholds, extract)
                _refuse_taken(newcomer, registry, taken)
                _refuse_alike(newcomer, gallery, fresh, thresholds, entry)
                plan.actions.append(newcomer)
            else:
                plan.actions.append((_cleaned(record), registry.collection.find(record.person)))
        except (DeviceError, ValueError, OverflowError) as error:
            code = error.exit_code if isinstance(error, DeviceError) else 105
            plan.problems.append(Problem(entry, type(error).__name__, code, str(error)))
    thresholds.choose(gallery.references + fresh.rows)  # a door that cannot serve them all would serve nobody
    return plan


def _with_photos(records: Iterable[Record]) -> Iterator[tuple[Enrol | Change | Erase, list[bytes]]]:
    """Every entry with the photos that follow it; a photo that belongs to nobody is a problem of nobody's."""
    entry: Enrol | Change | Erase | None = None
    photos: list[bytes] = []
    for record in records:
        if isinstance(record, Photo):
            photos.append(record.content)
        elif isinstance(record, Enrol | Change | Erase):
            if entry is not None:
                yield entry, photos
            entry, photos = record, []
    if entry is not None:
        yield entry, photos


def _newcomer(record: Enrol, photos: list[bytes], thresholds: ThresholdPolicy, extract: Extract) -> Newcomer:
    if len(photos) != record.photos:
        raise ValueError("not as many photos follow as were announced")
    references = [Reference(_template(note, thresholds)) for note in record.templates]
    references += [extract(content) for content in photos]
    if not references:
        raise ValueError("a person is enrolled with at least one template or photo")
    least = thresholds.choose(1).score
    first = references[0].template.vector
    if any(not float(first @ other.template.vector) >= least for other in references[1:]):
        raise PhotosDisagreeError("the references of one person do not match each other")
    note = record.consent
    return Newcomer(
        name=clean_name(record.name),
        references=references,
        consent=Consent(note.text_version, note.language, note.how, _utc(note.given_at)),
        external_id=record.external_id,
        groups=clean_groups(record.groups),
        valid_from=None if record.valid_from is None else _utc(record.valid_from),
        valid_until=None if record.valid_until is None else _utc(record.valid_until),
    )


def _template(note: TemplateNote, thresholds: ThresholdPolicy) -> Template:
    if note.model_id != thresholds.model_id:
        raise ModelMismatchError(f"a template of {note.model_id} is of no use here: {thresholds.model_id} is installed")
    return Template(vectors_from_bytes([note.vector])[0].copy(), thresholds.model_id)


def _cleaned(record: Change | Erase) -> Change | Erase:
    """The same, after what could not be written down was refused."""
    if isinstance(record, Change):
        if record.groups is not None:
            clean_groups(record.groups)
        for moment in (record.valid_from, record.valid_until):
            if isinstance(moment, datetime):
                _utc(moment)
    return record


def _refuse_taken(newcomer: Newcomer, registry: Registry, taken: set[str]) -> None:
    registry.collection.refuse_taken_name(newcomer.name)
    if newcomer.external_id is not None:
        registry.collection.refuse_taken_external_id(newcomer.external_id)
    keys = {f"name {newcomer.name.casefold()}"} | ({f"id {newcomer.external_id}"} if newcomer.external_id else set())
    if keys & taken:
        raise ValueError("the bundle holds this name or external id twice")
    taken |= keys


def _refuse_alike(
    newcomer: Newcomer, gallery: Gallery, fresh: ReferenceMatrix, thresholds: ThresholdPolicy, entry: int
) -> None:
    """The door must be able to tell the new person from everybody enrolled, and from the others in the bundle."""
    for reference in newcomer.references:
        outcome = gallery.search(reference.template)
        if isinstance(outcome, Match):
            raise LookAlikeError(f"this person looks like {outcome.person}, who is enrolled: {outcome.score:.2f}")
        threshold = thresholds.choose(gallery.references + fresh.rows).score
        nearest = fresh.nearest(reference.template.vector)
        if nearest is not None and nearest.score >= threshold:
            raise LookAlikeError(f"this person looks like entry {nearest.person} of the bundle: {nearest.score:.2f}")
    for reference in newcomer.references:
        fresh.put([PersonId(str(entry))], reference.template.vector[None, :])


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _was_distrusted(registry: Registry, author: str) -> bool:
    """Whether the audit's newest word on an author is a revocation: a collection that was put back forgets one."""
    with reading_audit(registry.audit.path) as reader:
        found = {
            kind: max((e.sequence for e in reader.last(1000, kind=kind) if f'"{author}"' in e.facts), default=0)
            for kind in (AuditKind.AUTHOR_TRUSTED, AuditKind.AUTHOR_DISTRUSTED)
        }
    return found[AuditKind.AUTHOR_DISTRUSTED] > found[AuditKind.AUTHOR_TRUSTED]
