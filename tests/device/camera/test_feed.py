"""A real thread, real waits of milliseconds, and no sleep: every step waits for the one before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from builders import make_frame
from fakes import FakeCamera

from device.camera.feed import CameraFeed, CameraLost, CameraRestored, FeedEnded, FeedItem
from device.config import CameraSettings
from device.errors import CameraError, VideoUnreadableError
from device.ports import Camera
from device.types import Frame

SOON_S = 10.0  # longer than anything here takes; a test that waits this long has failed
FIRST_WAIT_S, LONGEST_WAIT_S = 0.001, 0.004
SETTINGS = CameraSettings(reopen_after_s=FIRST_WAIT_S, reopen_after_at_most_s=LONGEST_WAIT_S)
GONE = CameraError("the camera is gone")


def frames(count: int) -> list[Frame]:
    return [make_frame(at=1000.0 + number, sequence=number) for number in range(count)]


class Steps(FakeCamera):
    """A camera whose every further frame is taken when a test says so."""

    def __init__(self, count: int) -> None:
        super().__init__(frames(count))
        self.go = threading.Semaphore(0)
        self.reached = [threading.Event() for _ in range(count + 1)]  # the frame before this one was handed in

    def frames(self) -> Iterator[Frame]:
        for number, frame in enumerate(self._frames):
            self.reached[number].set()
            self.go.acquire()
            yield frame
        self.reached[-1].set()
        self.go.acquire()


class Opened:
    """Opens one camera after the other; an error in its place is raised. Afterwards none can be opened any more."""

    def __init__(self, *cameras: Camera | CameraError) -> None:
        self._cameras = iter(cameras)
        self.times = 0

    def __call__(self) -> Camera:
        self.times += 1
        camera = next(self._cameras, GONE)
        if isinstance(camera, CameraError):
            raise camera
        return camera


@pytest.fixture
def start() -> Iterator[Callable[..., CameraFeed]]:
    """Starts feeds and makes sure that their threads are gone afterwards."""
    started: list[CameraFeed] = []

    def begin(*cameras: Camera | CameraError, settings: CameraSettings = SETTINGS) -> CameraFeed:
        feed = CameraFeed(Opened(*cameras), settings)
        started.append(feed)
        feed.start()
        return feed

    yield begin
    for feed in started:
        feed.close()
        assert not feed._thread.is_alive()


def take(feed: CameraFeed) -> FeedItem:
    item = feed.take(SOON_S)
    assert item is not None
    return item


def test_a_recording_is_handed_over_to_its_last_frame_and_then_ends(start: Callable[..., CameraFeed]) -> None:
    camera = Steps(3)
    feed = start(camera)
    for number in range(3):
        camera.go.release()
        item = take(feed)
        assert isinstance(item, Frame)
        assert item.sequence == number
    camera.go.release()
    assert take(feed) == FeedEnded()
    assert camera.closes == 1
    assert feed.dropped == 0


def test_the_end_comes_after_the_last_frame_also_for_a_slow_consumer(start: Callable[..., CameraFeed]) -> None:
    feed = start(FakeCamera(frames(4)))
    feed._thread.join(SOON_S)
    last = take(feed)
    assert isinstance(last, Frame)
    assert last.sequence == 3
    assert take(feed) == FeedEnded()


def test_the_newest_frame_wins_and_the_others_are_counted_as_dropped(start: Callable[..., CameraFeed]) -> None:
    camera = Steps(5)
    feed = start(camera)
    for _ in range(4):
        camera.go.release()
    camera.reached[4].wait(SOON_S)
    item = take(feed)
    assert isinstance(item, Frame)
    assert item.sequence == 3
    assert feed.dropped == 3
    assert feed.take(0.0) is None
    for _ in range(2):
        camera.go.release()


def test_nothing_happens_when_nothing_comes(start: Callable[..., CameraFeed]) -> None:
    camera = Steps(1)
    assert start(camera).take(0.0) is None
    for _ in range(2):
        camera.go.release()


def test_the_waits_before_opening_again_double_up_to_a_limit(start: Callable[..., CameraFeed]) -> None:
    feed = start()
    waits = []
    for _ in range(5):
        item = take(feed)
        assert isinstance(item, CameraLost)
        assert item.fault == str(GONE)
        waits.append(item.retry_in_s)
    assert waits == [0.001, 0.002, 0.004, 0.004, 0.004]


def test_a_camera_that_is_missing_at_the_start_is_found_when_it_comes(start: Callable[..., CameraFeed]) -> None:
    feed = start(GONE, GONE, FakeCamera(frames(1)))
    items = [take(feed) for _ in range(5)]
    assert [type(item) for item in items] == [CameraLost, CameraLost, CameraRestored, Frame, FeedEnded]


def test_a_camera_that_is_there_at_the_start_is_not_announced_as_restored(start: Callable[..., CameraFeed]) -> None:
    feed = start(FakeCamera(frames(1)))
    assert [type(take(feed)) for _ in range(2)] == [Frame, FeedEnded]


def test_a_camera_that_vanishes_is_closed_and_opened_again(start: Callable[..., CameraFeed]) -> None:
    first, second = FakeCamera(frames(1), fault=GONE), FakeCamera(frames(1))
    feed = start(first, second)
    seen: list[FeedItem] = []
    while not seen or seen[-1] != FeedEnded():
        seen.append(take(feed))
    kinds = [type(item) for item in seen]
    assert [kind for kind in kinds if kind is not Frame] == [CameraLost, CameraRestored, FeedEnded]
    assert kinds[-2] is Frame
    assert (first.closes, second.closes) == (1, 1)


def test_after_it_came_back_the_waits_start_anew(start: Callable[..., CameraFeed]) -> None:
    feed = start(GONE, GONE, GONE, FakeCamera(frames(1), fault=GONE))
    waits = []
    while len(waits) < 6:
        item = take(feed)
        if isinstance(item, CameraLost):
            waits.append(item.retry_in_s)
    assert waits == [0.001, 0.002, 0.004, 0.001, 0.002, 0.004]


def test_a_camera_that_opens_and_delivers_nothing_is_not_restored_and_waits_grow(
    start: Callable[..., CameraFeed],
) -> None:
    feed = start(FakeCamera(fault=GONE), FakeCamera(fault=GONE), FakeCamera(fault=GONE))
    items = [take(feed) for _ in range(3)]
    assert items == [CameraLost(str(GONE), wait_s) for wait_s in (0.001, 0.002, 0.004)]


def test_a_frame_from_before_the_fault_is_not_looked_at_after_it(start: Callable[..., CameraFeed]) -> None:
    """However long nobody had time to take it."""
    settings = CameraSettings(reopen_after_s=3600.0, reopen_after_at_most_s=3600.0)
    camera = FakeCamera(frames(2), fault=GONE)
    feed = start(camera, settings=settings)
    while not camera.closes:
        feed._thread.join(0.001)
    assert isinstance(take(feed), CameraLost)
    assert feed.take(0.0) is None


def test_a_recording_that_cannot_be_read_ends_with_its_fault_and_is_not_tried_again() -> None:
    fault = VideoUnreadableError("film.mp4: not a video")
    opened = Opened(fault)
    feed = CameraFeed(opened, SETTINGS)
    feed.start()
    assert take(feed) == FeedEnded(fault)
    feed._thread.join(SOON_S)
    assert opened.times == 1
    assert feed.take(0.0) is None


def test_closing_lets_the_camera_go(start: Callable[..., CameraFeed]) -> None:
    camera = Steps(9)
    feed = start(camera)
    camera.go.release()
    take(feed)
    closing = threading.Thread(target=feed.close)
    closing.start()
    feed._stopping.wait(SOON_S)
    camera.go.release()
    closing.join(SOON_S)
    assert camera.closes == 1
    assert feed.take(0.0) is not None  # the frame that was on its way
    assert feed.take(0.0) is None


def test_closing_does_not_wait_for_the_next_try(start: Callable[..., CameraFeed]) -> None:
    feed = start(settings=CameraSettings(reopen_after_s=3600.0, reopen_after_at_most_s=3600.0))
    take(feed)
    feed.close(timeout_s=SOON_S)
    assert not feed._thread.is_alive()


def test_closing_does_not_wait_for_ever_for_a_driver_that_hangs(start: Callable[..., CameraFeed]) -> None:
    camera = Steps(1)
    feed = start(camera)
    camera.reached[0].wait(SOON_S)
    feed.close(timeout_s=0.0)
    assert feed._thread.is_alive()
    assert feed._thread.daemon
    for _ in range(2):
        camera.go.release()


def test_closing_twice_or_before_the_start_is_harmless(start: Callable[..., CameraFeed]) -> None:
    CameraFeed(Opened(), SETTINGS).close()
    feed = start(FakeCamera(frames(1)))
    feed.close()
    feed.close()
