"""Which camera may be opened, from a device tree in a folder."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from camera_tree import PLACE, plant_cameras
from hypothesis import given
from hypothesis import strategies as st

from device.camera.pin import CameraIdentity, identify, known_cameras, pin_lines, refuse_other_cameras
from device.config import CameraSettings, decode_settings
from device.errors import CameraRefusedError


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    return plant_cameras(tmp_path)


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


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(NAMES, NAMES, NAMES)
def test_whatever_a_camera_calls_itself_is_pinned_as_text(place: str, driver: str, name: str) -> None:
    """A camera chooses its own name; it must not write other lines into the configuration."""
    lines = pin_lines(CameraIdentity("video0", place, driver, name), delivered="MJPG")
    pinned = decode_settings(f"[camera]\n{lines}\n".encode()).camera
    assert (pinned.pinned_place, pinned.pinned_driver, pinned.pinned_name) == (place, driver, name)
    assert pinned.pinned_format == "MJPG"


def test_a_format_that_is_not_known_is_not_pinned() -> None:
    assert "pinned_format" not in pin_lines(CameraIdentity("video0", "a", "b", "c"))


def test_every_camera_that_the_kernel_knows_is_found(sysfs: Path) -> None:
    assert [(one.node, one.is_virtual) for one in known_cameras(sysfs=sysfs)] == [("video0", False), ("video7", True)]
    assert known_cameras(sysfs=sysfs / "nowhere") == []


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
