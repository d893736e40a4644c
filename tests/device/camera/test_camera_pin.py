"""Which camera may be opened, from a device tree in a folder."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from device.camera.pin import identify, pin_lines, refuse_other_cameras
from device.config import CameraSettings, decode_settings
from device.errors import CameraRefusedError

PLACE = "platform/soc/usb1/1-1.2:1.0"


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """One USB webcam as video0, one loopback as video7."""
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


def camera(source: str, **keys: object) -> CameraSettings:
    return msgspec.structs.replace(CameraSettings(), source=source, **keys)


def test_the_installed_camera_is_told_by_its_place_driver_and_name(sysfs: Path) -> None:
    found = identify("0", sysfs=sysfs)
    assert found is not None
    assert (found.place, found.driver, found.name, found.is_virtual) == (PLACE, "uvcvideo", "HD Webcam", False)
    assert identify("/dev/video0", sysfs=sysfs) == found
    assert identify("3", sysfs=sysfs) is None


def test_the_pinned_camera_is_opened_and_its_lines_are_a_configuration(sysfs: Path) -> None:
    found = identify("0", sysfs=sysfs)
    assert found is not None
    settings = decode_settings(f'[camera]\nsource = "0"\n{pin_lines(found)}\n'.encode()).camera
    assert refuse_other_cameras(settings, sysfs=sysfs) == found


@pytest.mark.parametrize("key", ["pinned_place", "pinned_driver", "pinned_name"])
def test_another_camera_than_the_pinned_one_is_refused(sysfs: Path, key: str) -> None:
    with pytest.raises(CameraRefusedError, match=key):
        refuse_other_cameras(camera("0", **{key: "another"}), sysfs=sysfs)


def test_a_virtual_camera_is_refused_unless_its_name_is_allowed(sysfs: Path) -> None:
    with pytest.raises(CameraRefusedError, match="virtual"):
        refuse_other_cameras(camera("7"), sysfs=sysfs)
    assert refuse_other_cameras(camera("7", allow_virtual=("OBS Cam",)), sysfs=sysfs) is not None
    with pytest.raises(CameraRefusedError, match="virtual"):
        refuse_other_cameras(camera("7", allow_virtual=("Another",)), sysfs=sysfs)


def test_a_pinned_camera_that_is_missing_is_refused_and_another_missing_one_is_left_to_the_opening(sysfs: Path) -> None:
    with pytest.raises(CameraRefusedError, match="no such device"):
        refuse_other_cameras(camera("4", pinned_name="HD Webcam"), sysfs=sysfs)
    assert refuse_other_cameras(camera("4"), sysfs=sysfs) is None


@pytest.mark.parametrize("source", ["rtsp://host/stream", "walk-up.mp4"])
def test_streams_and_files_have_no_identity(sysfs: Path, source: str) -> None:
    assert refuse_other_cameras(camera(source), sysfs=sysfs) is None
