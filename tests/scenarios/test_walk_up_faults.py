"""Somebody who is enrolled walks up, and something is broken: the door stays secured and says why."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from walkway import RATE_HZ, Play, Walkway, open_walkway, outcomes

from device.app import Appliance
from device.audit.kinds import AuditKind
from device.camera.feed import CameraFeed
from device.clock import FakeClock
from device.config import CameraSettings
from device.errors import AuditError, CameraError
from device.loop import Decided
from device.measure.simulate.scenes import Visitor
from device.ports import Audit, Camera
from device.service import Service
from device.types import Deny, DenyReason, Frame

FULL_PAGES = 16  # of 4096 bytes; an empty log takes about half
FRAMES_AT_MOST = 90
SEEN_BEFORE = 3  # frames before the camera vanishes: too few for a decision


@pytest.fixture
def play(request: pytest.FixtureRequest) -> Play:
    """The play with real people where there is a recording of them, because it is quicker; else the puppets."""
    try:
        return cast("Play", request.getfixturevalue("recordings"))
    except pytest.skip.Exception:
        return cast("Play", request.getfixturevalue("puppets"))


def test_no_grant_without_audit(play: Play, tmp_path: Path) -> None:
    """The disk is full: what cannot be recorded does not happen."""
    with open_walkway(play.settings(tmp_path), audit_pages=FULL_PAGES) as walkway:
        person = walkway.enrol("Ada", play.still)
        fill(walkway.appliance.audit)
        before = len(walkway.recorded())
        (decided,) = walkway.play(play.person, 5.0)
        assert decided.decision == Deny(DenyReason.AUDIT_UNAVAILABLE)
        assert decided.person == person
        assert decided.audit_sequence is None
        assert walkway.door.releases == []
        assert len(walkway.recorded()) == before > 0


def fill(audit: Audit) -> None:
    """Append until the disk is full."""
    for number in itertools.count():
        try:
            audit.append(AuditKind.FAULT, {"filler": "x" * 400, "number": number})
        except AuditError:
            return


def test_a_stale_frame_is_denied(play: Play, walkway: Walkway) -> None:
    walkway.enrol("Ada", play.still)
    decided = walkway.play(play.person, 5.0, lag_s=walkway.settings.policy.freshness_s + 0.1)
    assert outcomes(decided) == ["stale_frame"]
    assert walkway.door.releases == []


def test_a_faulty_clock_denies(play: Play, tmp_path: Path) -> None:
    """A flat battery: the device believes that it is 1970."""
    with open_walkway(play.settings(tmp_path), clock=FakeClock(at=datetime(1970, 1, 1, tzinfo=UTC))) as walkway:
        walkway.enrol("Ada", play.still)
        assert outcomes(walkway.play(play.person, 5.0)) == ["clock_untrusted"]
        assert walkway.door.releases == []


def test_a_collection_that_is_damaged_while_the_door_runs_denies(play: Play, walkway: Walkway) -> None:
    """Somebody pulls the card: what cannot be searched lets nobody in."""
    walkway.enrol("Ada", play.still)
    file = walkway.settings.collection_file
    with file.open("r+b") as database:
        database.write(bytes(file.stat().st_size))
    file.with_name(file.name + "-wal").write_bytes(b"")
    decided = walkway.play(play.person, 5.0)
    assert outcomes(decided) == ["fault"]
    assert walkway.door.releases == []


class Blinking:
    """A camera that vanishes after a few frames of the visitor, cannot be opened once, and then goes on.

    It takes a frame when the one before has been looked at, so that nothing depends on which thread is quicker.
    """

    def __init__(self, visitor: Visitor, clock: FakeClock) -> None:
        self._visitor, self._clock = visitor, clock
        self._openings, self._numbers = itertools.count(1), iter(range(FRAMES_AT_MOST))
        self.looked_at = threading.Semaphore(1)

    def open(self) -> Camera:
        if next(self._openings) == 2:
            raise CameraError("camera 0 cannot be opened")
        return self

    def frames(self) -> Iterator[Frame]:
        for number in self._numbers:
            self.looked_at.acquire()
            if number == SEEN_BEFORE:
                self.looked_at.release()
                raise CameraError("camera 0 stopped delivering frames")
            self._clock.advance(1 / RATE_HZ)
            yield Frame(self._visitor.frame_at(number / RATE_HZ), self._clock.monotonic(), number)

    def close(self) -> None:
        """It gives way by itself."""


class Watched:
    """The real loop, and word to the camera when it is done with a frame."""

    def __init__(self, loop: Any, camera: Blinking) -> None:
        self._loop, self._camera = loop, camera

    def observe(self, frame: Frame) -> list[Decided]:
        decided: list[Decided] = self._loop.observe(frame)
        self._camera.looked_at.release()
        return decided

    def conclude(self) -> list[Decided]:
        return cast("list[Decided]", self._loop.conclude())


def test_a_camera_that_vanishes_is_reopened_and_recorded_while_the_door_stays_secured(
    play: Play, walkway: Walkway
) -> None:
    """And whoever stands there then, be it the same person, has to earn everything again."""
    person = walkway.enrol("Ada", play.still)
    camera = Blinking(play.person, walkway.clock)
    lost: list[int] = []
    told_at: list[float] = []
    stop = threading.Event()
    granted: list[Decided] = []

    def tell(news: object, _: Frame | None) -> None:
        if isinstance(news, Decided):
            granted.append(news)
            stop.set()
            camera.looked_at.release(1000)
        else:
            lost.append(len(walkway.door.releases))
            told_at.append(walkway.clock.monotonic())
            walkway.clock.advance(1.0)  # the waits between the tries, which really take milliseconds

    loop = cast("Any", Watched(walkway.appliance.loop, camera))
    settings = CameraSettings(reopen_after_s=0.001, reopen_after_at_most_s=0.002)
    appliance: Appliance = replace(walkway.appliance, loop=loop)
    Service(appliance, CameraFeed(camera.open, settings), walkway.door, tell=tell).run(stop)

    kinds = [kind for kind, _ in walkway.recorded()]
    assert kinds[:4] == ["appliance.started", "camera.lost", "camera.lost", "camera.restored"]
    assert kinds[4] == "decision.granted"
    assert kinds[-1] == "appliance.stopped"
    assert lost == [0, 0, 0]  # nothing was released until it was back
    assert granted[0].person == person
    assert granted[0].evidence is not None
    assert granted[0].evidence.frames >= walkway.settings.recognition.min_frames
    assert granted[0].first_usable_at > told_at[1]  # nothing from before the second loss counts
    assert walkway.door.indications[:4] == ["ready", "fault", "fault", "ready"]
