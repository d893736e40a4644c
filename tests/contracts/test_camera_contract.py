"""What every camera promises, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_frame, make_image
from fakes import FakeCamera

from device.camera.opencv import VideoFile
from device.clock import FakeClock
from device.measure.simulate.scenes import StagedCamera, Visit
from device.ports import Camera
from device.types import Frame, Image

COUNT, RATE_HZ = 12, 10.0


@dataclass(frozen=True)
class Studio:
    """A camera of `COUNT` frames and the clock that its times are read from."""

    camera: Camera
    clock: FakeClock


class Grey:
    def frame_at(self, t_s: float) -> Image:
        return make_image(level=round(10 * t_s) + 20, grain=0, size=(64, 48))


def fake(_: Path, clock: FakeClock) -> Camera:
    images = [make_image(size=(64, 48))] * COUNT
    start = clock.monotonic()
    return FakeCamera([make_frame(at=start + n / RATE_HZ, sequence=n, image=image) for n, image in enumerate(images)])


def staged(_: Path, clock: FakeClock) -> Camera:
    return StagedCamera((Visit("one", Grey(), 0.5), Visit("two", Grey(), 0.7)), rate_hz=RATE_HZ, clock=clock)


def video(folder: Path, clock: FakeClock) -> Camera:
    file = folder / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, (64, 48))
    for number in range(COUNT):
        writer.write(Grey().frame_at(number / RATE_HZ))
    writer.release()
    return VideoFile(file, clock, rate_hz=30.0)


@pytest.fixture(params=[fake, staged, video], ids=lambda build: build.__name__)
def studio(request: pytest.FixtureRequest, tmp_path: Path) -> Studio:
    build: Callable[[Path, FakeClock], Camera] = request.param
    clock = FakeClock()
    return Studio(build(tmp_path, clock), clock)


def test_frames_are_pictures_in_blue_green_red_and_counted_from_zero(studio: Studio) -> None:
    frames = list(studio.camera.frames())
    assert [frame.sequence for frame in frames] == list(range(COUNT))
    for frame in frames:
        assert isinstance(frame, Frame)
        assert frame.image.shape == (48, 64, 3)
        assert frame.image.dtype == np.uint8


def test_frames_are_stamped_in_their_order_at_the_cameras_pace(studio: Studio) -> None:
    times = [frame.captured_at for frame in studio.camera.frames()]
    assert np.diff(times) == pytest.approx(np.full(COUNT - 1, 1 / RATE_HZ))


def test_a_picture_is_not_changed_by_those_that_follow(studio: Studio) -> None:
    """Vision may still look at it while the camera takes the next."""
    frames = studio.camera.frames()
    first = next(frames)
    before = first.image.copy()
    for _ in frames:
        pass
    assert np.array_equal(first.image, before)


def test_a_closed_camera_gives_no_further_frame_and_closing_again_is_harmless(studio: Studio) -> None:
    seen = 0
    for _ in studio.camera.frames():
        seen += 1
        if seen == 3:
            studio.camera.close()
            studio.camera.close()
    assert seen == 3
