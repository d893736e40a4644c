"""Asking the door daemon, from any other process of this machine."""

from __future__ import annotations

import logging
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from firmware_bridge.errors import BridgeError, CommandRefusedError, DoorUnreachableError, ProtocolError
from firmware_bridge.protocol import (
    Acknowledge,
    BeginFreePassage,
    BeginLockdown,
    CloseInstallMode,
    Done,
    DoorEvent,
    DoorStatus,
    DriveInput,
    EmitLight,
    Events,
    FetchEvents,
    FetchPinLevels,
    Indicate,
    LightBegun,
    OpenInstallMode,
    PinLevels,
    PresentCard,
    QueryStatus,
    ReaderInput,
    ReaderInputs,
    Refused,
    ReleaseLock,
    Reply,
    Request,
    SecureLock,
    SetPanelKey,
    StopFreePassage,
    StopLockdown,
    TakeReaderInputs,
    Watch,
    decode_reply,
    encode,
)
from firmware_bridge.types import Indication

_log = logging.getLogger(__name__)

ReplyT = TypeVar("ReplyT", bound=Reply)


class DoorClient:
    """The door daemon behind the socket at `socket_path`.

    Every call connects anew, so a daemon that restarted needs no care, and the client may be shared between threads.
    `timeout_s` bounds each call. Unless said otherwise a call raises DoorUnreachableError when the daemon does not
    answer, CommandRefusedError with the daemon's reason when it refuses, and ProtocolError when what answers is not
    the daemon; anything else is a bug.
    """

    def __init__(self, socket_path: Path, *, timeout_s: float = 1.0) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s

    def release(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        """Release the lock for `duration_s` seconds because of audit row `audit_sequence`.

        `captured_at` is the capture time of the newest frame behind the decision, in seconds of CLOCK_MONOTONIC
        (`time.monotonic`); the daemon refuses a stale, future or repeated one. The client never asks twice.
        """
        self._command(_release(duration_s, audit_sequence, captured_at))

    def release_extended(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        """The same for a person who needs longer: the door's accessibility times apply."""
        self._command(_release(duration_s, audit_sequence, captured_at, extended=True))

    def indicate(self, indication: str) -> None:
        """Show the person at the door an indication, a word of `firmware_bridge.types.Indication`.

        Raises ValueError for any other word. A daemon that cannot be reached or refuses is only logged: a lamp that
        stays dark must not stop a decision.
        """
        try:
            self.show(Indication(indication))
        except (DoorUnreachableError, CommandRefusedError, ProtocolError) as error:
            _log.warning("door.indication_lost", extra={"indication": indication, "error": str(error)})

    def show(self, indication: Indication) -> None:
        """The same, but a daemon that cannot be reached or refuses is an error: for whoever tests the lamps."""
        self._command(Indicate(indication=indication))

    def present_card(self, *, facility: int, number: int, audit_sequence: int, captured_at: float) -> None:
        """Tell the access control panel a card number, by Wiegand and OSDP, because of audit row `audit_sequence`."""
        self._command(
            PresentCard(
                facility=facility,
                number=number,
                audit_sequence=audit_sequence,
                captured_at=captured_at,
                nonce=secrets.token_hex(16),
            )
        )

    def emit_light(self, flashes: Sequence[str], *, step_s: float) -> float:
        """Flash the light emitters in a code, one of "red", "green+blue", "white", "dark" … each `step_s` seconds.

        Returns when it began, in monotonic seconds. 1 to 64 flashes of 0.02 to 2 s each.
        """
        return self._ask(EmitLight(flashes=tuple(flashes), step_s=step_s), LightBegun).began_at

    def take_reader_inputs(self) -> list[ReaderInput]:
        """Cards and keys that the reader has read in the last half minute; nobody else gets them any more."""
        return list(self._ask(TakeReaderInputs(), ReaderInputs).inputs)

    def set_panel_key(self, key: bytes) -> None:
        """Use `key`, 16 bytes, for the panel's secure channel from now on."""
        self._command(SetPanelKey(key=key.hex()))

    def open_install_mode(self, *, duration_s: float) -> None:
        """Let the panel set a key for `duration_s` seconds, or until it has."""
        self._command(OpenInstallMode(duration_s=duration_s))

    def close_install_mode(self) -> None:
        """Enforce the panel's key again."""
        self._command(CloseInstallMode())

    def secure(self) -> None:
        """End every release by command, and free passage."""
        self._command(SecureLock())

    def lockdown(self) -> None:
        """Let no command release the lock until the lockdown ends; the exit button and the fire panel still do."""
        self._command(BeginLockdown())

    def end_lockdown(self) -> None:
        """Back to normal."""
        self._command(StopLockdown())

    def free_passage(self, *, duration_s: float | None = None) -> None:
        """Unlock for everybody, for `duration_s` seconds or until ended."""
        self._command(BeginFreePassage(duration_s=duration_s))

    def end_free_passage(self) -> None:
        """End an unlocked period."""
        self._command(StopFreePassage())

    def status(self) -> DoorStatus:
        """How the door is now."""
        return self._ask(QueryStatus(), DoorStatus)

    def events(self, after: int = 0, *, limit: int = 100) -> list[DoorEvent]:
        """Kept events with a sequence number above `after`, oldest first, at most `limit`."""
        return list(self._ask(FetchEvents(after=after, limit=limit), Events).events)

    def acknowledge(self, sequence: int) -> None:
        """Everything up to `sequence` is kept elsewhere now; the daemon may forget it."""
        self._command(Acknowledge(sequence=sequence))

    def watch(self, after: int = 0) -> Iterator[DoorEvent]:
        """Kept events above `after`, then every new one as it happens, until the daemon goes.

        Then raises DoorUnreachableError.
        """
        with self._connected() as connection, connection.makefile("rb") as lines:
            connection.sendall(encode(Watch(after=after)))
            _expect(_next_reply(lines.readline()), Done)
            connection.settimeout(None)
            while True:
                yield _expect(_next_reply(lines.readline()), DoorEvent)

    def pin_levels(self) -> list[tuple[float, str, bool]]:
        """The history of every fitted pin as (monotonic seconds, line, level), oldest first.

        Answered by mock pins only: CommandRefusedError otherwise.
        """
        return list(self._ask(FetchPinLevels(), PinLevels).levels)

    def drive_input(self, line: str, *, high: bool) -> None:
        """Set the level of input `line` ("rex", "position", …) as the wire outside would. Mock pins only."""
        self._command(DriveInput(line=line, high=high))

    def _command(self, request: Request) -> None:
        self._ask(request, Done)

    def _ask(self, request: Request, wanted: type[ReplyT]) -> ReplyT:
        with self._connected() as connection, connection.makefile("rb") as lines:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before we spoke: the reason can be read
                connection.sendall(encode(request))
            return _expect(_next_reply(lines.readline()), wanted)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
                connection.settimeout(self._timeout_s)
                connection.connect(str(self._path))
                yield connection
        except BridgeError:  # ours already, and some of them are OSErrors, too
            raise
        except OSError as error:
            reason = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or error
            raise DoorUnreachableError(f"{self._path}: the door daemon cannot be reached: {reason}") from error


def wait_until_ready(socket_path: Path, *, timeout_s: float = 10.0) -> DoorStatus:
    """The status of a daemon that is just starting, as soon as it answers.

    Raises DoorUnreachableError when it does not within `timeout_s`.
    """
    client = DoorClient(socket_path)
    give_up_at = time.monotonic() + timeout_s
    while True:
        try:
            return client.status()
        except DoorUnreachableError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(0.005)


def _release(duration_s: float, audit_sequence: int, captured_at: float, *, extended: bool = False) -> ReleaseLock:
    return ReleaseLock(
        duration_s=duration_s,
        audit_sequence=audit_sequence,
        captured_at=captured_at,
        nonce=secrets.token_hex(16),
        extended=extended,
    )


def _next_reply(line: bytes) -> Reply:
    if not line.endswith(b"\n"):
        raise DoorUnreachableError("the door daemon closed the connection")
    return decode_reply(line)


def _expect(reply: Reply, wanted: type[ReplyT]) -> ReplyT:
    if isinstance(reply, Refused):
        raise CommandRefusedError(f"the door refuses: {reply.sentence} ({reply.reason})")
    if not isinstance(reply, wanted):
        raise ProtocolError(f"the door answered {type(reply).__name__} instead of {wanted.__name__}")
    return reply
