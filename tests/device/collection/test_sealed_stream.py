"""Sealed streams: what comes out is what went in, or nothing does."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.collection import sealed_stream
from device.collection.seal import SiteKey, UnsealError
from device.collection.sealed_stream import MAGIC, RECORD_AT_MOST_BYTES, StreamSealer, unseal_stream

KEY = SiteKey(bytes(range(32)))
OTHER = SiteKey(bytes(32))
HEADER = len(MAGIC) + sealed_stream.KEY_ID_BYTES + sealed_stream.SALT_BYTES
PREFIX = 5

records = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def sealed(content: list[bytes], *, key: SiteKey = KEY, purpose: str = "test") -> bytes:
    sink = io.BytesIO()
    sealer = StreamSealer(sink, key, purpose=purpose)
    for record in content[:-1]:
        sealer.add(record)
    sealer.finish(content[-1])
    return sink.getvalue()


def unsealed(stream: bytes, *, key: SiteKey = KEY, purpose: str = "test") -> list[bytes]:
    return list(unseal_stream(io.BytesIO(stream), lambda _: key, purpose=purpose))


def parts(stream: bytes) -> list[bytes]:
    """The records of a stream as they lie in it, with their prefixes."""
    found, at = [], HEADER
    while at < len(stream):
        length = PREFIX + int.from_bytes(stream[at + 1 : at + PREFIX], "big")
        found.append(stream[at : at + length])
        at += length
    return found


@given(records)
def test_what_comes_out_is_what_went_in(content: list[bytes]) -> None:
    assert unsealed(sealed(content)) == content


@given(records, st.data())
def test_no_bit_can_be_changed(content: list[bytes], data: st.DataObject) -> None:
    stream = bytearray(sealed(content))
    bit = data.draw(st.integers(0, 8 * len(stream) - 1))
    stream[bit // 8] ^= 1 << bit % 8
    with pytest.raises(UnsealError):
        unsealed(bytes(stream))


def test_every_single_bit_of_a_small_stream_is_guarded() -> None:
    whole = sealed([b"one", b"", b"three"])
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UnsealError):
            unsealed(bytes(changed))


def test_it_cannot_be_cut_off_anywhere_nor_lengthened() -> None:
    whole = sealed([b"one", b"", b"three"])
    for length in range(len(whole)):
        with pytest.raises(UnsealError):
            unsealed(whole[:length])
    with pytest.raises(UnsealError, match="behind its end"):
        unsealed(whole + b"\0")


def test_its_records_cannot_be_reordered_left_out_or_repeated() -> None:
    whole = sealed([b"aaa", b"bbb", b"ccc", b"end"])
    head, pieces = whole[:HEADER], parts(whole)
    assert head + b"".join(pieces) == whole
    for count in range(1, len(pieces) + 2):
        for chosen in itertools.product(pieces, repeat=count):
            if list(chosen) != pieces:
                with pytest.raises(UnsealError):
                    unsealed(head + b"".join(chosen))


def test_records_of_two_streams_cannot_be_mixed() -> None:
    first, second = sealed([b"aaa", b"end"]), sealed([b"bbb", b"end"])
    mixed = first[:HEADER] + parts(first)[0] + parts(second)[1]
    with pytest.raises(UnsealError):
        unsealed(mixed)
    with pytest.raises(UnsealError):
        unsealed(second[:HEADER] + b"".join(parts(first)))


def test_another_key_or_another_purpose_opens_nothing() -> None:
    with pytest.raises(UnsealError):
        unsealed(sealed([b"one"]), key=OTHER)
    with pytest.raises(UnsealError):
        unsealed(sealed([b"one"]), purpose="another")


def test_the_key_is_asked_for_by_the_id_that_the_stream_names() -> None:
    asked: list[str] = []

    def key_of(key_id: str) -> SiteKey:
        asked.append(key_id)
        return KEY

    assert list(unseal_stream(io.BytesIO(sealed([b"one"])), key_of, purpose="test")) == [b"one"]
    assert asked == [KEY.id]


def test_without_its_last_record_nobody_reads_it_to_the_end() -> None:
    sink = io.BytesIO()
    StreamSealer(sink, KEY, purpose="test").add(b"one")
    read = unseal_stream(io.BytesIO(sink.getvalue()), lambda _: KEY, purpose="test")
    assert next(read) == b"one"
    with pytest.raises(UnsealError, match="too early"):
        next(read)


def test_two_streams_of_the_same_records_have_nothing_in_common() -> None:
    first, second = (parts(sealed([b"a" * 64, b"b" * 64])) for _ in range(2))
    assert all(one[PREFIX:] != another[PREFIX:] for one, another in zip(first, second, strict=True))
    assert b"aaaa" not in b"".join(first)


def test_a_length_that_no_record_has_is_refused_before_anything_is_read() -> None:
    whole = bytearray(sealed([b"one"]))
    whole[HEADER + 1 : HEADER + PREFIX] = (RECORD_AT_MOST_BYTES + 1).to_bytes(4, "big")
    with pytest.raises(UnsealError, match="changed"):
        unsealed(bytes(whole))


def test_a_record_that_no_reader_would_take_is_not_written() -> None:
    sealer = StreamSealer(io.BytesIO(), KEY, purpose="test")
    with pytest.raises(ValueError, match="at most"):
        sealer.add(bytes(RECORD_AT_MOST_BYTES))


@pytest.mark.parametrize("content", [b"", b"not sealed", MAGIC, b"\xff\xd8\xff\xe0" + bytes(200)])
def test_what_is_no_sealed_stream_is_refused(content: bytes) -> None:
    with pytest.raises(UnsealError, match="no sealed recording"):
        unsealed(content)
