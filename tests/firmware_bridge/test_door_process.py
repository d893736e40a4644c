"""The daemon as a process: what it promises when somebody kills it, floods it, or pretends to be somebody else."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_bench import DOOR, GIVE_UP_AFTER_S, Daemon, eventually, has_ended, installed, is_unreachable, say

from firmware_bridge.client import DoorClient
from firmware_bridge.errors import BridgeError, CommandRefusedError, DoorUnreachableError
from firmware_bridge.protocol import DoorEvent
from firmware_bridge.types import EventKind, Indication, Reading

MEMORY_LIMIT_KB = 30_000
VISION = """
import sys, time
from pathlib import Path
from firmware_bridge.client import DoorClient
DoorClient(Path(sys.argv[1])).release(duration_s=0.5, audit_sequence=1, captured_at=time.monotonic())
print("released", flush=True)
time.sleep(60)
"""
PARENT = """
import sys, time
from firmware_bridge.child import mock_door
with mock_door() as door:
    print(door.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with installed() as built:
        yield built.start()


def events_until(client: DoorClient, kind: EventKind) -> list[DoorEvent]:
    seen = []
    for event in client.watch():
        seen.append(event)
        if event.kind is kind:
            return seen
    raise AssertionError


def test_when_vision_is_killed_while_the_lock_is_released_the_lock_relocks_on_time(daemon: Daemon) -> None:
    command = [sys.executable, "-c", VISION, str(daemon.socket_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as vision:
        assert vision.stdout is not None
        assert vision.stdout.readline() == b"released\n"
        vision.kill()
    events_until(daemon.client, EventKind.SECURED)
    claimed, high, low = (level for level in daemon.levels() if level.function == "output")
    assert (claimed.is_high, high.is_high, low.is_high) == (False, True, False)
    assert low.at - high.at >= 0.5


def test_when_the_daemon_is_killed_while_the_lock_is_released_the_next_one_secures_it_first(daemon: Daemon) -> None:
    daemon.release(row=41)
    assert daemon.levels()[-1].is_high
    daemon.kill()
    assert daemon.levels()[-1].is_high, "this simulated board keeps its level, as Raspberry Pi kernels do by default"
    before = len(daemon.levels())
    daemon.start()
    after = daemon.levels()[before:]
    assert not any(level.is_high for level in after), "no pulse at the start"
    assert after[-1].function == "output"
    assert not daemon.client.status().is_released
    kinds = [(event.kind, event.audit_sequence) for event in daemon.client.events()]
    assert kinds == [(EventKind.STARTED, None), (EventKind.RELEASED, 41), (EventKind.STARTED, None)]


@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_wherever_the_daemon_is_killed_it_comes_back_secured_and_remembers(daemon: Daemon, rounds: int) -> None:
    dice, row, known, kept = random.Random(9), 0, 0, 0
    for _ in range(rounds):
        assert daemon.process is not None
        killer = threading.Timer(dice.uniform(0.0, 0.15), daemon.process.kill)
        killer.start()
        known = 0
        try:
            while True:
                row += 1
                daemon.release(duration_s=dice.uniform(0.01, 1.0), row=row)
                known = row
                daemon.client.drive_input("rex", high=row % 2 == 0)
        except BridgeError:
            pass
        killer.join()
        daemon.process.communicate()
        before = len(daemon.levels())
        daemon.start()
        highs = [level for level in daemon.levels()[before:] if level.is_high]
        assert not highs
        events = all_events(daemon.client)
        numbers = [event.sequence for event in events]
        assert numbers == list(range(kept + 1, kept + 1 + len(events))), "no gap, nothing twice"
        released = [event.audit_sequence for event in events if event.audit_sequence and event.kind == "released"]
        assert known <= max(released, default=0) <= row, "what was answered is remembered"
        kept = numbers[-1]
        daemon.client.acknowledge(kept)


def all_events(client: DoorClient) -> list[DoorEvent]:
    events: list[DoorEvent] = []
    while page := client.events(events[-1].sequence if events else 0, limit=500):
        events += page
    return events


def test_killed_while_it_starts_it_leaves_nothing_that_hinders_the_next(daemon: Daemon) -> None:
    dice = random.Random(10)
    daemon.stop()
    for _ in range(8):
        process = daemon.spawn()
        killer = threading.Timer(dice.uniform(0.0, 0.12), process.kill)
        killer.start()
        killer.join()
        process.communicate()
    assert not any(level.is_high for level in daemon.levels())
    daemon.start()
    assert not daemon.client.status().is_released


def test_a_lockdown_outlives_the_daemon_until_somebody_ends_it(daemon: Daemon) -> None:
    daemon.client.lockdown()
    daemon.kill()
    daemon.start()
    with pytest.raises(CommandRefusedError, match="lockdown"):
        daemon.release()
    daemon.client.drive_input("rex", high=False)
    events_until(daemon.client, EventKind.REX)
    assert daemon.client.status().is_released, "the exit button works all the same"
    daemon.client.end_lockdown()
    daemon.kill()
    daemon.start()
    assert daemon.client.status().mode == "normal"


def test_told_to_stop_it_secures_the_lock_and_leaves_no_socket(daemon: Daemon) -> None:
    daemon.release()
    assert daemon.stop() == 0
    assert not daemon.levels()[-1].is_high
    assert daemon.levels()[-1].function == "input"
    assert not daemon.socket_path.exists()


def test_an_interrupt_at_the_keyboard_stops_it_as_well(daemon: Daemon) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGINT)
    daemon.process.communicate(timeout=GIVE_UP_AFTER_S)
    assert daemon.process.returncode == 0


def test_a_child_leaves_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert has_ended(pid)


def test_a_second_daemon_is_refused_and_touches_no_pin(daemon: Daemon) -> None:
    daemon.release()
    before = daemon.levels()
    second = Daemon(daemon.folder)
    process = second.spawn()
    process.communicate(timeout=GIVE_UP_AFTER_S)
    assert process.returncode == 67
    assert "another door daemon" in daemon.log()
    assert daemon.levels() == before
    assert daemon.client.status().is_released


def test_the_exit_button_releases_and_every_input_is_read(daemon: Daemon) -> None:
    for line, high in (("rex", False), ("position", True), ("tamper", True), ("fire", True)):
        daemon.client.drive_input(line, high=high)
    events_until(daemon.client, EventKind.FIRE)
    status = daemon.client.status()
    assert set(status.inputs.values()) == {Reading.ACTIVE}
    assert status.is_released


def test_what_is_indicated_is_shown(daemon: Daemon) -> None:
    daemon.client.indicate("hold_still")
    assert daemon.client.status().indication is Indication.HOLD_STILL
    with pytest.raises(ValueError, match="purple"):
        daemon.client.indicate("purple")


def test_events_are_kept_until_they_are_acknowledged_over_restarts(daemon: Daemon) -> None:
    daemon.release(duration_s=0.05)
    last = events_until(daemon.client, EventKind.SECURED)[-1].sequence
    daemon.stop()
    daemon.start()
    events = daemon.client.events()
    assert [event.kind for event in events][:3] == [EventKind.STARTED, EventKind.RELEASED, EventKind.SECURED]
    daemon.client.acknowledge(last)
    daemon.kill()
    daemon.start()
    assert [event.sequence for event in daemon.client.events()] == [last + 1, last + 2]


def test_a_watcher_hears_what_was_kept_and_then_what_happens(daemon: Daemon) -> None:
    heard: list[EventKind] = []
    watch = daemon.client.watch()
    heard.append(next(watch).kind)
    daemon.release(duration_s=0.05)
    heard += [next(watch).kind, next(watch).kind]
    assert heard == [EventKind.STARTED, EventKind.RELEASED, EventKind.SECURED]
    daemon.kill()
    with pytest.raises(DoorUnreachableError):
        next(watch)


def test_garbage_closes_its_own_connection_and_nothing_else(daemon: Daemon) -> None:
    watch = daemon.client.watch()
    next(watch)
    assert b"malformed" in say(daemon.socket_path, b"open sesame\n")
    assert b"malformed" in say(daemon.socket_path, b'{"type":"status","v":1}\nnonsense\n{"type":"status","v":1}\n')
    assert next(watch).detail == "malformed"
    assert not daemon.client.status().is_released


def test_a_message_that_is_too_long_is_refused_before_it_is_whole(daemon: Daemon) -> None:
    heard = say(daemon.socket_path, b"x" * 10_000_000)
    assert b"4096 bytes" in heard or heard == b"", "the kernel may lose the answer while we still talk"
    assert not is_unreachable(daemon)


def test_requests_may_come_in_pieces_and_several_at_once(daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(GIVE_UP_AFTER_S)
        client.connect(str(daemon.socket_path))
        for byte in b'{"type":"status","v":1}\n':
            client.sendall(bytes([byte]))
        lines = client.makefile("rb")
        assert b"door_status" in lines.readline()
        client.sendall(b'{"type":"status","v":1}\n' * 3)
        assert all(b"door_status" in lines.readline() for _ in range(3))


def test_a_watcher_that_does_not_read_hinders_nobody(daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX) as lazy:
        lazy.connect(str(daemon.socket_path))
        lazy.sendall(b'{"type":"watch","v":1}\n')
        for row in range(1, 1500):
            daemon.release(duration_s=0.01, row=row)
    assert daemon.memory_kb() < MEMORY_LIMIT_KB


def test_a_client_that_asks_and_never_listens_is_dropped(daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.settimeout(GIVE_UP_AFTER_S)
        deaf.connect(str(daemon.socket_path))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            deaf.sendall(b'{"type":"status","v":1}\n' * 1_000_000)
    assert daemon.memory_kb() < MEMORY_LIMIT_KB


def test_too_many_requests_are_refused() -> None:
    with installed(DOOR.replace("100000.0", "5.0")) as daemon:
        daemon.start()
        replies = say(daemon.socket_path, b'{"type":"status","v":1}\n' * 50)
        assert replies.count(b"door_status") <= 10
        assert b"too_many" in replies


def test_too_many_connections_are_refused(daemon: Daemon) -> None:
    held = [socket.socket(socket.AF_UNIX) for _ in range(16)]
    try:
        for client in held:
            client.connect(str(daemon.socket_path))
        with pytest.raises(CommandRefusedError, match="16 clients"):
            daemon.client.status()
    finally:
        for client in held:
            client.close()
    assert eventually(lambda: daemon.client.status() is not None)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_somebody_who_is_not_named_is_refused_and_recorded(daemon: Daemon) -> None:
    daemon.folder.chmod(0o755)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from firmware_bridge.client import DoorClient\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "DoorClient(Path(sys.argv[1])).release(duration_s=1.0, audit_sequence=1, captured_at=0.0)\n"
    )
    command = [sys.executable, "-c", program, str(daemon.socket_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "CommandRefusedError: the door refuses: uid 65534 has no part in this door" in done.stderr
    refused = daemon.client.events()[-1]
    assert (refused.kind, refused.actor, refused.detail) == (EventKind.COMMAND_REFUSED, "uid 65534", "not_allowed")
    assert not any(level.is_high for level in daemon.levels())


def test_systemd_is_told_when_the_door_is_ready_alive_and_stopping() -> None:
    with installed() as daemon, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = daemon.folder / "notify"
        manager.bind(str(address))
        manager.settimeout(GIVE_UP_AFTER_S)
        daemon.spawn({"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "100000"})
        assert manager.recv(99) == b"READY=1"
        assert not daemon.client.status().is_released, "ready means that it answers"
        assert [manager.recv(99) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        assert daemon.process is not None
        daemon.process.terminate()
        told = [manager.recv(99)]
        while told[-1] != b"STOPPING=1":
            told.append(manager.recv(99))


@pytest.mark.parametrize(("text", "code", "sentence"), [
    ("[lock]\npim = 1\n", 78, "pim"),
    ('[access]\nvision_users = ["nobody-of-that-name"]\n', 78, "nobody-of-that-name"),
    ('[pins]\nfactory = "gpiod"\nchip = 63\n', 64, "gpio"),
])  # fmt: skip
def test_a_start_that_cannot_be_is_one_sentence_and_its_own_exit_code(text: str, code: int, sentence: str) -> None:
    with installed(f'{text}\n[daemon]\nstate_folder = "{{folder}}/state"\nsocket = "{{folder}}/door.sock"\n') as daemon:
        process = daemon.spawn()
        process.communicate(timeout=GIVE_UP_AFTER_S)
        assert process.returncode == code, daemon.log()
        assert sentence in daemon.log()
        assert "Traceback" not in daemon.log()
        assert daemon.log().count("\n") == 1


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has pins")
def test_a_machine_without_the_named_pins_refuses_to_start_instead_of_simulating_them() -> None:
    pytest.importorskip("lgpio", reason="lgpio is not installed")
    with installed('[daemon]\nstate_folder = "{folder}/state"\nsocket = "{folder}/door.sock"\n') as daemon:
        process = daemon.spawn()
        process.communicate(timeout=GIVE_UP_AFTER_S)
        assert process.returncode == 64, daemon.log()
        assert "/dev/gpiochip0" in daemon.log()


def test_the_daemon_is_small_and_loads_neither_numpy_nor_a_network(daemon: Daemon) -> None:
    assert daemon.memory_kb() < MEMORY_LIMIT_KB
    loaded = Path(f"/proc/{daemon.pid}/maps").read_text()
    for stranger in ("numpy", "libssl", "libcrypto", "cv2", "onnx", "_asyncio"):
        assert stranger not in loaded
    inodes = {str(link.readlink()) for link in Path(f"/proc/{daemon.pid}/fd").iterdir() if link.exists()}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = Path(f"/proc/{daemon.pid}/net/{table}").read_text().splitlines()[1:]
        assert not inodes & {f"socket:[{row.split()[9]}]" for row in rows}


def test_a_command_typed_at_the_wrong_time_of_day_is_stale(daemon: Daemon) -> None:
    with pytest.raises(CommandRefusedError, match="stale"):
        daemon.client.release(duration_s=1.0, audit_sequence=1, captured_at=time.monotonic() - 2.0)
    with pytest.raises(CommandRefusedError, match="future"):
        daemon.client.release(duration_s=1.0, audit_sequence=1, captured_at=time.monotonic() + 60.0)
    assert not any(level.is_high for level in daemon.levels())
