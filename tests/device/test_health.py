from __future__ import annotations

import socket
from pathlib import Path

import pytest

from device.health import notify


def test_without_a_supervisor_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "")
    assert not notify("READY=1")


def test_a_supervisor_is_told_word_for_word(supervisor: socket.socket) -> None:
    assert notify("READY=1")
    assert notify("WATCHDOG=1")
    assert [supervisor.recv(64) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]


def test_a_supervisor_in_the_abstract_namespace_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = f"lintel-test-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        assert notify("READY=1")
        assert listening.recv(64) == b"READY=1"


@pytest.mark.parametrize("address", ["/nowhere/notify", "x" * 300])
def test_a_supervisor_that_has_gone_is_no_reason_to_leave_the_door(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("WATCHDOG=1")


@pytest.mark.usefixtures("supervisor")
def test_a_supervisor_that_does_not_read_blocks_nobody() -> None:
    told = [notify("WATCHDOG=1") for _ in range(3000)]
    assert told[0]
    assert not told[-1]
