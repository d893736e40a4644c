from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.camera.opencv import VideoFile, described, open_camera
from device.clock import FakeClock
from device.config import CameraSettings
from device.errors import CameraError, VideoUnreadableError
from device.types import Frame

Film = Callable[..., Path]

JPEG = b"\xff\xd8\xff"  # how every frame of a Motion JPEG film begins


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """A film of `seconds`, each frame five levels brighter than the one before."""

    def shoot(rate_hz: float = 10.0, seconds: float = 2.0) -> Path:
        file = tmp_path / "film.avi"
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (64, 48))
        for number in range(round(rate_hz * seconds)):
            writer.write(np.full((48, 64, 3), 10 + 5 * number, np.uint8))
        writer.release()
        return file

    return shoot


def play(file: Path, *, rate_hz: float, busy_s: float = 0.0) -> list[tuple[float, int, int]]:
    """Seconds since the start, sequence number and number of the film's frame, of each frame that came."""
    clock = FakeClock(monotonic_s=50.0)
    seen = []
    camera = VideoFile(file, clock, rate_hz=rate_hz)
    for frame in camera.frames():
        seen.append((round(frame.captured_at - 50.0, 6), frame.sequence, number_of(frame)))
        clock.advance(busy_s)
    camera.close()
    return seen


def number_of(frame: Frame) -> int:
    return round((float(frame.image.mean()) - 10) / 5)


def test_a_recording_is_played_at_its_own_times(film: Film) -> None:
    assert play(film(10.0), rate_hz=10.0) == [(pytest.approx(n / 10), n, n) for n in range(20)]


def test_frames_of_a_faster_recording_are_left_out_evenly(film: Film) -> None:
    assert play(film(20.0), rate_hz=10.0) == [(pytest.approx(n / 10), n, 2 * n) for n in range(20)]


def test_a_rate_that_does_not_divide_never_shows_a_frame_before_its_time(film: Film) -> None:
    seen = play(film(20.0), rate_hz=15.0)
    assert [sequence for _, sequence, _ in seen] == list(range(len(seen)))
    assert len(seen) == pytest.approx(30, abs=1)
    for at, _, number in seen:
        assert 0 <= number / 20 - at < 1 / 20 + 1e-6


def test_a_slower_recording_keeps_its_rate_and_repeats_nothing(film: Film) -> None:
    assert play(film(5.0), rate_hz=30.0) == [(pytest.approx(n / 5), n, n) for n in range(10)]


def test_a_busy_consumer_gets_frames_late_and_none_is_from_the_past(film: Film) -> None:
    """The time of a frame is when it is handed over, as if it was taken then."""
    seen = play(film(10.0), rate_hz=10.0, busy_s=0.25)
    assert [at for at, _, _ in seen] == pytest.approx([0.25 * n for n in range(20)])


def test_a_recording_that_breaks_off_is_played_as_far_as_it_goes(film: Film, tmp_path: Path) -> None:
    whole = bytearray(film(10.0).read_bytes())
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole[: find_all(whole, JPEG)[12]])
    numbers = [number for _, _, number in play(cut, rate_hz=10.0)]
    assert 8 < len(numbers) <= 12
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("content", [b"", b"not a video", b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(200)])
def test_a_file_that_is_no_video_is_one_sentence_that_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(content)
    with pytest.raises(VideoUnreadableError, match=r"film\.mp4: .*video"):
        open_camera(CameraSettings(source=str(file)), FakeClock())


@pytest.mark.parametrize("name", ["missing.mp4", "."])
def test_what_is_no_file_is_one_sentence_that_names_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(VideoUnreadableError, match="no such video file"):
        open_camera(CameraSettings(source=str(tmp_path / name)), FakeClock())


def test_a_video_without_a_frame_that_can_be_decoded_is_unreadable(film: Film, tmp_path: Path) -> None:
    """Its index promises frames, and the frames are noise."""
    whole = bytearray(film(10.0).read_bytes())
    for start in find_all(whole, JPEG):
        whole[start : start + 300] = bytes(300)
    file = tmp_path / "noise.avi"
    file.write_bytes(whole)
    with pytest.raises(VideoUnreadableError, match=r"noise\.avi"):
        play(file, rate_hz=10.0)


def find_all(content: bytearray, needle: bytes) -> list[int]:
    starts, at = [], content.find(needle)
    while at >= 0:
        starts.append(at)
        at = content.find(needle, at + 1)
    return starts


def test_closing_twice_is_harmless(film: Film) -> None:
    camera = VideoFile(film(), FakeClock(), rate_hz=10.0)
    camera.close()
    camera.close()


@pytest.mark.parametrize("source", ["97", "99999999999999", "/dev/video97"])
def test_a_camera_that_is_not_there_is_one_sentence_that_names_it(source: str) -> None:
    with pytest.raises(CameraError, match=f"{source} cannot be opened") as caught:
        open_camera(CameraSettings(source=source), FakeClock())
    assert not isinstance(caught.value, VideoUnreadableError)


def test_a_stream_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(CameraError, match=r"rtsp://127\.0\.0\.1:1/door cannot be opened") as caught:
        open_camera(CameraSettings(source="rtsp://admin:s3cret@127.0.0.1:1/door"), FakeClock())
    assert "s3cret" not in str(caught.value)


secrets = st.text(st.characters(exclude_characters="/", min_codepoint=33, max_codepoint=126), min_size=3, max_size=12)


@given(st.sampled_from(["rtsp", "rtsps", "http", "https"]), secrets, secrets)
def test_no_password_of_a_stream_is_ever_told(scheme: str, user: str, password: str) -> None:
    told = described(f"{scheme}://{user}:{password}@host.example/stream")
    assert told == f"{scheme}://host.example/stream"


def test_a_camera_is_told_by_its_number() -> None:
    assert described("0") == "camera 0"
    assert described("/dev/video2") == "/dev/video2"
