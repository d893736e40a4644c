"""The daemon as a real process on a real socket, with mock pins."""

from __future__ import annotations

import time

import pytest

from firmware_bridge.child import mock_door
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError
from firmware_bridge.types import EventKind


def test_a_release_drives_the_relay_high_and_the_timer_drives_it_low_again() -> None:
    with mock_door() as door:
        door.client.release(duration_s=0.2, audit_sequence=1, captured_at=time.monotonic())
        for event in door.client.watch():
            if event.kind is EventKind.SECURED:
                break
        lock = [(at, level) for at, line, level in door.client.pin_levels() if line == "lock"]
    assert [level for _, level in lock] == [False, True, False]
    assert lock[2][0] - lock[1][0] >= 0.2


def test_a_repeated_release_is_refused_with_its_reason() -> None:
    with mock_door() as door:
        captured_at = time.monotonic()
        door.client.release(duration_s=0.2, audit_sequence=1, captured_at=captured_at)
        with pytest.raises(CommandRefusedError, match="asked for before"):
            door.client.release(duration_s=0.2, audit_sequence=1, captured_at=captured_at)


def test_a_daemon_that_has_gone_is_unreachable_and_an_indication_to_it_is_only_lost() -> None:
    with mock_door() as door:
        client = door.client
    with pytest.raises(DoorUnreachableError):
        client.status()
    client.indicate("granted")
