"""The daemon's one loop: peers, inputs and deadlines, one at a time."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from firmware_bridge.clock import Clock
from firmware_bridge.commands import Commands
from firmware_bridge.connection import Connection
from firmware_bridge.errors import ProtocolError
from firmware_bridge.peers import Peer, identify
from firmware_bridge.protocol import Done, Refusal, Watch, decode_request, encode
from firmware_bridge.waker import Waker

MAX_CONNECTIONS = 16  # of one user: nobody can keep the others out
EVENTS_AT_ONCE = 100  # sent to one watcher between two looks at the inputs


class Timed(Protocol):
    """Something that is due now and then."""

    @property
    def next_deadline(self) -> float:
        """When `tick` is due at the latest, in monotonic seconds."""
        ...

    def tick(self) -> None:
        """Do what is due."""
        ...


class Server:
    """Serves clients and what is `timed`, the most urgent first, until `stop`.

    One thread; `wake` and `stop` may be called from any.
    """

    def __init__(
        self, listener: socket.socket, commands: Commands, timed: Sequence[Timed], clock: Clock, *, max_bytes: int
    ) -> None:
        self._listener = listener
        self._commands = commands
        self._timed = timed
        self._clock = clock
        self._max_bytes = max_bytes
        self._waker = Waker()
        self._selector = selectors.DefaultSelector()
        self._peers: dict[Connection, Peer] = {}
        self._watching: dict[Connection, int] = {}  # -> the newest event it was sent
        self._is_stopping = False
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._waker, selectors.EVENT_READ, self._tick)

    def wake(self) -> None:
        """An input has changed: look at all of them."""
        self._waker.wake()

    def stop(self) -> None:
        """Leave `serve` soon."""
        self._is_stopping = True
        self._waker.wake()

    def add_reader(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever `descriptor` can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def serve(self) -> None:
        """Run until stopped."""
        while not self._is_stopping:
            due_in_s = min(timed.next_deadline for timed in self._timed) - self._clock.monotonic()
            for key, _ in self._selector.select(0.0 if self._has_news() else max(0.0, due_in_s)):
                key.data()
                self._tick()  # between any two clients, so that no crowd of them delays the exit button
            self._tick()
            self._feed()

    def close(self) -> None:
        """Let every client and the socket go."""
        for connection in list(self._peers):
            self._drop(connection)
        self._selector.close()
        self._listener.close()
        self._waker.close()

    def _tick(self) -> None:
        is_woken = self._waker.drain()
        for timed in self._timed:
            if is_woken or self._clock.monotonic() >= timed.next_deadline:
                timed.tick()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it left before it was welcomed
            return
        connection = Connection(client, max_message_bytes=self._max_bytes)
        try:
            peer = identify(client)
        except OSError:
            connection.close()
            return
        self._peers[connection] = peer
        if not self._commands.may_talk(peer):
            self._refuse(connection, Refusal("not_allowed", f"{peer.actor} has no part in this door"))
        elif sum(one.uid == peer.uid for one in self._peers.values()) > MAX_CONNECTIONS:
            sentence = f"the door talks to {MAX_CONNECTIONS} clients of one user at once"
            self._refuse(connection, Refusal("too_many", sentence))
        else:
            self._selector.register(client, selectors.EVENT_READ, lambda: self._talk(connection))

    def _talk(self, connection: Connection) -> None:
        try:
            connection.flush()
            connection.receive()
            for line in connection.lines():
                if not self._answer(connection, line):
                    return
        except ProtocolError as error:
            self._refuse(connection, Refusal("malformed", str(error)))
            return
        except OSError:
            self._drop(connection)
            return
        if connection.has_ended:
            self._drop(connection)
            return
        self._wait_for(connection)

    def _answer(self, connection: Connection, line: bytes) -> bool:
        """Answer one line; false when that ended the connection."""
        peer = self._peers[connection]
        if not self._commands.admits(peer):
            self._refuse(connection, Refusal("too_many", "too many requests"))
            return False
        request = decode_request(line)
        reply = self._commands.answer(request, peer)
        self._send(connection, encode(reply))
        if isinstance(request, Watch) and isinstance(reply, Done):
            self._watching[connection] = request.after
        return True

    def _refuse(self, connection: Connection, refusal: Refusal) -> None:
        """The last thing a client hears."""
        reply = self._commands.refuse(refusal, self._peers[connection])
        with suppress(OSError):  # a client that has left needs no reason
            connection.send(encode(reply))
        self._drop(connection)

    def _send(self, connection: Connection, data: bytes) -> None:
        connection.send(data)
        self._wait_for(connection)

    def _wait_for(self, connection: Connection) -> None:
        """Be called when the client sends, and when it reads again if something is left for it."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.has_unsent else 0)
        key = self._selector.get_key(connection.client)
        if key.events != events:
            self._selector.modify(connection.client, events, key.data)

    def _feed(self) -> None:
        """Send every watcher some of the events it has not seen."""
        for connection, seen in list(self._watching.items()):
            events = () if connection.has_unsent else self._commands.events(after=seen, limit=EVENTS_AT_ONCE)
            if not events:
                continue
            self._watching[connection] = events[-1].sequence
            try:
                self._send(connection, b"".join(encode(event) for event in events))
            except OSError:
                self._drop(connection)

    def _has_news(self) -> bool:
        """Whether a watcher that reads has events to come."""
        newest = self._commands.last_sequence
        return any(seen < newest and not connection.has_unsent for connection, seen in self._watching.items())

    def _drop(self, connection: Connection) -> None:
        self._peers.pop(connection)
        self._watching.pop(connection, None)
        if connection.client in self._selector.get_map():
            self._selector.unregister(connection.client)
        connection.close()
