"""`lintel usb`: what happens when a stick is plugged in. The unit lintel-usb@.service has mounted it read-only."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

from device.config import Settings
from device.errors import BundleError, DeviceError

log = logging.getLogger(__name__)

SUFFIX = ".lintel-bundle"
NAMES_AT_MOST = 4096  # looked at in the root of a stick; whatever else it holds is not looked at
BUNDLES_AT_MOST = 16


@click.group()
def usb() -> None:
    """Apply the bundles of a mounted USB stick."""


@usb.command()
@click.argument("mountpoint", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def apply(ctx: click.Context, /, *, mountpoint: Path) -> None:
    """Apply every *.lintel-bundle in the root of MOUNTPOINT, in the order of their names.

    The first one that is refused gives the exit status, the lamp says whether all went well, the audit and the journal
    say why not. A stick that cannot be read at all, or holds too much, is refused like a bundle.
    """
    from device.journal import log_to_standard_error
    from firmware_bridge.client import DoorClient
    from firmware_bridge.types import Indication

    settings: Settings = ctx.obj
    log_to_standard_error()
    door = DoorClient(Path(settings.door.socket))
    try:
        statuses = apply_stick(mountpoint, settings)
    except DeviceError:
        door.indicate(Indication.DENIED)
        raise
    if not statuses:
        log.info("usb.nothing_found")
        return
    status = next(filter(None, statuses), 0)
    door.indicate(Indication.DENIED if status else Indication.GRANTED)
    ctx.exit(status)


def apply_stick(mountpoint: Path, settings: Settings) -> list[int]:
    """Apply every bundle in a folder; the exit status of each.

    Raises BundleError, on record, for a stick that cannot be used, and whatever keeps all bundles from being applied.
    """
    from enroll.bundle import door_gates
    from enroll.bundle_apply import apply_bundle
    from enroll.bundle_record import record_refusal
    from enroll.registry import open_registry

    try:
        files = find_bundles(mountpoint)
    except BundleError as error:
        with open_registry(settings) as registry:
            record_refusal(error, {"at": "stick"}, registry=registry)
        raise
    if not files:
        return []
    statuses = []
    with open_registry(settings) as registry:
        for file in files:
            try:
                apply_bundle(file, registry, door_gates(settings))
                statuses.append(0)
            except BundleError as error:
                statuses.append(error.exit_code)
    return statuses


def find_bundles(folder: Path) -> list[Path]:
    """Regular files of the right name in `folder` itself, by name. Links, folders and devices are passed by.

    Raises BundleError for a folder that cannot be read, holds too many names or too many bundles.
    """
    found, count = list[Path](), 0
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= NAMES_AT_MOST:
                    break
                if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
                    found.append(Path(entry.path))
    except OSError as error:
        raise BundleError(f"the stick cannot be read: {error.strerror or error}") from error
    if count >= NAMES_AT_MOST:
        raise BundleError(f"the stick has {NAMES_AT_MOST} or more names in its root")
    if len(found) > BUNDLES_AT_MOST:
        raise BundleError(f"the stick has more than {BUNDLES_AT_MOST} bundles in its root")
    return sorted(found)
