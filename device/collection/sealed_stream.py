"""Sealed streams: a file of records that nobody reads, changes, shortens or reorders without the site key.

The STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015) over AES-256-GCM. Every file has a key of its
own, derived from the site key, a purpose and 32 random bytes, so that a counter may serve as nonce; the last record has
a nonce that no other can have, so that a file which ends too early or goes on is refused. One record at a time is in
memory.

    magic · 8 bytes id of the site key · 32 random bytes · records
    record: 1 byte kind (0 more, 1 last) · 4 bytes length · ciphertext and 16 bytes of tag
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from device.collection.seal import SiteKey, UnsealError

MAGIC = b"lintel sealed stream 1\n"
KEY_ID_BYTES, SALT_BYTES, TAG_BYTES = 8, 32, 16
MORE, LAST = 0, 1
RECORD_AT_MOST_BYTES = 64 * 2**20  # no picture of any camera comes near
_PREFIX = struct.Struct(">BI")


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, content: bytes, /) -> object:
        """Take all of `content`. Raises OSError."""
        ...


class StreamSealer:
    """Writes one sealed stream. Without `finish` nobody can read it."""

    def __init__(self, sink: Sink, key: SiteKey, *, purpose: str) -> None:
        """Begin the stream. Raises OSError as `sink` does, here and below."""
        self._sink = sink
        self._header = MAGIC + bytes.fromhex(key.id) + os.urandom(SALT_BYTES)
        self._cipher = _Cipher(key, purpose, self._header)
        sink.write(self._header)

    def add(self, record: bytes) -> None:
        """One more record, of 64 MiB at most."""
        self._sink.write(self._cipher.seal(record, MORE))

    def finish(self, record: bytes) -> None:
        """The last record."""
        self._sink.write(self._cipher.seal(record, LAST))


def unseal_stream(source: BinaryIO, key_of: Callable[[str], SiteKey], *, purpose: str) -> Iterator[bytes]:
    """Every record in order. `key_of` gives the site key of an id, or raises.

    Raises UnsealError for what is no such stream, was changed, reordered, cut off or lengthened, or has another
    purpose. What was yielded before that is authentic, but only the end of the iteration says that nothing is missing.
    """
    header = source.read(len(MAGIC) + KEY_ID_BYTES + SALT_BYTES)
    if len(header) < len(MAGIC) + KEY_ID_BYTES + SALT_BYTES or not header.startswith(MAGIC):
        raise UnsealError("it is no sealed recording")
    key_id = header[len(MAGIC) : len(MAGIC) + KEY_ID_BYTES].hex()
    cipher = _Cipher(key_of(key_id), purpose, header)
    kind = MORE
    while kind == MORE:
        prefix = source.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            raise UnsealError("it ends too early")
        kind, length = _PREFIX.unpack(prefix)
        if kind not in {MORE, LAST} or not TAG_BYTES <= length <= RECORD_AT_MOST_BYTES:
            raise UnsealError("it was changed")
        sealed = source.read(length)
        if len(sealed) < length:
            raise UnsealError("it ends too early")
        record = cipher.unseal(sealed, kind)
        if kind == LAST and source.read(1):
            raise UnsealError("something was added behind its end")
        yield record


class _Cipher:
    """The key of one stream and its counter. A record says nothing of its place; the counter does."""

    def __init__(self, key: SiteKey, purpose: str, header: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt = header[-SALT_BYTES:].hex()
        self._cipher = AESGCM(key.derive(f"stream {purpose} {salt}"))
        self._header = header
        self._count = 0

    def seal(self, record: bytes, kind: int) -> bytes:
        if len(record) + TAG_BYTES > RECORD_AT_MOST_BYTES:
            raise ValueError(f"a record has at most {RECORD_AT_MOST_BYTES - TAG_BYTES} bytes, got {len(record)}")
        sealed = self._cipher.encrypt(self._nonce(kind), record, self._header)
        return _PREFIX.pack(kind, len(sealed)) + sealed

    def unseal(self, sealed: bytes, kind: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(self._nonce(kind), sealed, self._header)
        except InvalidTag as error:
            raise UnsealError("it was changed, or its records do not stand in their order") from error

    def _nonce(self, kind: int) -> bytes:
        nonce = bytes([kind]) + self._count.to_bytes(11, "big")
        self._count += 1
        return nonce
