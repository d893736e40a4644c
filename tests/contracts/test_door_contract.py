"""What the loop may rely on, whichever door it is given. The daemon is a real process on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeAudit, FakeDoor

from device.bystander import NoDoor
from device.clock import SystemClock
from device.ports import Door
from firmware_bridge.child import DoorChild, mock_door
from firmware_bridge.client import DoorClient
from firmware_bridge.errors import BridgeError, CommandRefusedError, DoorUnreachableError

USED = ("ready", "granted", "denied", "fault")  # what the loop and the service indicate


@pytest.fixture(scope="module")
def daemon() -> Iterator[DoorChild]:
    with mock_door() as child:
        yield child


@pytest.fixture(params=["fake", "none", "daemon"])
def door(request: pytest.FixtureRequest) -> Door:
    """A door that does what it is told."""
    if request.param == "fake":
        return FakeDoor()
    if request.param == "none":
        return NoDoor()
    child: DoorChild = request.getfixturevalue("daemon")
    return child.client


@pytest.fixture(params=["fake", "daemon"])
def broken_door(request: pytest.FixtureRequest, tmp_path: Path) -> Door:
    """A door that nobody answers at."""
    if request.param == "fake":
        fake = FakeDoor()
        fake.fault = DoorUnreachableError("nobody answers")
        return fake
    return DoorClient(tmp_path / "door.sock", timeout_s=0.5)


def release(door: Door, *, audit_sequence: int = 7) -> None:
    door.release(duration_s=0.5, audit_sequence=audit_sequence, captured_at=SystemClock().monotonic())


def test_a_release_that_is_due_is_obeyed_in_silence(door: Door) -> None:
    release(door)


@pytest.mark.parametrize("indication", USED)
def test_what_the_loop_indicates_is_known(door: Door, indication: str, caplog: pytest.LogCaptureFixture) -> None:
    door.indicate(indication)
    assert caplog.records == []


def test_a_door_that_nobody_answers_at_says_so(broken_door: Door) -> None:
    with pytest.raises(BridgeError) as caught:
        release(broken_door)
    assert isinstance(caught.value, DoorUnreachableError)


def test_an_indication_that_nobody_sees_is_no_error(broken_door: Door) -> None:
    for indication in USED:
        broken_door.indicate(indication)


def test_the_fake_and_the_daemon_are_told_the_same(daemon: DoorChild) -> None:
    """The daemon records the very audit row that the fake remembers."""
    fake = FakeDoor(FakeAudit())
    for door in (fake, daemon.client):
        release(door, audit_sequence=4711)
    assert fake.releases[0]["audit_sequence"] == 4711
    assert 4711 in [event.audit_sequence for event in daemon.client.events()]


def test_a_daemon_refuses_a_release_for_an_old_frame(daemon: DoorChild) -> None:
    with pytest.raises(CommandRefusedError):
        daemon.client.release(duration_s=0.5, audit_sequence=1, captured_at=SystemClock().monotonic() - 60.0)
