"""Rotation and retention: older events move into signed files of their own, and the chain goes through them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from device.audit.chain import Event, Head
from device.audit.export import ARCHIVE_FOLDER, archives, read_export, write_events
from device.audit.kinds import AuditKind
from device.audit.log import DELETE_TRIGGER, AuditLog, reading_audit
from device.audit.sign import Statement
from device.errors import AuditError
from device.secret_file import sync_folder

EVENTS_AT_ONCE = 10_000  # moving more would keep the door waiting for longer than a tenth of a second
KEPT_IN_LOG = 1_000  # however small the limit: `lintel audit show` should show something


def archive_if_large(log: AuditLog, *, max_bytes: int) -> int:
    """Move the oldest events into an archive when the log holds more than `max_bytes`; how many were moved.

    Call it now and then: one call moves at most EVENTS_AT_ONCE. Raises AuditError; then nothing is lost.
    """
    if log.used_bytes() <= max_bytes:
        return 0
    return archive_events(log, keep=KEPT_IN_LOG, at_most=EVENTS_AT_ONCE)


def archive_events(log: AuditLog, *, keep: int, at_most: int = EVENTS_AT_ONCE) -> int:
    """Move all but the newest `keep` events, but `at_most` of them, into one archive file; how many were moved.

    The file is complete and durable before a row leaves the log, so a kill leaves events twice rather than nowhere.
    Raises AuditError.
    """
    folder = log.path.with_name(ARCHIVE_FOLDER)
    with reading_audit(log.path) as reader:
        origin, head = reader.origin(), reader.head()
        through = min(head.sequence - keep, origin.sequence + at_most)
        if through <= origin.sequence:
            return 0
        file = folder / f"{origin.sequence + 1:012}-{through:012}.jsonl"
        last: list[Event] = []

        def sign_end(event: Event) -> Statement:
            last.append(event)
            return log.sign_end(event)

        _make_folder(folder)
        for leftover in archives(log.path):  # of an archiving that was killed before rows left the log
            if int(leftover.name.partition("-")[0]) > origin.sequence:
                leftover.unlink(missing_ok=True)
        write_events(reader.events(through=through), to=file, sign_end=sign_end)
    sync_folder(folder)
    new_origin = Head(last[0].sequence, last[0].hash)
    with log.archiving() as database:
        if database.execute("SELECT seq FROM origin").fetchone() != (origin.sequence,):
            return 0  # another process was quicker
        database.execute("DROP TRIGGER event_never_delete")
        database.execute("DELETE FROM event WHERE seq <= ?", (new_origin.sequence,))
        database.execute(DELETE_TRIGGER)
        database.execute("UPDATE origin SET seq = ?, hash = ?", (new_origin.sequence, new_origin.hash))
    log.append(AuditKind.AUDIT_ARCHIVED, {"file": file.name, "through": new_origin.sequence})
    return new_origin.sequence - origin.sequence


def retire_archives(log: AuditLog, *, before: datetime) -> int:
    """Delete archives whose newest event is older than `before`; how many. The fact stays in the log.

    Raises AuditError, and ValueError for a naive time.
    """
    if before.utcoffset() is None:
        raise ValueError("a retention limit needs a time zone")
    old: list[Path] = []
    through = 0
    for file in archives(log.path):
        newest = [item for item in read_export(file) if isinstance(item, Event)][-1]
        if datetime.fromisoformat(newest.at) >= before:
            break
        old.append(file)
        through = newest.sequence
    if not old:
        return 0
    log.append(AuditKind.AUDIT_RETIRED, {"through": through, "files": len(old)})
    for file in old:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise AuditError(f"{file}: the archive cannot be deleted: {error.strerror or error}") from error
    return len(old)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise AuditError(f"{folder}: archives cannot be kept: {error.strerror or error}") from error
