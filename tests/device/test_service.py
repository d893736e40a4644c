"""The running door on a real feed with its real thread; cameras, loop and door are fakes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from builders import ADA, THRESHOLD, make_frame, make_quality
from fakes import FakeAudit, FakeCamera, FakeDoor

from device.app import Appliance
from device.camera.feed import CameraFeed, CameraLost, CameraRestored
from device.config import CameraSettings
from device.errors import AuditError, CameraError, CollectionError, VideoUnreadableError
from device.loop import Decided
from device.ports import Camera
from device.service import Service
from device.stopwatch import Stopwatch
from device.types import Box, Frame, Grant, TrackId
from models.errors import InferenceError

SETTINGS = CameraSettings(reopen_after_s=0.001, reopen_after_at_most_s=0.001)
GONE = CameraError("the camera is gone")


def decided(track: int) -> Decided:
    return Decided(TrackId(track), Box(0, 0, 9, 9), Grant(ADA, 5.0), None, make_quality(), 1, 1000.0, 1000.3)


class FakeLoop:
    """Decides on every frame it sees, lets the camera take the next one, and decides once more at the end."""

    def __init__(self) -> None:
        self.seen: list[Frame] = []
        self.taken = threading.Semaphore(1)
        self.fault: Exception | None = None

    def observe(self, frame: Frame) -> list[Decided]:
        if self.fault is not None:
            raise self.fault
        self.seen.append(frame)
        self.taken.release()
        return [decided(frame.sequence)]

    def conclude(self) -> list[Decided]:
        return [decided(99)]


class Gallery:
    people, references, excluded_people = 3, 5, 1

    def __init__(self) -> None:
        self.fault: CollectionError | None = None

    def refresh(self) -> object:
        if self.fault is not None:
            raise self.fault
        return THRESHOLD


class Paced(FakeCamera):
    """Takes the next frame when the one before has been looked at, so that none is dropped."""

    def __init__(self, loop: FakeLoop, count: int, *, fault: CameraError | None = None) -> None:
        super().__init__([make_frame(sequence=number) for number in range(count)], fault=fault)
        self._taken = loop.taken

    def frames(self) -> Iterator[Frame]:
        for frame in self._frames:
            self._taken.acquire()
            yield frame
        self._taken.acquire()
        self._taken.release()
        if self._fault is not None:
            raise self._fault


class Hall:
    """A service on fakes; `cameras` are opened one after the other."""

    def __init__(self) -> None:
        self.loop, self.gallery, self.audit = FakeLoop(), Gallery(), FakeAudit()
        self.door = FakeDoor(self.audit)
        self.cameras: list[Camera | CameraError] = []
        self.told: list[tuple[object, Frame | None]] = []
        self.stop = threading.Event()
        self.on_news: Callable[[object], None] = lambda _: None

    def open_camera(self) -> Camera:
        camera = self.cameras.pop(0)
        if isinstance(camera, CameraError):
            raise camera
        return camera

    def film(self, count: int, *, fault: CameraError | None = None) -> Paced:
        camera = Paced(self.loop, count, fault=fault)
        self.cameras.append(camera)
        return camera

    def run(self) -> None:
        appliance = Appliance(
            cast("Any", self.loop),
            cast("Any", self.gallery),
            self.audit,
            cast("Any", SimpleNamespace(profile="fake")),
            Stopwatch(),
        )
        feed = CameraFeed(self.open_camera, SETTINGS)
        Service(appliance, feed, self.door, tell=self._tell).run(self.stop)

    def _tell(self, news: object, frame: Frame | None) -> None:
        self.told.append((news, frame))
        self.on_news(news)


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_run_is_recorded_from_its_start_to_its_end(hall: Hall) -> None:
    hall.film(2)
    hall.run()
    assert hall.audit.events == [
        (
            "appliance.started",
            {
                "profile": "fake",
                "model": "model-a",
                "threshold": 0.4,
                "fmr": 1e-4,
                "people": 3,
                "references": 5,
                "people_of_other_models": 1,
            },
        ),
        ("appliance.stopped", {"dropped_frames": 0}),
    ]
    assert hall.door.indications == ["ready"]


def test_every_frame_is_looked_at_and_every_decision_told_with_its_frame(hall: Hall) -> None:
    hall.film(3)
    hall.run()
    assert [frame.sequence for frame in hall.loop.seen] == [0, 1, 2]
    told = [(news.track, frame.sequence) for news, frame in hall.told if isinstance(news, Decided) and frame]
    assert told[:3] == [(0, 0), (1, 1), (2, 2)]


def test_at_the_end_those_who_are_still_there_are_decided_before_the_end_is_recorded(hall: Hall) -> None:
    hall.film(2)
    kinds: list[list[str]] = []
    hall.on_news = lambda _: kinds.append(hall.audit.kinds())
    hall.run()
    news, frame = hall.told[-1]
    assert isinstance(news, Decided)
    assert news.track == 99
    assert frame is hall.loop.seen[-1]
    assert kinds[-1] == ["appliance.started"]


def test_the_end_of_a_recording_lets_the_camera_go(hall: Hall) -> None:
    camera = hall.film(1)
    hall.run()
    assert camera.closes == 1


def test_being_told_to_stop_ends_the_run_in_good_order(hall: Hall) -> None:
    camera = hall.film(20)
    hall.on_news = lambda _: hall.stop.set()
    hall.loop.taken.release(20)
    hall.run()
    assert len(hall.loop.seen) == 1
    assert camera.closes == 1
    assert hall.audit.kinds() == ["appliance.started", "appliance.stopped"]


def test_a_camera_that_vanishes_is_recorded_indicated_and_told_and_so_is_its_return(hall: Hall) -> None:
    hall.film(1, fault=GONE)
    hall.film(1)
    hall.run()
    assert hall.audit.kinds() == ["appliance.started", "camera.lost", "camera.restored", "appliance.stopped"]
    assert hall.audit.events[1][1] == {"fault": str(GONE), "retry_in_s": 0.001}
    assert hall.door.indications == ["ready", "fault", "ready"]
    kinds = [type(news) for news, _ in hall.told]
    assert kinds == [Decided, CameraLost, CameraRestored, Decided, Decided]


def test_a_door_without_a_camera_starts_and_waits_for_one(hall: Hall) -> None:
    hall.cameras = [GONE, GONE]
    hall.film(1)
    hall.run()
    assert hall.audit.kinds().count("camera.lost") == 2
    assert len(hall.loop.seen) == 1


def test_a_recording_that_cannot_be_read_is_recorded_and_ends_the_run(hall: Hall) -> None:
    hall.cameras = [VideoUnreadableError("film.mp4: not a video")]
    with pytest.raises(VideoUnreadableError, match=r"film\.mp4"):
        hall.run()
    assert hall.audit.events[-1] == ("fault", {"at": "camera", "fault": "film.mp4: not a video", "door": "secured"})


def test_a_network_that_fails_is_recorded_and_ends_the_run_with_the_camera_let_go(hall: Hall) -> None:
    camera = hall.film(5)
    hall.loop.fault = InferenceError("the accelerator is gone")
    hall.loop.taken.release(9)
    with pytest.raises(InferenceError, match="accelerator"):
        hall.run()
    assert hall.audit.events[-1] == (
        "fault",
        {"at": "vision", "fault": "the accelerator is gone", "door": "secured"},
    )
    assert camera.closes == 1


def test_a_start_that_cannot_be_recorded_is_no_start(hall: Hall) -> None:
    hall.audit.capacity = 0
    hall.film(1)
    with pytest.raises(AuditError):
        hall.run()
    assert len(hall.cameras) == 1  # it was never opened
    assert hall.door.indications == []


def test_a_collection_that_cannot_be_used_is_no_start(hall: Hall) -> None:
    hall.gallery.fault = CollectionError("damaged")
    with pytest.raises(CollectionError):
        hall.run()
    assert hall.audit.events == []


def test_a_lost_camera_that_cannot_be_recorded_ends_the_run(hall: Hall) -> None:
    hall.audit.capacity = 1
    camera = hall.film(1, fault=GONE)
    hall.cameras += [GONE] * 100
    with pytest.raises(AuditError):
        hall.run()
    assert camera.closes == 1


def test_the_supervisor_hears_of_the_start_of_every_frame_and_of_the_end(hall: Hall, supervisor: socket.socket) -> None:
    hall.film(2)
    hall.run()
    assert [supervisor.recv(64) for _ in range(4)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_frame_that_was_not_looked_at_to_its_end_is_no_sign_of_life(hall: Hall, supervisor: socket.socket) -> None:
    hall.film(3)
    hall.loop.fault = InferenceError("the accelerator is gone")
    hall.loop.taken.release(9)
    with pytest.raises(InferenceError):
        hall.run()
    assert [supervisor.recv(64) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]
