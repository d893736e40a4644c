"""The camera's newest frames for a measurement: no patience for a camera that vanishes, somebody stands there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from device.camera.feed import CameraFeed, CameraLost, CameraRestored, FeedEnded
from device.camera.opencv import described, open_camera
from device.clock import Clock
from device.config import CameraSettings
from device.errors import CameraError
from device.ports import Camera
from device.types import Frame

SILENT_S = 10.0  # a camera that delivers nothing for so long is broken


@contextmanager
def camera_frames(settings: CameraSettings, clock: Clock) -> Iterator[Iterator[Frame]]:
    """The newest frame each time one is asked for, until a recording ends.

    Raises CameraError, CameraRefusedError and VideoUnreadableError, here and from the iterator.
    """
    opened: list[Camera] = [open_camera(settings, clock)]  # what cannot be opened is said in its own words
    feed = CameraFeed(lambda: opened.pop() if opened else open_camera(settings, clock), settings)
    feed.start()
    with closing(feed):
        yield _frames(feed, described(settings.source))


def _frames(feed: CameraFeed, name: str) -> Iterator[Frame]:
    while True:
        match feed.take(SILENT_S):
            case Frame() as frame:
                yield frame
            case CameraLost(fault=fault):
                raise CameraError(fault)
            case FeedEnded(fault=fault):
                if fault is not None:
                    raise fault
                return
            case CameraRestored():
                continue
            case None:
                raise CameraError(f"{name} delivers no frames")
