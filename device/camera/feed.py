"""The feed: a camera in a thread of its own, one slot for its newest frame, and patience when it vanishes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from device.config import CameraSettings
from device.errors import CameraError, VideoUnreadableError
from device.ports import Camera
from device.types import Frame


@dataclass(frozen=True, slots=True)
class CameraLost:
    """The camera vanished or cannot be opened; it is tried again."""

    fault: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class CameraRestored:
    """The camera delivers frames again."""


@dataclass(frozen=True, slots=True)
class FeedEnded:
    """A recording came to its end, or cannot be read at all."""

    fault: VideoUnreadableError | None = None


FeedItem: TypeAlias = Frame | CameraLost | CameraRestored | FeedEnded


class CameraFeed:
    """Keeps a camera open and hands over its newest frame; frames that nobody took in time are dropped.

    `open_camera` is called again after every failure, with waits that double from `reopen_after_s` up to
    `reopen_after_at_most_s`. A camera that is missing at the start is lost like any other: the door starts without it.
    A recording ends, and one that cannot be read ends at once: no patience mends a file.
    """

    def __init__(self, open_camera: Callable[[], Camera], settings: CameraSettings) -> None:
        self._open_camera = open_camera
        self._settings = settings
        self._changed = threading.Condition()
        self._news: deque[CameraLost | CameraRestored | FeedEnded] = deque()  # few and never dropped
        self._newest: Frame | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="camera", daemon=True)  # a driver may block for ever
        self._is_started = self._has_ended = False
        self.dropped = 0  # frames that a newer one replaced before anybody took them

    def start(self) -> None:
        """Open the camera in the background."""
        self._thread.start()
        self._is_started = True

    def take(self, timeout_s: float) -> FeedItem | None:
        """What happened next: news of the camera first, else its newest frame; None when `timeout_s` passed.

        The end of a recording comes after its last frame. Raises CameraError when the camera's thread ended without a
        word, which only a bug in a driver's binding can bring about: the service must not wait for ever.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._newest is not None, timeout_s)
            if self._news and not (isinstance(self._news[0], FeedEnded) and self._newest is not None):
                return self._news.popleft()
            frame, self._newest = self._newest, None
            if frame is None and self._has_died:
                raise CameraError("the camera's thread ended unexpectedly; the log says why")
            return frame

    @property
    def _has_died(self) -> bool:
        is_expected = self._has_ended or self._stopping.is_set() or not self._is_started
        return not is_expected and not self._thread.is_alive()

    def anew(self) -> CameraFeed:
        """Another feed of the same camera, not yet started, for when this one was closed."""
        return CameraFeed(self._open_camera, self._settings)

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop, and wait up to `timeout_s` for the camera to be let go."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        wait_s = self._settings.reopen_after_s
        was_lost = False
        while not self._stopping.is_set():
            try:
                camera = self._open_camera()
                try:
                    for frame in camera.frames():
                        if was_lost:
                            self._tell(CameraRestored())
                            was_lost, wait_s = False, self._settings.reopen_after_s
                        self._offer(frame)
                        if self._stopping.is_set():
                            return
                    self._tell(FeedEnded())
                    return
                finally:
                    camera.close()
            except VideoUnreadableError as error:
                self._tell(FeedEnded(error))
                return
            except CameraError as error:
                was_lost = True
                self._tell(CameraLost(str(error), wait_s))
            self._stopping.wait(wait_s)
            wait_s = min(2 * wait_s, self._settings.reopen_after_at_most_s)

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            self.dropped += self._newest is not None
            self._newest = frame
            self._changed.notify()

    def _tell(self, news: CameraLost | CameraRestored | FeedEnded) -> None:
        with self._changed:
            if isinstance(news, CameraLost):
                self._newest = None  # what was taken before the fault is not looked at after it
            self._has_ended = self._has_ended or isinstance(news, FeedEnded)
            self._news.append(news)
            self._changed.notify()
