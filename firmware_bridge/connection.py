"""One client's bytes: whole lines in, whole lines out, both bounded. Never blocks."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from firmware_bridge.errors import ProtocolError

RECEIVE_BYTES = 4096  # taken from one client at a time, so that no client starves another
MAX_UNSENT_BYTES = 256 * 1024  # a watcher that does not read is dropped


class Connection:
    """A connected client. Raises OSError when the client is gone."""

    def __init__(self, client: socket.socket, *, max_message_bytes: int) -> None:
        client.settimeout(0)
        self.client = client
        self._max_message_bytes = max_message_bytes
        self._received = bytearray()
        self._unsent = bytearray()
        self.has_ended = False  # the client will send no more

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def receive(self) -> None:
        """Take what the client sent so far."""
        try:
            data = self.client.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        self.has_ended = not data
        self._received += data

    def lines(self) -> Iterator[bytes]:
        """Whole lines, without their newline. Raises ProtocolError for one that is longer than a message may be."""
        while (end := self._received.find(b"\n")) >= 0:
            if end > self._max_message_bytes:
                break
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            yield line
        if len(self._received) > self._max_message_bytes:
            raise ProtocolError(f"a message may have {self._max_message_bytes} bytes")

    def send(self, data: bytes) -> None:
        """Send as much as the client takes now and keep the rest. Raises ConnectionError when that grows too long."""
        self._unsent += data
        self.flush()
        if len(self._unsent) > MAX_UNSENT_BYTES:
            raise ConnectionError("the client does not read")

    def flush(self) -> None:
        """Send what is left."""
        while self._unsent:
            try:
                sent = self.client.send(self._unsent)
            except BlockingIOError:
                return
            del self._unsent[:sent]

    def close(self) -> None:
        self.client.close()
