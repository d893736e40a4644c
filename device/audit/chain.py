"""The hash chain: each event holds the digest of the one before, so none can be changed, moved or taken out unnoticed.

    hash = SHA-256 of the ASCII text  ["PREVIOUS",SEQUENCE,"AT","KIND",FACTS]

where PREVIOUS is the hash of the event before in lower-case hexadecimal, AT an ISO 8601 time in UTC, and FACTS a JSON
object with sorted keys, no blanks and every character above 126 escaped. Anybody can check an exported log with a JSON
library and SHA-256. The chain itself has no secret: it shows damage and careless tampering. Signatures of the device
(`device.audit.sign`) show the rest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

GENESIS = "0" * 64  # what the first event holds as the hash of the event before


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the audit."""

    sequence: int  # counts from 1 without gaps
    at: str  # ISO 8601, UTC
    kind: str  # an `AuditKind`, unless a newer Lintel wrote it
    facts: str  # canonical JSON object
    previous: str  # 64 hexadecimal digits
    hash: str  # 64 hexadecimal digits
    signature: bytes | None = None  # the device's, of 64 bytes; None where an earlier version wrote the row

    def as_object(self) -> dict[str, Any]:
        """The event for JSON Lines, its facts as an object; facts that are JSON no more are given as they are."""
        try:
            facts = json.loads(self.facts)
        except ValueError:
            facts = self.facts
        return {
            "seq": self.sequence,
            "at": self.at,
            "kind": self.kind,
            "facts": facts,
            "previous": self.previous,
            "hash": self.hash,
            "signature": None if self.signature is None else base64.b64encode(self.signature).decode(),
        }

    def as_json_line(self) -> str:
        """The event as one line of an exported log, without the line's end."""
        return json.dumps(self.as_object(), separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain. Kept elsewhere, it proves later that nothing up to here was changed or cut off."""

    sequence: int  # 0: nothing has happened yet
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The reverse of `str`. Raises ValueError for anything else."""
        sequence, colon, digest = text.partition(":")
        is_digest = len(digest) == len(GENESIS) and set(digest) <= set("0123456789abcdef")
        if not (colon and sequence.isascii() and sequence.isdigit() and is_digest):
            raise ValueError("a chain's end is written SEQUENCE:HASH, with a hash of 64 hexadecimal digits")
        return cls(int(sequence), digest)


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Intact:
    """Every event is where and what it was when it was appended, as far as the chain can tell."""

    head: Head


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold from `sequence` on."""

    sequence: int  # of the first bad row
    why: str


ChainVerdict: TypeAlias = Intact | Broken


def next_event(head: Head, *, at: datetime, kind: str, facts: Mapping[str, object]) -> Event:
    """The event after `head`. Raises ValueError for a naive time, TypeError for facts that JSON has no form for."""
    if at.utcoffset() is None:
        raise ValueError("an event's time needs a time zone")
    sequence, when, text = head.sequence + 1, at.astimezone(UTC).isoformat(timespec="microseconds"), canonical(facts)
    return Event(sequence, when, kind, text, head.hash, digest(head.hash, sequence, when, kind, text))


def event_from_object(value: Any) -> Event:
    """The reverse of `Event.as_object`. Raises ValueError for anything else."""
    try:
        facts = value["facts"] if isinstance(value["facts"], str) else canonical(value["facts"])
        signature = None if value.get("signature") is None else base64.b64decode(value["signature"], validate=True)
        return Event(value["seq"], value["at"], value["kind"], facts, value["previous"], value["hash"], signature)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not an event: {error}") from error


def canonical(facts: Mapping[str, object]) -> str:
    """`facts` as the one JSON text they have. NaN and infinities, which JSON lacks, become their names."""
    return json.dumps(_finite(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(previous: str, sequence: int, at: str, kind: str, facts: str) -> str:
    """The hash of an event, as the module's docstring states it."""
    text = f"[{json.dumps(previous)},{sequence},{json.dumps(at)},{json.dumps(kind)},{facts}]"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def verify_chain(events: Iterable[Event], *, expected: Head | None = None, origin: Head = EMPTY) -> ChainVerdict:
    """Check a chain from the event after `origin` on, in the order given.

    `expected` is an earlier end that was kept elsewhere: only with it are a cut tail and a rewritten log found.
    """
    head = origin
    for event in events:
        if fault := _fault(event, head):
            return Broken(head.sequence + 1, fault)
        head = Head(event.sequence, event.hash)
        if expected is not None and head.sequence == expected.sequence and head.hash != expected.hash:
            return Broken(head.sequence, "the log was rewritten: this is not the row whose hash was kept")
    if expected is not None and head.sequence < expected.sequence:
        return Broken(
            head.sequence + 1, f"the log ends here, but row {expected.sequence} was there: its tail was cut off"
        )
    return Intact(head)


def _fault(event: Event, head: Head) -> str:
    """What is wrong with `event` as the successor of `head`; empty when nothing is."""
    if event.sequence != head.sequence + 1:
        return f"row {head.sequence + 1} is missing, row {event.sequence} follows"
    if not all(isinstance(part, str) for part in (event.at, event.kind, event.facts)):  # a damaged file has other types
        return "it is damaged"
    if event.previous != head.hash:
        return "it does not follow the row before it"
    if event.hash != digest(event.previous, event.sequence, event.at, event.kind, event.facts):
        return "its content does not belong to its hash"
    return ""


def _finite(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {key: _finite(part) for key, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
        case _:
            return value
