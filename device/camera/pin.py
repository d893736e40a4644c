"""Which camera this is: its place on the bus, its driver, its name; and whether it is the one that was installed.

A virtual camera (v4l2loopback and its kin) shows whatever a program feeds it, so none is opened unless the
configuration allows it by name. What it stops: a stream that is injected through another video device. What it cannot:
somebody who controls the kernel, or who puts a converter into the camera's own cable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from device.config import CameraSettings
from device.errors import CameraRefusedError

SYSFS = Path("/sys")
VIRTUAL_DRIVERS = frozenset({"v4l2loopback", "v4l2 loopback", "akvcam", "vivid", "vimc", "vim2m", "vicodec", "visl"})


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """What the kernel says of a V4L2 device."""

    node: str  # such as video0; may change at every start
    place: str  # on the bus, below /sys/devices, such as platform/…/1-1.2:1.0; does not change while it stays plugged
    driver: str  # such as uvcvideo
    name: str  # such as "HD Pro Webcam C920"

    @property
    def is_virtual(self) -> bool:
        """No hardware behind it."""
        return self.place.startswith("virtual/") or self.driver in VIRTUAL_DRIVERS


def identify(source: str, *, sysfs: Path = SYSFS) -> CameraIdentity | None:
    """The camera that `source` (a number, or a path below /dev) names; None when the kernel knows no such device."""
    node = f"video{source}" if source.isdecimal() else Path(source).resolve().name
    folder = sysfs / "class" / "video4linux" / node
    if not folder.exists():
        return None
    device = folder / "device"
    place = (device if device.exists() else folder).resolve()
    try:
        name = (folder / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = ""
    root = (sysfs / "devices").resolve()
    driver = (device / "driver").resolve().name if (device / "driver").exists() else ""
    below = str(place.relative_to(root)) if place.is_relative_to(root) else str(place)
    return CameraIdentity(node, below, driver, name)


def refuse_other_cameras(settings: CameraSettings, *, sysfs: Path = SYSFS) -> CameraIdentity | None:
    """The identity of a V4L2 camera that may be opened; None for streams and files, which have none.

    Raises CameraRefusedError for a virtual camera that `allow_virtual` does not name, and for one that is not at the
    place, of the driver or of the name that were pinned.
    """
    if not (settings.source.isdecimal() or settings.source.startswith("/dev/")):
        return None
    found = identify(settings.source, sysfs=sysfs)
    if found is None:
        if settings.pinned_place or settings.pinned_driver or settings.pinned_name:
            raise CameraRefusedError(f"camera {settings.source} is pinned, and the kernel knows no such device")
        return None  # opening it will say that it is missing
    if found.is_virtual and found.name not in settings.allow_virtual:
        raise CameraRefusedError(
            f"camera {settings.source} is virtual ({found.driver or 'no driver'}, {found.name!r}); "
            "[camera] allow_virtual must name it"
        )
    for key, wanted, has in (
        ("pinned_place", settings.pinned_place, found.place),
        ("pinned_driver", settings.pinned_driver, found.driver),
        ("pinned_name", settings.pinned_name, found.name),
    ):
        if wanted and wanted != has:
            raise CameraRefusedError(
                f"camera {settings.source}: [camera] {key} is {wanted!r}, but this one has {has!r}"
            )
    return found


def known_cameras(*, sysfs: Path = SYSFS) -> list[CameraIdentity]:
    """Every V4L2 device that the kernel knows, by node."""
    folder = sysfs / "class" / "video4linux"
    nodes = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [found for node in nodes if (found := identify(f"/dev/{node}", sysfs=sysfs)) is not None]


def pin_lines(found: CameraIdentity, *, delivered: str = "") -> str:
    """The lines of the configuration that pin this camera, and the format it `delivered` unless that is empty.

    A camera chooses its own name, so it is written as TOML writes any text.
    """
    pinned = {"place": found.place, "driver": found.driver, "name": found.name, "format": delivered}
    return "\n".join(f"pinned_{key} = {_as_toml(text)}" for key, text in pinned.items() if text or key != "format")


def _as_toml(text: str) -> str:
    """A basic string: JSON writes the same, but for one control character that it leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
