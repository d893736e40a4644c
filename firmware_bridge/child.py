"""The door daemon as a child process with simulated pins: for the demo, the bench and tests.

with mock_door() as door:
    door.client.release(duration_s=1.0, audit_sequence=7, captured_at=time.monotonic())
    door.client.pin_levels()  # [(2090.46, "lock", False), (2090.47, "lock", True), …]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.client import DoorClient, wait_until_ready

LEAVE_WITHIN_S = 5.0

MOCK_DOOR = """\
[daemon]
socket = "{folder}/door.sock"
state_folder = "{folder}/state"

[pins]
factory = "mock"
grounded = [22]  # the door is closed at the start

[lock]
pin = 17

[rex]
pin = 27

[position]
pin = 22
"""


@dataclass(frozen=True, slots=True)
class DoorChild:
    """A running door daemon that belongs to this process and cannot outlive it."""

    socket_path: Path
    client: DoorClient
    process: subprocess.Popen[bytes]


@contextmanager
def mock_door(configuration: str = MOCK_DOOR, *, log: Path | None = None) -> Iterator[DoorChild]:
    """A door daemon with mock pins, ready to answer; it is stopped and its files are removed at the end.

    `configuration` is TOML in which `{folder}` stands for a fresh temporary folder. The default is a door with a lock
    ("lock", pin 17), an exit button ("rex", 27) and a position switch ("position", 22, closed). The daemon's log goes
    to the file `log`, or nowhere. The daemon leaves when this process ends, however it ends.
    Raises DoorUnreachableError when the daemon does not become ready.
    """
    # Not the caller's folder: the path of a Unix socket may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="lintel-door-") as name:
        folder = Path(name)
        file = folder / "door.toml"
        file.write_text(configuration.replace("{folder}", name), encoding="utf-8")
        with start_door(file, socket_path=folder / "door.sock", log=log) as child:
            yield child


@contextmanager
def start_door(file: Path, *, socket_path: Path, log: Path | None = None) -> Iterator[DoorChild]:
    """A door daemon that runs with the configuration `file`, which names `socket_path`; stopped at the end.

    Raises DoorUnreachableError when it does not become ready.
    """
    command = [sys.executable, "-m", "firmware_bridge", "--config", str(file), "--exit-with-parent"]
    with (Path("/dev/null") if log is None else log).open("ab") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors)
    try:
        wait_until_ready(socket_path)
        yield DoorChild(socket_path, DoorClient(socket_path), process)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=LEAVE_WITHIN_S)  # closes its standard input, too
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
