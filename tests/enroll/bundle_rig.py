"""A site with a door, and an author who makes bundles for it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders import make_template

from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.authority import SigningKey, SiteCard
from device.collection.people import Reference, vector_bytes
from device.collection.store import open_collection
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.registry import Registry
from enroll.bundle_apply import Gates
from enroll.bundle_format import ConsentNote, Enrol, Header, Record, TemplateNote, encode_records
from enroll.bundle_seal import new_ephemeral, write_bundle

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
POINTS = (OperatingPoint(1e-3, 0.333), OperatingPoint(1e-4, 0.403), OperatingPoint(1e-6, 0.58))
THRESHOLDS = ThresholdPolicy(make_template().model_id, POINTS, target_fpir=0.003)
AUTHOR = SigningKey(b"a" * 32)
CONSENT = ConsentNote(text_version="1", language="en", how="signed form", given_at=AT)


def extract(content: bytes) -> Reference:
    return Reference(make_template(int.from_bytes(content, "big")))


def gates(*, skip_rejected: bool = False) -> Gates:
    return Gates(lambda: THRESHOLDS, extract, AT - timedelta(days=1), skip_rejected)


@contextmanager
def site(state: Path, *, trusts: bool = True) -> Iterator[Registry]:
    clock = FakeClock(at=AT)
    with open_collection(state / "collection.db") as collection, AuditLog(state / "audit.db", clock=clock) as log:
        if trusts and AUTHOR.public.author not in collection.author_register().authors:
            collection.trust_author(AUTHOR.public, label="Reception", at=AT, until=None)
        yield Registry(collection, log, clock)


def enrol(name: str, seed: int, **more: Any) -> Enrol:
    template = make_template(seed)
    note = TemplateNote(model_id=template.model_id, vector=vector_bytes(template))
    return Enrol(name=name, consent=CONSENT, templates=(note,), **more)


def bundle(card: SiteCard, records: Sequence[Record], *, number: int = 1, author: SigningKey = AUTHOR) -> bytes:
    private, public = new_ephemeral()
    header = Header(
        site=card.site,
        author=author.public.raw.hex(),
        number=number,
        made_at=AT,
        expires_at=AT + timedelta(days=30),
        ephemeral=public.hex(),
    )
    out = io.BytesIO()
    write_bundle(out, header, encode_records(records), card=card, keys=(author, private))
    return out.getvalue()


def recorded(registry: Registry) -> list[tuple[str, Any]]:
    with reading_audit(registry.audit.path) as reader:
        return [(event.kind, event.as_object()["facts"]) for event in reader.events()]


def enrolled_as_recorded(registry: Registry) -> set[str]:
    """Who is enrolled when one believes the audit."""
    people: set[str] = set()
    for kind, facts in recorded(registry):
        if kind == "person.enrolled" or (kind == "fault" and facts["of"] == "person.erased"):
            people.add(facts["person"])
        elif kind == "person.erased" or (kind == "fault" and facts["of"] == "person.enrolled"):
            people.remove(facts["person"])
    return people
