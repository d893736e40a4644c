"""Waking a loop that waits."""

from __future__ import annotations

import socket


class Waker:
    """Wakes the loop from any thread and from signal handlers."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)

    def fileno(self) -> int:
        return self._reader.fileno()

    def wake(self) -> None:
        """Make the loop look; never blocks."""
        try:
            self._writer.send(b"!")
        except BlockingIOError:
            return  # it is full of reasons to wake already

    def drain(self) -> bool:
        """Whether anybody woke the loop since the last call."""
        try:
            return bool(self._reader.recv(4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
