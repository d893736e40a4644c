"""`lintel camera`: which camera this door has, and the lines that let it open no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from device.camera.pin import SYSFS, CameraIdentity, identify, known_cameras, pin_lines
from device.config import CameraSettings, Settings
from device.errors import CameraError, CameraRefusedError
from enroll.console import complain, out, print_json

HEADER = "# for the section [camera] of /etc/lintel/lintel.toml"


@click.group()
def camera() -> None:
    """Show which camera this door has, and pin it."""


@camera.command()
@click.option("--camera", "number", type=click.IntRange(min=0), help="A V4L2 camera by its number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_obj
def pin(settings: Settings, /, number: int | None, *, as_json: bool) -> None:
    """Print the lines of the configuration that let the door open this camera and no other.

    They name its place on the bus, its driver, its name and the format that it delivers. Without --camera, the camera
    of the configuration. Stop the appliance first: a camera that is in use does not tell its format.
    """
    source = settings.camera.source if number is None else str(number)
    wanted = msgspec.structs.replace(settings.camera, source=source)
    found = camera_to_pin(wanted)
    delivered = format_of(wanted, _delivered_format)
    if as_json:
        pinned = {"place": found.place, "driver": found.driver, "name": found.name, "format": delivered}
        print_json({f"pinned_{key}": text for key, text in pinned.items()})
        return
    out.print(HEADER, markup=False, soft_wrap=True)
    out.print(pin_lines(found, delivered=delivered), markup=False, soft_wrap=True)


def camera_to_pin(wanted: CameraSettings, *, sysfs: Path = SYSFS) -> CameraIdentity:
    """The camera that `wanted` names.

    Raises CameraError when it is a stream or a file, or when the kernel knows no such camera, and CameraRefusedError
    for a virtual one: it shows whatever a program feeds it, so that pinning it would say nothing.
    """
    source = wanted.source
    if not (source.isdecimal() or source.startswith("/dev/")):
        raise CameraError("only a camera at this device can be pinned: a stream or a file has no place on a bus")
    found = identify(source, sysfs=sysfs)
    if found is None:
        names = ", ".join(f"{one.node} ({one.name})" for one in known_cameras(sysfs=sysfs)) or "none"
        raise CameraError(f"camera {source}: the kernel knows no such camera; it knows {names}")
    if found.is_virtual:
        raise CameraRefusedError(
            f"camera {source} is virtual ({found.name!r}) and cannot be pinned: any program feeds it"
        )
    return found


def format_of(wanted: CameraSettings, ask: Callable[[CameraSettings], str]) -> str:
    """What format the camera says that it delivers; empty, and said so, when it cannot be opened now."""
    try:
        return ask(wanted)
    except CameraError as error:
        complain(f"{error}, so its format is not pinned; is the appliance running?")
        return ""


def _delivered_format(wanted: CameraSettings) -> str:
    from device.camera.opencv import LiveCamera
    from device.clock import SystemClock

    live = LiveCamera(wanted, SystemClock())
    try:
        return live.format
    finally:
        live.close()
