"""A serial line for OSDP: raw bytes, never blocking, reopened when the adapter comes back."""

from __future__ import annotations

import logging
import os
import termios
import tty

from firmware_bridge.clock import Clock

_log = logging.getLogger(__name__)

REOPEN_AFTER_S = 1.0
SPEEDS = {
    9600: termios.B9600,
    19200: termios.B19200,
    38400: termios.B38400,
    57600: termios.B57600,
    115200: termios.B115200,
    230400: termios.B230400,
}


class SerialPort:
    """A serial port by path. While it is gone, reads are empty and writes are lost; nothing raises.

    It is the channel that libosdp calls from C, where an exception would take the process with it.
    """

    def __init__(self, path: str, baud: int, clock: Clock) -> None:
        self._path = path
        self._speed = SPEEDS[baud]
        self._clock = clock
        self._descriptor: int | None = None
        self._retry_at = clock.monotonic()
        self._is_reported = False

    @property
    def is_open(self) -> bool:
        return self._descriptor is not None

    def reopen(self) -> None:
        """Open the port if it is closed and due."""
        if self.is_open or self._clock.monotonic() < self._retry_at:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._lose(error)
            return
        try:
            tty.setraw(descriptor)
            attributes = termios.tcgetattr(descriptor)
            attributes[4] = attributes[5] = self._speed
            termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        except (OSError, termios.error) as error:
            os.close(descriptor)
            self._lose(error)
            return
        self._descriptor = descriptor
        self._is_reported = False

    def read(self, max_bytes: int) -> bytes:
        """What has come in, at most `max_bytes`; empty: nothing."""
        if self._descriptor is None:
            return b""
        try:
            data = os.read(self._descriptor, max_bytes)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._lose(error)
            return b""
        if not data:  # an open line without data would have blocked: this one was hung up
            self._lose(EOFError("hung up"))
        return data

    def write(self, data: bytes) -> int:
        """Send, and say how many bytes were taken."""
        if self._descriptor is None:
            return 0
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._lose(error)
            return 0

    def flush(self) -> None:
        """Drop what has come in and was not read, as libosdp asks for after an error."""
        if self._descriptor is None:
            return
        try:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        except (OSError, termios.error) as error:
            self._lose(error)

    def close(self) -> None:
        """Let the port go; harmless when repeated."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _lose(self, error: Exception) -> None:
        if not self._is_reported:
            _log.warning("panel.port_lost", extra={"port": self._path, "error": str(error)})
        self._is_reported = True
        self._retry_at = self._clock.monotonic() + REOPEN_AFTER_S
        self.close()
