"""The gate in front of libosdp."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osdp_fuzz import framed, random_packets

from firmware_bridge.osdp_guard import COMMAND_BYTES, MAX_PACKET_BYTES, SILENCE_S, OsdpGuard, crc16

ADDRESS = 5
POLL = framed(ADDRESS, b"\x60", sequence=1)

well_formed = st.sampled_from(sorted(COMMAND_BYTES)).flatmap(
    lambda command: st.binary(min_size=COMMAND_BYTES[command][0], max_size=COMMAND_BYTES[command][1]).map(
        lambda data: framed(ADDRESS, bytes([command]) + data, sequence=1)
    )
)
chatter = st.binary(max_size=30).map(lambda noise: noise.replace(b"S", b"s"))  # no start byte in it


def passed(data: bytes, guard: OsdpGuard | None = None) -> bytes:
    guard = guard or OsdpGuard(ADDRESS)
    guard.feed(data, 1.0)
    return guard.take(100_000)


def test_the_checksum_is_osdp_s() -> None:
    assert crc16(b"123456789") == 0xE5CC  # the check value of CRC-16 with this polynomial and beginning


@given(well_formed)
def test_a_packet_of_a_panel_comes_through_unchanged(packet: bytes) -> None:
    assert passed(packet) == packet


@given(st.lists(st.tuples(chatter, well_formed), max_size=5), st.integers(1, 40))
def test_packets_come_through_whole_however_the_line_delivers_them(parts: list[tuple[bytes, bytes]], size: int) -> None:
    line = b"".join(noise + packet for noise, packet in parts)
    guard, got = OsdpGuard(ADDRESS), b""
    for start in range(0, len(line), size):
        guard.feed(line[start : start + size], 1.0)
        got += guard.take(1000)
    assert got.replace(b"\xff", b"") == b"".join(packet for _, packet in parts).replace(b"\xff", b"")


@pytest.mark.parametrize("command", sorted(set(range(256)) - set(COMMAND_BYTES)))
def test_a_command_without_a_name_never_reaches_libosdp(command: int) -> None:
    assert passed(framed(ADDRESS, bytes([command]), sequence=1)) == b""
    assert passed(framed(ADDRESS, bytes([command]) + bytes(20), sequence=1, security=b"\x02\x17")) == b""


@pytest.mark.parametrize(("what", "packet"), [
    ("somebody else's", framed(6, b"\x60", sequence=1)),
    ("everybody's", framed(0x7F, b"\x60", sequence=1)),
    ("a reader's reply", framed(ADDRESS | 0x80, b"\x40", sequence=1)),
    ("a poll with data", framed(ADDRESS, b"\x60\x00", sequence=1)),
    ("an order that is too short", framed(ADDRESS, b"\x69\x00", sequence=1)),
    ("a wrong checksum", POLL[:-1] + bytes([POLL[-1] ^ 1])),
    ("a handshake block on an order", framed(ADDRESS, b"\x60", sequence=1, security=b"\x03\x11\x00")),
    ("a security block of nothing", framed(ADDRESS, b"\x60", sequence=1, security=b"\x00\x15")),
    ("a security block longer than the packet", framed(ADDRESS, b"\x60", sequence=1, security=b"\xc8\x15")),
    ("a reply's security block", framed(ADDRESS, b"\x60" + bytes(4), sequence=1, security=b"\x02\x16")),
    ("a session without a code", framed(ADDRESS, b"\x60", sequence=1, security=b"\x02\x15")),
    ("a cipher that is no whole block", framed(ADDRESS, b"\x69" + bytes(15 + 4), sequence=1, security=b"\x02\x17")),
    ("a length of nothing", b"\x53\x05\x00\x00\x04\x60\x00\x00"),
    ("a length beyond the buffer", b"\x53\x05\xff\xff\x04\x60\x00\x00"),
])  # fmt: skip
def test_what_is_no_packet_for_us_is_dropped(what: str, packet: bytes) -> None:
    guard = OsdpGuard(ADDRESS)
    assert passed(packet, guard) == b"", what
    assert passed(bytes(MAX_PACKET_BYTES) + POLL, guard).endswith(POLL[1:]), "and the next one is found"


def test_a_packet_that_stops_in_the_middle_does_not_swallow_the_next() -> None:
    guard = OsdpGuard(ADDRESS)
    guard.feed(b"\x53\x05\xc8\x00\x04\x60", 1.0)  # promises 200 bytes
    assert guard.take(1000) == b""
    guard.feed(POLL, 1.0 + 2 * SILENCE_S)
    assert guard.take(1000) == POLL


def test_libosdp_takes_as_much_as_it_wants_at_a_time() -> None:
    guard = OsdpGuard(ADDRESS)
    guard.feed(POLL, 1.0)
    assert guard.take(3) + guard.take(1000) == POLL
    guard.feed(POLL, 1.0)
    guard.forget()
    assert guard.take(1000) == b""


def test_a_hundred_thousand_malformed_packets_pass_only_if_they_are_well_formed() -> None:
    guard = OsdpGuard(ADDRESS)
    for packet in random_packets(random.Random(5), count=100_000, address=ADDRESS):
        guard.feed(packet, 1.0)
        out = guard.take(100_000)
        assert len(out) <= 2 * MAX_PACKET_BYTES
        assert len(guard._line) <= MAX_PACKET_BYTES
