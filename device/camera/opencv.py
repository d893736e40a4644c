"""Cameras and recordings through OpenCV: V4L2, RTSP and video files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2

from device.camera.pin import refuse_other_cameras
from device.clock import Clock
from device.config import CameraSettings
from device.errors import CameraError, CameraRefusedError, VideoUnreadableError
from device.types import Frame

STREAM_TIMEOUT_MS = 5000  # a stream that says nothing for this long is lost
LOG_NOTHING = 0  # cv2.utils.logging.LOG_LEVEL_SILENT
_STREAM = re.compile(r"^(rtsp|rtsps|http|https)://")
_SECRET = re.compile(r"//[^/]*@")  # user:password@ in a stream's address


def open_camera(settings: CameraSettings, clock: Clock) -> LiveCamera | VideoFile:
    """Open what `source` names: a V4L2 number or device, a stream's address, or a video file.

    Raises CameraError when it cannot be opened, CameraRefusedError when it is not the camera that was installed or is
    virtual, and VideoUnreadableError for a file that is no video.
    """
    source = settings.source
    if source.isdecimal() or source.startswith("/dev/") or _STREAM.match(source):
        refuse_other_cameras(settings)
        camera = LiveCamera(settings, clock)
        if settings.pinned_format and camera.format != settings.pinned_format:
            camera.close()
            raise CameraRefusedError(
                f"{described(source)}: [camera] pinned_format is {settings.pinned_format}, it delivers {camera.format}"
            )
        return camera
    return VideoFile(Path(source), clock, rate_hz=settings.rate_hz)


def described(source: str) -> str:
    """A source as it may appear in messages and logs: without the password in its address."""
    return f"camera {source}" if source.isdecimal() else _SECRET.sub("//", source)


class LiveCamera:
    """A V4L2 camera or a network stream. Frames are stamped when they were grabbed, before they are decoded."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        silence_opencv()
        self._clock = clock
        self._name = described(settings.source)
        try:
            self._capture = _open_live(settings)
        except cv2.error as error:  # such as a number that no C integer holds
            raise CameraError(f"{self._name} cannot be opened") from error
        if not self._capture.isOpened():
            raise CameraError(f"{self._name} cannot be opened")

    @property
    def format(self) -> str:
        """The four-character code of what it delivers, such as MJPG; empty when OpenCV does not tell."""
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        return code.to_bytes(4, "little").decode("ascii", "replace") if 0 < code < 2**32 else ""

    def frames(self) -> Iterator[Frame]:
        """Frames as they are taken, without end. Raises CameraError when the camera vanishes."""
        sequence = 0
        while True:
            if not self._capture.grab():
                raise CameraError(f"{self._name} stopped delivering frames")
            captured_at = self._clock.monotonic()
            is_decoded, image = self._capture.retrieve()
            if not is_decoded or image is None:
                raise CameraError(f"{self._name} delivered a frame that cannot be decoded")
            yield Frame(image, captured_at, sequence)
            sequence += 1

    def close(self) -> None:
        """Let the device go; harmless when repeated."""
        self._capture.release()


class VideoFile:
    """A recording, played at `rate_hz` frames a second of the clock as if a camera took it now.

    Frames of a faster recording are left out, those of a slower one repeated never: it is played at its own rate.
    """

    def __init__(self, file: Path, clock: Clock, *, rate_hz: float) -> None:
        silence_opencv()
        if not file.is_file():
            raise VideoUnreadableError(f"{file}: no such video file")
        self._file = file
        self._clock = clock
        self._capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise VideoUnreadableError(f"{file}: not a video that can be decoded")
        own_rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self._own_rate_hz = own_rate_hz if 0 < own_rate_hz < 1000 else rate_hz
        self._rate_hz = min(rate_hz, self._own_rate_hz)

    def frames(self) -> Iterator[Frame]:
        """The frames of the recording at their times; ends with it. Raises VideoUnreadableError when it holds none."""
        started_at = self._clock.monotonic()
        position = due = sequence = 0
        while self._capture.grab():
            due_s = due / self._rate_hz
            if position / self._own_rate_hz >= due_s - 1e-6:
                is_decoded, image = self._capture.retrieve()
                if is_decoded and image is not None:
                    self._clock.sleep(max(0.0, started_at + due_s - self._clock.monotonic()))
                    yield Frame(image, self._clock.monotonic(), sequence)
                    sequence += 1
                due += 1
            position += 1
        if sequence == 0:
            raise VideoUnreadableError(f"{self._file}: no frame of it can be decoded")

    def close(self) -> None:
        """Let the file go; harmless when repeated."""
        self._capture.release()


def silence_opencv() -> None:
    """Keep OpenCV's own lines off the terminal: our errors say it in one sentence."""
    cv2.utils.logging.setLogLevel(LOG_NOTHING)


def _open_live(settings: CameraSettings) -> cv2.VideoCapture:
    source = settings.source
    if _STREAM.match(source):
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            STREAM_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            STREAM_TIMEOUT_MS,
        ]
        return cv2.VideoCapture(source, cv2.CAP_FFMPEG, timeouts)
    wanted = [
        cv2.CAP_PROP_FRAME_WIDTH,
        settings.width_px,
        cv2.CAP_PROP_FRAME_HEIGHT,
        settings.height_px,
        cv2.CAP_PROP_FPS,
        round(settings.rate_hz),
    ]
    device = int(source) if source.isdecimal() else source
    return cv2.VideoCapture(device, cv2.CAP_V4L2, wanted)
