"""The audit log as files: JSON Lines that anybody can verify, and CSV for spreadsheets.

JSON Lines have one event a line, with `seq`, `at`, `kind`, `facts`, `previous`, `hash` and `signature`, and end with
one line {"end": STATEMENT} in which the device states that this is the end. `device.audit.chain` and
`device.audit.sign` say what is hashed and what is signed; nothing else is needed but the device's public key.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO, TypeAlias

from device.audit.apart import head_kept_apart
from device.audit.chain import Event, Head, event_from_object
from device.audit.log import AuditReader, head_file, reading_audit
from device.audit.sign import PUBLIC_KEY_FILE, Statement, StatementKind, find_device_key, read_public_key
from device.errors import AuditBrokenError, AuditError

ARCHIVE_FOLDER = "audit-archive"
COLUMNS = ("seq", "at", "kind", "facts", "previous", "hash", "signature")
FORMULA_STARTS = frozenset("=+-@\t\r")  # a spreadsheet would execute a cell that begins so

SignEnd: TypeAlias = Callable[[Event], Statement | None]


def export_audit(log: Path, *, to: Path) -> int:
    """Write every event, archived ones first, to the file `to` as JSON Lines; how many there were.

    `to` appears whole or not at all. Raises AuditError when a file cannot be used.
    """
    with reading_audit(log) as reader:
        return write_events(all_events(log, reader), to=to, sign_end=_end_signer(log, reader))


def export_audit_csv(log: Path, *, to: Path) -> int:
    """The same as CSV (RFC 4180) with a heading, for reading: evidence is the other format."""
    with reading_audit(log) as reader:
        return _write_whole(to, lambda stream: _write_csv(all_events(log, reader), stream))


def archives(log: Path) -> list[Path]:
    """The archive files of a log, the oldest first."""
    return sorted(log.with_name(ARCHIVE_FOLDER).glob("*.jsonl"))


def all_events(log: Path, reader: AuditReader) -> Iterator[Event]:
    """Archived events, then those in the log. Raises AuditBrokenError at a line that cannot be read."""
    begins_after = reader.origin().sequence
    for file in archives(log):
        for item in read_export(file):
            if isinstance(item, Event) and item.sequence <= begins_after:  # a killed archiving may have left both
                yield item
    yield from reader.events()


def read_export(file: Path) -> Iterator[Event | Statement]:
    """The events in an exported log or archive, and the statement that ends it.

    Raises AuditBrokenError at a line that is not as it was written, AuditError for a file that cannot be read.
    """
    number = 0
    try:
        with file.open(encoding="ascii", newline="\n") as stream:
            for number, line in enumerate(stream, start=1):  # noqa: B007 (the error names it)
                yield _decode(line)
    except OSError as error:
        raise AuditError(f"{file}: the exported log cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise AuditBrokenError(f"{file}: line {number or 1} is not as it was written: {error}") from error


def write_events(events: Iterable[Event], *, to: Path, sign_end: SignEnd) -> int:
    """Write events and the end's statement; the file appears whole, and durable, or not at all. Raises AuditError."""
    return _write_whole(to, lambda stream: _write_lines(events, stream, sign_end))


def _write_lines(events: Iterable[Event], stream: TextIO, sign_end: SignEnd) -> int:
    count, last = 0, None
    for count, last in enumerate(events, start=1):  # noqa: B007 (both are the result)
        stream.write(last.as_json_line() + "\n")
    end = None if last is None else sign_end(last)
    if end is not None:
        stream.write(_end_line(end) + "\n")
    return count


def _write_csv(events: Iterable[Event], stream: TextIO) -> int:
    writer, count = csv.writer(stream), 0
    writer.writerow(COLUMNS)
    for count, event in enumerate(events, start=1):  # noqa: B007 (the count is the result)
        shown = event.as_object()
        cells = [event.facts if column == "facts" else str(shown[column] or "") for column in COLUMNS]
        writer.writerow(f"'{cell}" if cell[:1] in FORMULA_STARTS else cell for cell in cells)
    return count


def _write_whole(to: Path, write: Callable[[TextIO], int]) -> int:
    draft = to.with_name(f".{to.name}.new")
    try:
        try:
            with draft.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                count = write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(to)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise AuditError(f"{to}: the audit log cannot be exported: {error.strerror or error}") from error
    return count


def _end_signer(log: Path, reader: AuditReader) -> SignEnd:
    """Signs with the device's key where it is at hand; otherwise the head that is kept apart has to do."""
    key = find_device_key(log.parent)
    if key is not None:
        return lambda event: key.sign(StatementKind.END, Head(event.sequence, event.hash), at=event.at)
    public_key = log.with_name(PUBLIC_KEY_FILE)
    if not public_key.exists():
        return lambda _: None
    with head_kept_apart(head_file(log), public=read_public_key(public_key)) as kept:
        reader.head()  # what is exported is what the log was at this moment
    return lambda _: kept


def _decode(line: str) -> Event | Statement:
    value = json.loads(line)
    if isinstance(value, dict) and set(value) == {"end"}:
        end = Statement.from_object(value["end"])
        written = _end_line(end)
        item: Event | Statement = end
    else:
        event = event_from_object(value)
        written, item = event.as_json_line(), event
    if line != written + "\n":
        raise ValueError("it says the same in another way")
    return item


def _end_line(end: Statement) -> str:
    return json.dumps({"end": end.as_object()}, separators=(",", ":"))
