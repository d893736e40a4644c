"""The place where the daemon is found: its socket file, and the lock that makes it the only one."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from firmware_bridge.errors import DaemonRunningError, LineError

BACKLOG = 32


def claim(state_folder: Path) -> int:
    """Make this process the only door daemon of `state_folder`, until it ends. Raises DaemonRunningError, LineError.

    Done before any pin is touched, so that a daemon started by mistake does not disturb the one that runs.
    """
    try:
        state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(state_folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LineError(f"{state_folder}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DaemonRunningError(f"another door daemon uses {state_folder}") from error
    return descriptor


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`. Anybody may connect: the peer's credentials decide, not the file's mode.

    The socket file of a dead daemon is replaced; `claim` made sure that it is dead. Raises LineError.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise LineError(f"{path}: the socket cannot be opened: {error.strerror or error}") from error
    return listener
