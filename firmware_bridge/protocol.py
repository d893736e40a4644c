"""What is said on the daemon's Unix socket: one JSON object per line, versioned. Pure bytes in, values out.

A client sends one request and reads one reply. `Watch` is the exception: after it the connection carries nothing but
event lines. Anything that is not exactly a request is refused as malformed, and the connection closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from firmware_bridge.errors import ProtocolError
from firmware_bridge.types import Cause, DoorState, EventKind, Indication, Mode, Reading

VERSION = 1

# 128 bits in hexadecimal. Not `$` at the end, which would admit a newline after them.
HexOf128Bits = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Nonce = HexOf128Bits
Sequence = Annotated[int, Meta(ge=0, le=2**53)]  # what every JSON reader holds exactly
MonotonicSeconds = Annotated[float, Meta(ge=0.0, le=1e12)]
Line = Annotated[str, Meta(min_length=1, max_length=32)]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """Base of all messages: immutable, and unknown keys are errors."""

    v: Literal[1] = 1


class ReleaseLock(Message, frozen=True, tag="release"):
    """Release the lock for one passage.

    `captured_at` is the capture time of the newest frame behind the decision (for an operator: now), in seconds of
    CLOCK_MONOTONIC. `audit_sequence` is the audit row that was committed for it; 0 only from an operator.
    """

    duration_s: Annotated[float, Meta(gt=0.0, le=3600.0)]
    audit_sequence: Sequence
    captured_at: MonotonicSeconds
    nonce: Nonce
    extended: bool = False


class SecureLock(Message, frozen=True, tag="secure"):
    """End every release by command, and free passage."""


class BeginLockdown(Message, frozen=True, tag="lockdown"):
    """Refuse every release by command until the lockdown ends."""


class StopLockdown(Message, frozen=True, tag="end_lockdown"):
    """Back to normal; nothing that the lockdown ended comes back by itself."""


class BeginFreePassage(Message, frozen=True, tag="free_passage"):
    """Unlock for everybody, for `duration_s` or until ended."""

    duration_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] | None = None


class StopFreePassage(Message, frozen=True, tag="end_free_passage"):
    """End an unlocked period."""


class Indicate(Message, frozen=True, tag="indicate"):
    """Show the person at the door one of the indications."""

    indication: Indication


class EmitLight(Message, frozen=True, tag="emit_light"):
    """Flash the light emitters in a code: one colour each `step_s`, such as "red", "red+green", "white" or "dark"."""

    flashes: Annotated[tuple[Annotated[str, Meta(max_length=32)], ...], Meta(min_length=1, max_length=64)]
    step_s: Annotated[float, Meta(ge=0.02, le=2.0)]


class PresentCard(Message, frozen=True, tag="present_card"):
    """Tell the access control panel a card, by Wiegand and OSDP, because of audit row `audit_sequence`.

    For doors where the panel decides. Fresh as a release must be.
    """

    facility: Annotated[int, Meta(ge=0, lt=2**32)]
    number: Annotated[int, Meta(ge=0, lt=2**53)]
    audit_sequence: Sequence
    captured_at: MonotonicSeconds
    nonce: Nonce


class TakeReaderInputs(Message, frozen=True, tag="take_reader_inputs"):
    """What the keypad or card reader has read in the last half minute; whoever takes it has it alone."""


class SetPanelKey(Message, frozen=True, tag="set_panel_key"):
    """Use this key for the panel's secure channel from now on: 32 hexadecimal digits."""

    key: HexOf128Bits

    def __repr__(self) -> str:
        return "SetPanelKey(…)"


class OpenInstallMode(Message, frozen=True, tag="open_install_mode"):
    """Let the panel set a key for `duration_s`, or until it has."""

    duration_s: Annotated[float, Meta(gt=0.0, le=3600.0)]


class CloseInstallMode(Message, frozen=True, tag="close_install_mode"):
    """Enforce the key again."""


class QueryStatus(Message, frozen=True, tag="status"):
    """How the door is, now."""


class FetchEvents(Message, frozen=True, tag="events"):
    """Kept events with a sequence number above `after`, oldest first, at most `limit`."""

    after: Sequence = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class Acknowledge(Message, frozen=True, tag="acknowledge"):
    """Everything up to `sequence` is kept elsewhere: the spool may forget it."""

    sequence: Sequence


class Watch(Message, frozen=True, tag="watch"):
    """Send kept events above `after`, then every new one as it happens."""

    after: Sequence = 0


class FetchPinLevels(Message, frozen=True, tag="pin_levels"):
    """The recorded levels of every fitted pin. Answered only by mock pins."""


class DriveInput(Message, frozen=True, tag="drive_input"):
    """Set the level of an input as the wire outside would. Obeyed only by mock pins."""

    line: Line
    high: bool


Request: TypeAlias = (
    ReleaseLock
    | SecureLock
    | BeginLockdown
    | StopLockdown
    | BeginFreePassage
    | StopFreePassage
    | Indicate
    | EmitLight
    | PresentCard
    | TakeReaderInputs
    | SetPanelKey
    | OpenInstallMode
    | CloseInstallMode
    | QueryStatus
    | FetchEvents
    | Acknowledge
    | Watch
    | FetchPinLevels
    | DriveInput
)


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was refused: a stable word and a sentence for people."""

    reason: str
    sentence: str


class Done(Message, frozen=True, tag="done"):
    """It was done."""


class Refused(Message, frozen=True, tag="refused"):
    """It was not done. `reason` is a stable word, `sentence` is for people."""

    reason: str
    sentence: str


class DoorEvent(Message, frozen=True, tag="event"):
    """Something that happened at the door, kept until acknowledged."""

    sequence: int  # from 1, without gaps unless EVENTS_LOST says so; never reused, not even after a restart
    kind: EventKind
    at: float  # monotonic seconds of the boot it happened in
    utc: str  # civil time, ISO 8601; whether that clock is right is another matter
    cause: Cause | None = None
    actor: str = ""  # such as "uid 990"
    audit_sequence: int | None = None
    detail: str = ""


class DoorStatus(Message, frozen=True, tag="door_status"):
    """How the door is at this moment."""

    state: DoorState
    mode: Mode
    is_released: bool  # what the lock's line is driven to
    causes: tuple[Cause, ...]
    indication: Indication
    inputs: dict[str, Reading]  # fitted line -> what it shows
    faults: tuple[str, ...]  # one sentence each; empty: none
    advice: tuple[str, ...]  # what whoever installed the machine should still do, one sentence each
    is_tampered: bool
    is_sealed: bool  # closed and locked
    partner_is_sealed: bool | None  # the other door of an airlock; None: not fitted
    panel: str  # the OSDP link: "not_fitted", "no_key", "no_port", "offline", "secure" or "install_mode"
    panel_key: str  # fingerprint of its key; empty: none
    last_sequence: int  # of the newest event
    unacknowledged: int
    uptime_s: float


class Events(Message, frozen=True, tag="events"):
    """Kept events, oldest first."""

    events: tuple[DoorEvent, ...]
    last_sequence: int  # of the newest kept event: more wait while the last of `events` is below it


class LightBegun(Message, frozen=True, tag="light_begun"):
    """The light code runs."""

    began_at: float  # monotonic seconds


class ReaderInput(msgspec.Struct, frozen=True, kw_only=True):
    """One card or one key from the reader. Secret: it is never logged, spooled or shown in a repr."""

    at: float  # monotonic seconds, when it had been read
    key: str = ""  # one of 0123456789*#; empty: a card
    facility: int = 0
    number: int = 0

    def __repr__(self) -> str:
        return f"ReaderInput(at={self.at}, …)"


class ReaderInputs(Message, frozen=True, tag="reader_inputs"):
    """What the reader has read, oldest first."""

    inputs: tuple[ReaderInput, ...]


class PinLevels(Message, frozen=True, tag="pin_levels"):
    """Mock pins' history as (monotonic seconds, line, level), oldest first."""

    levels: tuple[tuple[float, str, bool], ...]


Reply: TypeAlias = Done | Refused | DoorStatus | Events | LightBegun | ReaderInputs | PinLevels | DoorEvent

_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """One line, its newline included."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """The request on one line. Raises ProtocolError when it is not exactly one."""
    with _protocol_errors():
        return _requests.decode(line)


def decode_reply(line: bytes) -> Reply:
    """The reply on one line. Raises ProtocolError when it is not exactly one."""
    with _protocol_errors():
        return _replies.decode(line)


@contextmanager
def _protocol_errors() -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a message of version {VERSION}: {error}") from error
