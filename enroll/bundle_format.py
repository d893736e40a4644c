"""What is in a bundle: a header that everybody may read, and records that only the site opens. No I/O."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from device.errors import BundleDamagedError, BundleError

MAGIC = b"LNTLBDL1"
HEADER_AT_MOST_BYTES = 2048
BUNDLE_AT_MOST_BYTES = 256 * 2**20
RECORD_AT_MOST_BYTES = 16 * 2**20
RECORDS_AT_MOST = 50_000
LENGTH = struct.Struct(">I")

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Times = Annotated[datetime, Meta(tz=True)]
HexOf32Bytes = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Groups: TypeAlias = Annotated[tuple[Text, ...], Meta(max_length=100)]


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what bundles hold: immutable, and unknown keys are errors."""


class Header(Value, frozen=True, kw_only=True):
    """Who made a bundle, for which site, and when. In the clear, signed with the rest."""

    v: Literal[1] = 1
    site: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    author: HexOf32Bytes  # Ed25519 public key
    number: Annotated[int, Meta(ge=1, le=2**53)]  # grows with every bundle of an author
    made_at: Times
    expires_at: Times
    ephemeral: HexOf32Bytes  # X25519 public key, of this bundle only


class ConsentNote(Value, frozen=True):
    """To what a person agreed, and how."""

    text_version: Text
    language: Text
    how: Text
    given_at: Times


class TemplateNote(Value, frozen=True):
    """A template that the author's machine made."""

    model_id: Text
    vector: Annotated[bytes, Meta(min_length=4, max_length=16_384)]  # little-endian float32, unit length


class Enrol(Value, frozen=True, tag="enrol"):
    """A new person; as many photos as are announced follow as records of their own."""

    name: Text
    consent: ConsentNote
    external_id: Text | None = None
    groups: Groups = ()
    valid_from: Times | None = None
    valid_until: Times | None = None
    templates: Annotated[tuple[TemplateNote, ...], Meta(max_length=20)] = ()
    photos: Annotated[int, Meta(ge=0, le=10)] = 0


class Photo(Value, frozen=True, tag="photo"):
    """An encoded picture of the person before it."""

    content: bytes


class Change(Value, frozen=True, tag="change"):
    """What is to be different about somebody enrolled; what is not named stays."""

    person: Text  # id or external id
    suspended: bool | None = None
    groups: Groups | None = None
    valid_from: Times | msgspec.UnsetType | None = msgspec.UNSET
    valid_until: Times | msgspec.UnsetType | None = msgspec.UNSET


class Erase(Value, frozen=True, tag="erase"):
    """Somebody is to be erased."""

    person: Text  # id or external id


class End(Value, frozen=True, tag="end"):
    """The last record, which says how many came before it."""

    records: int


Record: TypeAlias = Enrol | Photo | Change | Erase | End

_headers = msgspec.json.Decoder(Header)
_records: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_header(header: Header) -> bytes:
    """The bytes before the sealed part: magic, length, JSON."""
    encoded = msgspec.json.encode(header)
    return MAGIC + LENGTH.pack(len(encoded)) + encoded


def decode_header(encoded: bytes) -> Header:
    """The JSON of a header. Raises BundleDamagedError for anything else, and for another way to write the same."""
    try:
        header = _headers.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleDamagedError(f"the bundle is truncated or damaged: its header says nothing: {error}") from error
    if msgspec.json.encode(header) != encoded:
        raise BundleDamagedError("the bundle is truncated or damaged: its header is not written as ours are")
    return header


def encode_records(records: Iterable[Record]) -> Iterator[bytes]:
    """Every record as bytes, and the end. Raises BundleError for one that is too large, or too many."""
    count = 0
    for count, record in enumerate(records, start=1):
        encoded = msgspec.msgpack.encode(record)
        if len(encoded) > RECORD_AT_MOST_BYTES or count >= RECORDS_AT_MOST:
            raise BundleError(f"a bundle holds {RECORDS_AT_MOST} records of {RECORD_AT_MOST_BYTES >> 20} MiB at most")
        yield LENGTH.pack(len(encoded)) + encoded
    encoded = msgspec.msgpack.encode(End(records=count))
    yield LENGTH.pack(len(encoded)) + encoded


def decode_records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """The reverse of `encode_records`, from bytes cut anywhere; one record in memory at a time.

    Raises BundleDamagedError for anything else. Nothing is missing when the iteration ends.
    """
    pending, count = bytearray(), 0
    has_ended = False
    for chunk in chunks:
        pending += chunk
        while len(pending) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(pending)
            if length > RECORD_AT_MOST_BYTES or has_ended or count >= RECORDS_AT_MOST:
                raise BundleDamagedError("the bundle holds more than a bundle may")
            if len(pending) < LENGTH.size + length:
                break
            record = _decode(bytes(pending[LENGTH.size : LENGTH.size + length]))
            del pending[: LENGTH.size + length]
            if isinstance(record, End):
                has_ended = record.records == count
            else:
                count += 1
                yield record
    if not has_ended or pending:
        raise BundleDamagedError("the bundle is not complete")


def _decode(encoded: bytes) -> Record:
    try:
        return _records.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError) as error:
        raise BundleDamagedError(f"the bundle holds a record that is none: {error}") from error
