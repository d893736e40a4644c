"""What is said on the socket."""

from __future__ import annotations

import random
import string
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import ProtocolError
from firmware_bridge.protocol import (
    DoorEvent,
    ReleaseLock,
    Reply,
    Request,
    SetPanelKey,
    decode_reply,
    decode_request,
    encode,
)
from firmware_bridge.types import EventKind

NONCE = "0123456789abcdef" * 2
RELEASE = ReleaseLock(duration_s=5.0, audit_sequence=7, captured_at=12.5, nonce=NONCE)

events = st.builds(
    DoorEvent,
    sequence=st.integers(1, 2**53),
    kind=st.sampled_from(EventKind),
    at=st.floats(0, 1e12),
    utc=st.just("2026-01-05T09:00:00.000+00:00"),
    detail=st.text(),
    actor=st.text(),
    audit_sequence=st.none() | st.integers(0, 2**53),
)


def test_a_message_is_one_line_and_comes_back() -> None:
    line = encode(RELEASE)
    assert line.count(b"\n") == 1
    assert decode_request(line) == RELEASE


@given(events)
def test_any_event_is_one_line_and_comes_back(event: DoorEvent) -> None:
    line = encode(event)
    assert line.count(b"\n") == 1
    assert decode_reply(line) == event


@pytest.mark.parametrize("kind", [*get_args(Request), *get_args(Reply)], ids=lambda kind: kind.__name__)
def test_every_message_carries_the_version(kind: type[msgspec.Struct]) -> None:
    assert "v" in kind.__struct_fields__


def change(**fields: object) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(RELEASE), **fields})


REFUSED = {
    "another version": change(v=2),
    "an unknown key": change(colour="red"),
    "an unknown type": change(type="open_sesame"),
    "a missing key": b'{"type":"release","v":1,"duration_s":5.0}',
    "a negative duration": change(duration_s=-1.0),
    "no duration": change(duration_s=0),
    "a duration of a day": change(duration_s=86_400.0),
    "a duration in words": change(duration_s="5"),
    "a negative row": change(audit_sequence=-1),
    "half a row": change(audit_sequence=1.5),
    "a row beyond 53 bits": change(audit_sequence=2**53 + 1),
    "a frame before time began": change(captured_at=-1.0),
    "a frame at no time": change(captured_at=0.0).replace(b'"captured_at":0.0', b'"captured_at":NaN'),
    "a frame at the end of time": change(captured_at=1e300),
    "a short nonce": change(nonce="ab"),
    "a nonce with a newline": change(nonce=NONCE + "\n"),
    "a nonce in capitals": change(nonce=NONCE.upper()),
    "a list": b"[]",
    "a number": b"1",
    "nothing": b"",
    "null": b"null",
    "two messages": encode(RELEASE).strip() * 2,
    "no UTF-8": b'{"type":"status","v":1,"x":"\xff"}',
    "a deep nest": b"[" * 100_000,
    "a reply": b'{"type":"done","v":1}',
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_is_not_exactly_a_request_is_refused(what: str) -> None:
    with pytest.raises(ProtocolError):
        decode_request(REFUSED[what])


def test_a_key_hides_in_logs() -> None:
    assert NONCE not in repr(SetPanelKey(key=NONCE))


def test_a_hundred_thousand_malformed_lines_are_refused_or_are_requests() -> None:
    """Mutations of real requests: every one is either refused as a ProtocolError or decodes to a request."""
    dice = random.Random(100_000)
    real = [encode(RELEASE), b'{"type":"status","v":1}\n', b'{"type":"indicate","v":1,"indication":"granted"}\n']
    for _ in range(100_000):
        line = bytearray(dice.choice(real))
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(line))
            match dice.randrange(4):
                case 0:
                    line[place] = dice.randrange(256)
                case 1:
                    del line[place : place + dice.randrange(1, 20)]
                case 2:
                    line[place:place] = dice.choice(string.punctuation).encode() * dice.randrange(1, 9)
                case _:
                    line += dice.randbytes(4)
            if not line:
                break
        try:
            assert isinstance(decode_request(bytes(line)), get_args(Request))
        except ProtocolError:
            continue
