"""Visitors one after another, and real clips among them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device.clock import FakeClock
from device.errors import VideoUnreadableError
from device.measure.simulate.clip import Clip, fit_frame
from device.measure.simulate.lens import Lens
from device.measure.simulate.scenes import EmptyRoom, StagedCamera, Visit, with_gaps
from device.types import Image

SMALL = Lens(width_px=64, height_px=48)


class Plain:
    """A visitor of one colour that gets brighter by one level every tenth of a second."""

    def __init__(self, level: int) -> None:
        self._level = level

    def frame_at(self, t_s: float) -> Image:
        return np.full((48, 64, 3), self._level + round(t_s * 10), np.uint8)


def stage(rate_hz: float = 10.0) -> tuple[StagedCamera, FakeClock]:
    clock = FakeClock()
    visits = (Visit("anna", Plain(0), 1.0), Visit("bert", Plain(100), 0.5))
    return StagedCamera(visits, rate_hz=rate_hz, clock=clock), clock


def test_frames_come_at_the_cameras_rate_and_are_numbered_through() -> None:
    camera, _ = stage()
    frames = list(camera.frames())
    assert [frame.sequence for frame in frames] == list(range(15))
    steps = np.diff([frame.captured_at for frame in frames])
    assert steps == pytest.approx(np.full(14, 0.1))


def test_every_visitor_starts_at_its_own_time_zero() -> None:
    camera, _ = stage()
    levels = [int(frame.image[0, 0, 0]) for frame in camera.frames()]
    assert levels == [*range(10), *range(100, 105)]


def test_a_consumer_that_takes_its_time_gets_the_frame_at_the_time_it_is_delivered() -> None:
    camera, clock = stage()
    times = []
    for frame in camera.frames():
        times.append(frame.captured_at)
        clock.advance(0.25)
    assert np.diff(times) == pytest.approx(np.full(14, 0.25))


def test_it_is_known_who_is_before_the_camera() -> None:
    camera, _ = stage()
    names = [visit.name if (visit := camera.visit_at(t_s)) else None for t_s in (-0.1, 0.0, 0.99, 1.0, 1.49, 1.5)]
    assert names == [None, "anna", "anna", "bert", "bert", None]


def test_a_closed_camera_yields_no_further_frame() -> None:
    camera, _ = stage()
    seen = 0
    for _ in camera.frames():
        seen += 1
        if seen == 3:
            camera.close()
            camera.close()
    assert seen == 3


def test_gaps_are_empty_rooms_around_every_visit() -> None:
    room = EmptyRoom(lens=SMALL)
    play = with_gaps((Visit("anna", Plain(0), 1.0), Visit("bert", Plain(1), 1.0)), room=room, gap_s=0.5)
    assert [visit.name for visit in play] == ["empty room", "anna", "empty room", "bert", "empty room"]


def test_an_empty_room_is_still_but_for_noise() -> None:
    room = EmptyRoom(lens=SMALL, seed=2)
    first, later = room.frame_at(0.0).astype(int), room.frame_at(1.0).astype(int)
    assert not np.array_equal(first, later)
    assert np.abs(first - later).max() < 25


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan")])
def test_a_camera_without_a_rate_is_refused(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        StagedCamera((), rate_hz=rate_hz, clock=FakeClock())


def test_a_visit_that_takes_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="anna"):
        Visit("anna", Plain(0), 0.0)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten frames a second, 2 s, 128 x 48 pixels, 10 levels brighter per frame."""
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (128, 48))
    for number in range(20):
        writer.write(np.full((48, 128, 3), 10 + 10 * number, np.uint8))
    writer.release()
    return file


def test_a_clip_shows_the_frame_of_its_time_also_when_going_back(film: Path) -> None:
    clip = Clip(film, lens=SMALL)
    levels = [clip.frame_at(t_s).mean() for t_s in (0.0, 0.5, 0.5, 1.5, 0.2)]
    assert levels == pytest.approx([10, 60, 60, 160, 30], abs=2)


def test_a_stretch_of_a_clip_starts_where_it_was_told_to(film: Path) -> None:
    clip = Clip(film, start_s=1.0, lens=SMALL)
    assert clip.duration_s == pytest.approx(1.0)
    assert clip.frame_at(0.0).mean() == pytest.approx(110, abs=2)


def test_after_its_end_a_clip_holds_its_last_picture(film: Path) -> None:
    clip = Clip(film, lens=SMALL)
    clip.frame_at(1.9)
    assert clip.frame_at(30.0).mean() == pytest.approx(200, abs=2)


def test_a_file_that_is_no_video_is_one_clear_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    for file in (broken, tmp_path / "missing.mp4"):
        with pytest.raises(VideoUnreadableError, match=file.name):
            Clip(file)


def test_a_stretch_beyond_the_end_is_an_error(film: Path) -> None:
    with pytest.raises(VideoUnreadableError, match=r"film\.avi"):
        Clip(film, start_s=60.0)


def test_a_wide_frame_is_cropped_not_stretched() -> None:
    wide = np.zeros((90, 160, 3), np.uint8)
    cv2.circle(wide, (80, 45), 30, (255, 255, 255), -1)
    fitted = fit_frame(wide, Lens(width_px=120, height_px=90))
    bright = fitted[..., 0] > 128
    assert bright.any(axis=0).sum() == pytest.approx(bright.any(axis=1).sum(), abs=2)
