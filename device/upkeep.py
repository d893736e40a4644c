"""What the door does for its files while it runs: snapshots of the collection, archives of the audit."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

from device.audit.archive import archive_if_large, retire_archives
from device.audit.log import AuditLog
from device.clock import Clock
from device.collection.snapshot import snapshots, take_snapshot
from device.collection.store import Collection, open_collection
from device.config import Settings
from device.errors import DeviceError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0


class Upkeep:
    """Tends the files of one door. One thread at a time, with a connection of its own to the collection."""

    def __init__(self, collection: Collection, audit: AuditLog, clock: Clock, settings: Settings) -> None:
        self._collection = collection
        self._audit = audit
        self._clock = clock
        self._settings = settings.upkeep
        self._revision: int | None = None  # of the collection when it was last copied; None: not since the start
        self._copied_at = -float("inf")  # monotonic seconds

    def tend(self) -> None:
        """Do what is due. Raises CollectionError and AuditError; nothing is lost, and the next call tries again."""
        self._take_snapshot()
        archive_if_large(self._audit, max_bytes=self._settings.max_audit_mib * 2**20)
        if self._settings.max_archive_days:
            limit = self._clock.now() - timedelta(days=self._settings.max_archive_days)
            retire_archives(self._audit, before=limit)

    def _take_snapshot(self) -> None:
        revision, now = self._collection.revision(), self._clock.monotonic()
        is_first = self._revision is None and not snapshots(self._collection.path)
        if revision in {0, self._revision} or (
            now - self._copied_at < self._settings.snapshot_every_s and not is_first
        ):
            return
        sequence = self._audit.head().sequence  # before the copy: what happens meanwhile is held again once too often
        take_snapshot(
            self._collection, at=self._clock.now(), audit_sequence=sequence, kept=self._settings.max_snapshots
        )
        self._revision, self._copied_at = revision, now


@contextlib.contextmanager
def tending(settings: Settings, audit: AuditLog, clock: Clock) -> Iterator[None]:
    """Tend the files in a thread beside the loop. It never delays a decision by more than one chunk of an archive."""
    stop = threading.Event()
    thread = threading.Thread(target=tend_until, args=(stop, settings, audit, clock), name="upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def tend_until(stop: threading.Event, settings: Settings, audit: AuditLog, clock: Clock) -> None:
    """Tend the files now and then, until `stop` is set; what fails is logged and tried again."""
    with open_collection(settings.collection_file) as collection:
        upkeep = Upkeep(collection, audit, clock, settings)
        while not stop.wait(LOOK_EVERY_S):
            try:
                upkeep.tend()
            except DeviceError as error:
                log.error("upkeep.failed", extra={"fault": str(error)})  # noqa: TRY400 (a sentence)
