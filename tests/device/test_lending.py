"""The running door lends its camera: real sockets and threads, a fake camera and a clock that tests move."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from builders import THRESHOLD, make_frame
from fakes import FakeAudit, FakeDoor

from device.app import Appliance
from device.audit.log import AuditLog
from device.camera.feed import CameraFeed
from device.clock import FakeClock
from device.config import CameraSettings, Settings, SiteSettings
from device.control import ControlServer, Role, ask, is_answering
from device.errors import ControlError
from device.lending import LEASE_S, SHOWN, CameraLease
from device.policy.lockout import Lockout, LockoutSettings
from device.service import Service
from device.stopwatch import Stopwatch
from device.types import Frame
from device.verbs import build_verbs
from enroll.borrowed import borrowing
from firmware_bridge.types import OWN_INDICATIONS, Indication

PATIENCE_S = 20.0


class Camera:
    """Films without end, as fast as somebody looks, until it is closed."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self.is_open = True
        hall.cameras.append(self)
        hall.opened.release()

    def frames(self) -> Iterator[Frame]:
        while self.is_open:
            self._hall.pace.wait(0.005)
            yield make_frame()

    def close(self) -> None:
        self.is_open = False


class Hall:
    """A service with a control socket; it runs in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.lock = FakeClock(), threading.Lock()
        self.cameras: list[Camera] = []
        self.opened, self.pace, self.stop = threading.Semaphore(0), threading.Event(), threading.Event()
        self.seen = self.concluded = 0
        self.door, self.lease = FakeDoor(), CameraLease(self.clock)
        self.settings = Settings(site=SiteSettings(state_folder=str(folder / "state")))
        self.audit = AuditLog(self.settings.audit_file, clock=self.clock)
        verbs = build_verbs(self.settings, self.audit, Lockout(LockoutSettings()), self.lease)
        self.verbs, self.socket = verbs, folder / "control.sock"
        self.server = ControlServer(self.socket, verbs, self.audit)
        gallery = SimpleNamespace(refresh=lambda: THRESHOLD, people=0, references=0, excluded_people=0)
        appliance = Appliance(
            cast("Any", self),
            cast("Any", gallery),
            FakeAudit(),
            cast("Any", SimpleNamespace(profile="fake")),
            Stopwatch(),
        )
        feed = CameraFeed(lambda: Camera(self), CameraSettings())
        service = Service(appliance, feed, self.door, tell=lambda *_: None, lease=self.lease)
        self.thread = threading.Thread(target=service.run, args=(self.stop,))
        self.thread.start()
        assert self.opened.acquire(timeout=PATIENCE_S)

    def observe(self, _: Frame) -> list[Any]:
        self.seen += 1
        return []

    def conclude(self) -> list[Any]:
        self.concluded += 1
        return []

    def close(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE_S)
        self.server.close()
        self.audit.close()


@pytest.fixture
def hall() -> Iterator[Hall]:
    folder = Path(tempfile.mkdtemp(prefix="lintel-lend-"))  # short: a socket's path has 108 bytes at most
    made = Hall(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def test_a_borrower_has_the_camera_alone_until_it_is_given_back(hall: Hall) -> None:
    assert is_answering(hall.socket)
    with borrowing(hall.socket) as loan:
        assert not hall.cameras[0].is_open
        assert hall.concluded == 1
        seen = hall.seen
        loan.show("look_left")
        with pytest.raises(ControlError, match="lent to somebody else"):
            ask(hall.socket, "camera.lend")
        assert hall.seen == seen
        assert len(hall.cameras) == 1
    assert hall.opened.acquire(timeout=PATIENCE_S)
    assert hall.cameras[1].is_open
    shown = list(hall.door.indications)
    assert shown[:2] == ["ready", "enrolling"]
    assert "look_left" in shown


def test_the_camera_of_a_borrower_who_died_comes_back(hall: Hall) -> None:
    token = ask(hall.socket, "camera.lend")["token"]
    hall.clock.advance(LEASE_S - 0.5)
    ask(hall.socket, "camera.keep", token=token)
    hall.clock.advance(LEASE_S - 0.5)
    assert hall.lease.is_lent
    assert len(hall.cameras) == 1
    hall.clock.advance(1.0)
    assert hall.opened.acquire(timeout=PATIENCE_S)
    with pytest.raises(ControlError, match="not any more"):
        ask(hall.socket, "camera.keep", token=token)


def test_nobody_renews_or_ends_the_lease_of_somebody_else(hall: Hall) -> None:
    with borrowing(hall.socket):
        for verb in ("camera.keep", "camera.return"):
            for token in (None, "", "0" * 32, 3):
                with pytest.raises(ControlError, match="not lent by this token"):
                    ask(hall.socket, verb, token=token)
        assert hall.lease.is_lent


def test_a_borrower_cannot_have_the_lamps_say_that_somebody_may_come_in(hall: Hall) -> None:
    assert "granted" not in SHOWN
    assert all(Indication(word) not in OWN_INDICATIONS for word in SHOWN)
    token = ask(hall.socket, "camera.lend")["token"]
    with pytest.raises(ControlError, match="show is one of"):
        ask(hall.socket, "camera.keep", token=token, show="granted")


def test_only_enrollers_borrow_and_each_loan_is_recorded(hall: Hall) -> None:
    for name in ("camera.lend", "camera.keep", "camera.return"):
        assert hall.verbs[name].roles == {Role.ENROLLER}
    assert hall.verbs["camera.lend"].changes
