"""Opening the registry of this device: the collection and the audit log, together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from device.audit.log import AuditLog
from device.clock import SystemClock
from device.collection.store import Collection, open_collection, open_existing_collection
from device.config import Settings
from device.registry import Registry
from enroll.console import err

__all__ = ["Registry", "announce_key", "open_existing_registry", "open_registry", "reading_collection"]


@contextlib.contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """The registry of this device, with a new site key where this is the first use.

    Raises CollectionError and AuditError when a file cannot be used.
    """
    from device.collection.keys import KeyFolder

    clock, keys = SystemClock(), KeyFolder(settings.state_folder)
    is_first_use = keys.current() is None
    with open_collection(settings.collection_file) as collection, AuditLog(settings.audit_file, clock=clock) as audit:
        yield Registry(collection, audit, clock)
    if is_first_use and keys.file.exists():  # not beside the sentence of a failure
        announce_key(keys.file)


@contextlib.contextmanager
def open_existing_registry(settings: Settings) -> Iterator[Registry]:
    """The registry of a device on which somebody was enrolled. Raises CollectionMissingError where there is none."""
    clock = SystemClock()
    with (
        open_existing_collection(settings.collection_file) as collection,
        AuditLog(settings.audit_file, clock=clock) as audit,
    ):
        yield Registry(collection, audit, clock)


@contextlib.contextmanager
def reading_collection(settings: Settings) -> Iterator[Collection]:
    """The collection, for whoever only reads. Raises CollectionMissingError where there is none, and makes none."""
    with open_existing_collection(settings.collection_file) as collection:
        yield collection


def announce_key(file: Path) -> None:
    """Say once that there is a secret now, and what it is worth."""
    sentence = f"A new site key seals everyone enrolled here: {file}. Keep a copy of it where this device is not."
    err.print(sentence, markup=False, soft_wrap=True)
