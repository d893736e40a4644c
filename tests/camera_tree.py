"""A kernel's tree of cameras in a folder: one USB webcam as video0, one loopback as video7."""

from __future__ import annotations

from pathlib import Path

PLACE = "platform/soc/usb1/1-1.2:1.0"


def plant_cameras(tmp_path: Path) -> Path:
    """Make the tree below an empty folder; where it begins."""
    nodes = tmp_path / "class" / "video4linux"
    nodes.mkdir(parents=True)
    device = tmp_path / "devices" / PLACE
    (device / "video4linux" / "video0").mkdir(parents=True)
    drivers = tmp_path / "bus" / "uvcvideo"
    drivers.mkdir(parents=True)
    (device / "driver").symlink_to(drivers)
    real = device / "video4linux" / "video0"
    (real / "name").write_text("HD Webcam\n")
    (real / "device").symlink_to(device)
    (nodes / "video0").symlink_to(real)
    virtual = tmp_path / "devices" / "virtual" / "video4linux" / "video7"
    virtual.mkdir(parents=True)
    (virtual / "name").write_text("OBS Cam\n")
    (nodes / "video7").symlink_to(virtual)
    return tmp_path
