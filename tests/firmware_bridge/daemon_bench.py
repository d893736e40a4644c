"""Real door daemons as processes with recorded mock pins, for tests that kill and restart them."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from firmware_bridge.client import DoorClient, wait_until_ready
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError

DOOR = """\
[daemon]
socket = "{folder}/door.sock"
state_folder = "{folder}/state"
requests_per_s = 100000.0

[pins]
factory = "mock"
record = "{folder}/levels"
grounded = [22, 23, 24]

[rex]
pin = 27

[position]
pin = 22

[tamper]
pin = 23

[fire]
pin = 24
"""
LOCK_PIN = "GPIO17"
GIVE_UP_AFTER_S = 20.0


@dataclass(frozen=True)
class Level:
    """One line of the record: when a pin showed what, and as what."""

    at: float
    pin: str
    is_high: bool
    function: str


@dataclass
class Daemon:
    """One installation in a folder of its own, started and killed at will."""

    folder: Path
    text: str = DOOR
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    prefix: tuple[str, ...] = ()  # such as ("chrt", "-r", "1")

    @property
    def socket_path(self) -> Path:
        return self.folder / "door.sock"

    @property
    def client(self) -> DoorClient:
        return DoorClient(self.socket_path, timeout_s=5.0)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def spawn(self, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start it and do not wait."""
        file = self.folder / "door.toml"
        file.write_text(self.text.replace("{folder}", str(self.folder)))
        command = [*self.prefix, sys.executable, "-m", "firmware_bridge", "--config", str(file), "--exit-with-parent"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
            )
        return self.process

    def start(self) -> Daemon:
        """Start it and wait until it answers."""
        self.spawn()
        wait_until_ready(self.socket_path, timeout_s=GIVE_UP_AFTER_S)
        return self

    def kill(self) -> None:
        """As the kernel's out-of-memory killer does."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """As systemd does; its exit code."""
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=GIVE_UP_AFTER_S)
        return self.process.returncode

    def release(self, duration_s: float = 30.0, row: int = 1) -> None:
        self.client.release(duration_s=duration_s, audit_sequence=row, captured_at=time.monotonic())

    def levels(self, pin: str = LOCK_PIN) -> list[Level]:
        """The recorded history of one pin over all lives of the daemon."""
        history = []
        for line in (self.folder / "levels").read_text().splitlines():
            at, name, level, function = line.split()
            if name == pin:
                history.append(Level(float(at), name, level == "1", function))
        return history

    def memory_kb(self) -> int:
        """Resident, now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def processor_s(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def installed(text: str = DOOR) -> Iterator[Daemon]:
    """An installation that is gone afterwards, dead or alive. Its path is short, as a socket's must be."""
    with tempfile.TemporaryDirectory(prefix="lintel-") as name:
        daemon = Daemon(Path(name), text)
        try:
            yield daemon
        finally:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.kill()


def say(path: Path, data: bytes) -> bytes:
    """Say something to the daemon, and hear everything that it answers until it closes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(GIVE_UP_AFTER_S)
        client.connect(str(path))
        heard = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                heard += part
        except (ConnectionResetError, BrokenPipeError):
            pass
        return heard


def has_ended(pid: int, *, within_s: float = GIVE_UP_AFTER_S) -> bool:
    """Whether a process that is not our child ends in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    ended = bool(poll.poll(within_s * 1000))
    os.close(descriptor)
    return ended


def eventually(holds: Callable[[], bool], *, within_s: float = GIVE_UP_AFTER_S) -> bool:
    """Whether `holds` does before it is given up; a refusal counts as not yet."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        try:
            if holds():
                return True
        except CommandRefusedError:
            continue
    return False


def is_unreachable(daemon: Daemon) -> bool:
    try:
        daemon.client.status()
    except DoorUnreachableError:
        return True
    return False
