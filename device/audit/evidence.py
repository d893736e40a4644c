"""Whether a log can be believed: its chain, its signatures, its end, and the archives before it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from device.audit.apart import head_kept_apart
from device.audit.chain import EMPTY, Broken, ChainVerdict, Event, Head, Intact, verify_chain
from device.audit.export import all_events, archives, read_export
from device.audit.kinds import AuditKind
from device.audit.log import head_file, reading_audit
from device.audit.sign import PublicKey, Statement, StatementKind
from device.errors import AuditBrokenError


class Examination:
    """Watches events pass and remembers what the chain alone does not show."""

    def __init__(self, public: PublicKey | None) -> None:
        self._public = public  # None: a log of an earlier version, which nobody signed
        self._is_signed = False
        self.first: Event | None = None
        self.last: Event | None = None
        self.retired_through = 0
        self.fault: Broken | None = None
        self.hashes: dict[int, str] = {}  # of the rows that somebody keeps the hash of
        self.noted: set[int] = set()

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events, up to the first that this device did not sign or a line that cannot be read."""
        try:
            for event in events:
                self.first = self.first or event
                if why := self._objection(event):
                    self.fault = Broken(event.sequence, why)
                    return
                self._remember(event)
                yield event
        except AuditBrokenError as error:
            self.fault = Broken(1 if self.last is None else self.last.sequence + 1, str(error))

    def _objection(self, event: Event) -> str:
        if event.signature is None:
            return "it is not signed, and rows before it are" if self._is_signed else ""
        self._is_signed = True
        if not isinstance(event.sequence, int) or not isinstance(event.hash, str):
            return ""  # the chain says what is wrong with it
        head = Head(event.sequence, event.hash)
        statement = Statement(StatementKind.ROW, head, str(event.at), event.signature)
        if self._public is not None and not self._public.has_signed(statement):
            return "this device did not sign it"
        return ""

    def _remember(self, event: Event) -> None:
        self.last = event
        if event.sequence in self.noted:
            self.hashes[event.sequence] = event.hash
        if event.kind == AuditKind.AUDIT_RETIRED:
            self.retired_through = max(self.retired_through, _number(event, "through"))
        if event.kind == AuditKind.AUDIT_TAIL_LOST and self.fault is None:
            why = f"rows after {event.sequence - 1} were lost: row {_number(event, 'sequence')} had been there"
            self.fault = Broken(event.sequence, why)


def verify_log(log: Path, *, public: PublicKey | None, expected: Head | None = None) -> ChainVerdict:
    """Check the log on this device: archives, chain, signatures, and the end that is kept apart.

    `public` is the device's public key, None for a log that nobody ever signed; `expected` an end kept elsewhere.
    Doors may go on writing meanwhile. Raises AuditError when a file cannot be read.
    """
    examination, kept = Examination(public), None
    with reading_audit(log) as reader:
        if public is not None:
            with head_kept_apart(head_file(log), public=public) as statement:
                head, kept = reader.head(), statement  # of one moment
            if kept is None and head != EMPTY:
                return Broken(head.sequence, "nothing that was kept apart says that the log ends here")
        ends = [end for end in (expected, None if kept is None else kept.head) if end is not None]
        verdict = _follow(all_events(log, reader), examination, ends)
        if isinstance(verdict, Intact) and public is not None and _is_unsigned(examination):
            return Broken(verdict.head.sequence, "it is not signed by this device")
    return verdict if isinstance(verdict, Broken) else _verify_archives(log, public) or verdict


def verify_export(file: Path, *, public: PublicKey, expected: Head | None = None) -> ChainVerdict:
    """Check an exported log or an archive with nothing but the device's public key. Raises AuditError."""
    examination, end = Examination(public), Ending()
    verdict = _follow(end.take(read_export(file)), examination, [] if expected is None else [expected])
    if isinstance(verdict, Broken):
        return verdict
    return end.objection(examination.last, public) or verdict


class Ending:
    """The statement that closes a file."""

    def __init__(self) -> None:
        self.statement: Statement | None = None
        self._is_over = False

    def take(self, items: Iterable[Event | Statement]) -> Iterator[Event]:
        """The events, keeping the statement. Raises AuditBrokenError when something follows the end."""
        for item in items:
            if self.statement is not None:
                raise AuditBrokenError("something follows the line that ends the file")
            if isinstance(item, Statement):
                self.statement = item
                continue
            yield item

    def objection(self, last: Event | None, public: PublicKey) -> Broken | None:
        """Why the file does not end with `last`; None when it does."""
        sequence = 0 if last is None else last.sequence
        if self.statement is None:
            return Broken(sequence + 1, "the line that ends the file is missing: its tail was cut off")
        is_end = self.statement.kind in {StatementKind.END, StatementKind.HEAD} and public.has_signed(self.statement)
        if not is_end:
            return Broken(sequence + 1, "this device did not sign the end of the file")
        if last is None or self.statement.head != Head(last.sequence, last.hash):
            return Broken(sequence + 1, f"the file should end with row {self.statement.head.sequence}")
        return None


def _follow(events: Iterable[Event], examination: Examination, ends: list[Head]) -> ChainVerdict:
    """Check chain and signatures, then that the log still holds what it is known to have held."""
    examination.noted = {end.sequence for end in ends}
    watched = examination.watch(events)
    first = next(watched, None)
    origin = EMPTY if first is None or first.sequence == 1 else Head(first.sequence - 1, first.previous)
    verdict = verify_chain(_again(first, watched), origin=origin)
    if isinstance(verdict, Broken):
        return verdict if examination.fault is None else min(verdict, examination.fault, key=lambda one: one.sequence)
    if examination.fault is not None:
        return examination.fault
    if origin.sequence > examination.retired_through:
        return Broken(1, f"rows 1 to {origin.sequence} are missing, and nothing says that they were retired")
    for end in ends:
        if end.sequence > verdict.head.sequence:
            why = f"the log ends here, but row {end.sequence} was there: its tail was cut off, or it was rolled back"
            return Broken(verdict.head.sequence + 1, why)
        if end.sequence > origin.sequence and examination.hashes.get(end.sequence) != end.hash:
            return Broken(end.sequence, "the log was rewritten: this is not the row whose hash was kept")
    return verdict


def _verify_archives(log: Path, public: PublicKey | None) -> Broken | None:
    """Whether each archive ends as it was closed. What is in them was checked with the chain."""
    if public is None:
        return None
    for file in archives(log):
        end, last = Ending(), None
        try:
            for event in end.take(read_export(file)):
                last = event
        except AuditBrokenError as error:
            return Broken(1, str(error))
        if broken := end.objection(last, public):
            return Broken(broken.sequence, f"{file.name}: {broken.why}")
    return None


def _is_unsigned(examination: Examination) -> bool:
    return examination.last is not None and examination.last.signature is None


def _again(first: Event | None, rest: Iterator[Event]) -> Iterator[Event]:
    if first is not None:
        yield first
        yield from rest


def _number(event: Event, name: str) -> int:
    try:
        value = json.loads(event.facts).get(name)
    except (AttributeError, TypeError, ValueError):
        return 0
    return value if isinstance(value, int) else 0
