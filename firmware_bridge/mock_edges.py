"""Simulated wires that somebody else moves: edges come in through a named pipe and a thread, as lgpio's do."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.errors import LineError

_log = logging.getLogger(__name__)


def follow_edges(pipe: Path, drive: Callable[[int, bool], None]) -> None:
    """Call `drive` with pin and level for every line "PIN LEVEL" written to `pipe`, from a thread, until the end.

    Raises LineError when the pipe cannot be made.
    """
    try:
        if not pipe.is_fifo():
            os.mkfifo(pipe, 0o600)
        # Open for writing, too: the pipe then never ends, however often the writers change.
        descriptor = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise LineError(f"{pipe}: {error.strerror or error}") from error
    thread = threading.Thread(target=_follow, args=(descriptor, drive), name="mock-edges", daemon=True)
    thread.start()


def _follow(descriptor: int, drive: Callable[[int, bool], None]) -> None:
    with os.fdopen(descriptor, "rb", buffering=0) as lines:
        for line in iter(lines.readline, b""):
            pin, _, level = line.strip().partition(b" ")
            if pin.isdigit() and level in (b"0", b"1"):
                drive(int(pin), level == b"1")
            else:
                _log.warning("mock.edge_ignored", extra={"line": line.decode(errors="replace")})
