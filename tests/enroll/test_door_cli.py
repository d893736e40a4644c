"""`lintel door` against a real daemon with simulated pins."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Lintel, Said

from enroll.door import Duration
from firmware_bridge.child import MOCK_DOOR, DoorChild, mock_door
from firmware_bridge.types import EventKind, Mode

KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def daemon() -> Iterator[DoorChild]:
    with mock_door(MOCK_DOOR + '\n[osdp]\nport = "{folder}/serial"\n') as child:
        yield child


class DoorCommand:
    """`lintel door --socket …`."""

    def __init__(self, lintel: Lintel, socket_path: Path) -> None:
        self._lintel = lintel
        self._socket_path = socket_path

    def __call__(self, *arguments: str) -> Said:
        return self._lintel("door", "--socket", self._socket_path, *arguments)


@pytest.fixture
def door(lintel: Lintel, daemon: DoorChild) -> DoorCommand:
    return DoorCommand(lintel, daemon.socket_path)


def kinds(daemon: DoorChild) -> list[EventKind]:
    return [event.kind for event in daemon.client.events()][1:]


def test_the_status_is_a_table_for_people_and_json_for_programs(door: DoorCommand) -> None:
    said = door("status")
    assert said.exit_code == 0
    for word in ("secured", "position", "inactive", "no_port"):
        assert word in said.out
    (status,) = door("status", "--json").json_lines()
    assert (status["state"], status["is_released"], status["inputs"]["rex"]) == ("secured", False, "inactive")


def test_an_operator_releases_and_secures(door: DoorCommand, daemon: DoorChild) -> None:
    assert door("release", "--for", "1m").out == "released for 60 s\n"
    assert daemon.client.status().is_released
    assert door("secure").exit_code == 0
    assert not daemon.client.status().is_released
    assert kinds(daemon) == [EventKind.RELEASED, EventKind.SECURED]
    assert daemon.client.events()[1].actor.startswith("uid ")


def test_an_extended_release_uses_the_accessibility_times(door: DoorCommand, daemon: DoorChild) -> None:
    assert door("release", "--for", "0.1s", "--extended").exit_code == 0
    assert daemon.client.status().is_released


def test_a_lockdown_begins_refuses_and_ends(door: DoorCommand, daemon: DoorChild) -> None:
    assert door("lockdown").exit_code == 0
    assert daemon.client.status().mode is Mode.LOCKDOWN
    refused = door("release")
    assert (refused.exit_code, refused.sentence()) == (
        61,
        "lintel: the door refuses: the door is in lockdown (lockdown)",
    )
    assert door("lockdown", "--end").exit_code == 0
    assert daemon.client.status().mode is Mode.NORMAL


def test_free_passage_begins_and_ends(door: DoorCommand, daemon: DoorChild) -> None:
    assert door("free-passage", "--for", "2h").out == "unlocked for 7200 s\n"
    assert daemon.client.status().mode is Mode.FREE_PASSAGE
    assert door("free-passage", "--end").exit_code == 0
    assert "--end" in door("free-passage").out
    assert daemon.client.status().is_released


def test_the_lamps_are_tested_one_by_one_and_nothing_is_released(door: DoorCommand, daemon: DoorChild) -> None:
    said = door("test", "--each", "0.001s")
    assert said.exit_code == 0
    assert "showing look_left" in said.out
    assert "showing alarm" not in said.out
    assert kinds(daemon) == []


def test_a_monitor_shows_what_happens_as_it_happens(daemon: DoorChild) -> None:
    program = "from enroll.cli import main; main()"
    command = [sys.executable, "-c", program, "door", "--socket", str(daemon.socket_path), "monitor", "--after", "0"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        assert json.loads(monitor.stdout.readline())["kind"] == "started"
        daemon.client.drive_input("rex", high=False)
        assert json.loads(monitor.stdout.readline())["kind"] == "rex"
        monitor.terminate()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        assert "started" in monitor.stdout.readline()
        monitor.terminate()


def test_a_monitor_ends_in_one_sentence_when_the_daemon_goes(daemon: DoorChild) -> None:
    program = "from enroll.cli import main; main()"
    command = [sys.executable, "-c", program, "door", "--socket", str(daemon.socket_path), "monitor", "--after", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        monitor.stdout.readline()
        daemon.process.kill()
        _, complaint = monitor.communicate()
    assert monitor.returncode == 60
    assert complaint.count("\n") == 1


def test_a_door_that_does_not_answer_is_one_sentence(lintel: Lintel, tmp_path: Path) -> None:
    for verb in ("status", "release", "secure", "lockdown", "free-passage", "test", "monitor"):
        said = lintel("door", "--socket", tmp_path / "none", verb)
        assert said.exit_code == 60
        assert "cannot be reached" in said.sentence()


def test_a_key_is_set_from_standard_input_and_never_shown(
    door: DoorCommand, daemon: DoorChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    said = door("osdp", "set-key")
    assert said.exit_code == 0
    assert KEY not in said.out + said.err
    fingerprint = daemon.client.status().panel_key
    assert said.out == f"key {fingerprint} is in use\n"
    (told,) = door("osdp", "status", "--json").json_lines()
    assert told == {"panel": "no_port", "panel_key": fingerprint}


@pytest.mark.parametrize("text", ["", "1234", KEY[:-1], "zz" * 16, KEY + "00"])
def test_what_is_no_key_is_refused(door: DoorCommand, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))
    assert door("osdp", "set-key").exit_code != 0
    assert "key none" in door("osdp", "status").out


def test_a_rotated_key_is_random_and_printed_once(door: DoorCommand, daemon: DoorChild) -> None:
    keys = {door("osdp", "rotate-key", "--yes").out.strip() for _ in range(2)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 2
    assert kinds(daemon) == [EventKind.KEY_CHANGED, EventKind.KEY_CHANGED]


def test_install_mode_is_opened_and_ended(door: DoorCommand, daemon: DoorChild) -> None:
    assert door("osdp", "install-mode", "--for", "60").exit_code == 0
    assert door("osdp", "install-mode", "--end").exit_code == 0
    assert [event.detail for event in daemon.client.events()][1:] == ["open for 60 s", "closed"]
    assert door("osdp", "install-mode", "--for", "3000").exit_code == 61


@pytest.mark.parametrize(("text", "seconds"), [("8", 8.0), ("8s", 8.0), ("0.5m", 30.0), ("24h", 86_400.0)])
def test_a_time_is_written_as_people_write_it(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "0", "25h", "nan", "inf", "8 apples"])
def test_what_is_no_time_is_refused(door: DoorCommand, text: str) -> None:
    assert door("release", "--for", text).exit_code == 2
