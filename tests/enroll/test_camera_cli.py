"""`lintel camera pin`: the lines that let a door open its own camera and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from camera_tree import PLACE, plant_cameras
from command_line import Lintel

from device.camera.pin import pin_lines, refuse_other_cameras
from device.config import CameraSettings, decode_settings
from device.errors import CameraError, CameraRefusedError
from enroll.camera import camera_to_pin, format_of


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    return plant_cameras(tmp_path)


def test_the_lines_of_a_camera_open_it_and_no_other(sysfs: Path) -> None:
    found = camera_to_pin(CameraSettings(source="0"), sysfs=sysfs)
    assert found.place == PLACE
    lines = pin_lines(found, delivered=format_of(CameraSettings(), lambda _: "MJPG"))
    pinned = decode_settings(f"[camera]\n{lines}\n".encode()).camera
    assert refuse_other_cameras(pinned, sysfs=sysfs) == found
    assert pinned.pinned_format == "MJPG"


def test_a_virtual_camera_is_not_pinned_even_where_it_may_be_opened(sysfs: Path) -> None:
    with pytest.raises(CameraRefusedError, match="virtual"):
        camera_to_pin(CameraSettings(source="/dev/video7", allow_virtual=("OBS Cam",)), sysfs=sysfs)


def test_where_there_is_no_such_camera_those_that_are_there_are_named(sysfs: Path) -> None:
    with pytest.raises(CameraError, match=r"no such camera; it knows video0 \(HD Webcam\), video7 \(OBS Cam\)"):
        camera_to_pin(CameraSettings(source="3"), sysfs=sysfs)
    with pytest.raises(CameraError, match="it knows none"):
        camera_to_pin(CameraSettings(source="3"), sysfs=sysfs / "nowhere")


@pytest.mark.parametrize("source", ["rtsp://host/stream", "walk-up.mp4"])
def test_a_stream_or_a_file_cannot_be_pinned(sysfs: Path, source: str) -> None:
    with pytest.raises(CameraError, match="no place on a bus"):
        camera_to_pin(CameraSettings(source=source), sysfs=sysfs)


def test_a_camera_in_use_is_pinned_without_its_format(capsys: pytest.CaptureFixture[str]) -> None:
    def busy(_: CameraSettings) -> str:
        raise CameraError("camera 0 cannot be opened")

    assert format_of(CameraSettings(), busy) == ""
    assert "its format is not pinned" in capsys.readouterr().err


def test_a_camera_that_is_not_there_is_one_sentence(lintel: Lintel) -> None:
    said = lintel("camera", "pin", "--camera", "977")
    assert (said.exit_code, said.out) == (20, "")
    assert "camera 977: the kernel knows no such camera" in said.sentence()
