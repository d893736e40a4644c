"""Sealing and signing bundles: to one site, by one author, a chunk at a time.

    magic · length · header · chunks of 64 KiB, each AES-256-GCM · 64 bytes of signature

The file's key comes from X25519 (RFC 7748) between a key made for this bundle and the site's, by HKDF-SHA256 (RFC 5869)
over the whole header. Chunks are the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015): nonces count
chunks and mark the last, so none can be cut off, added or moved. The signature is Ed25519 (RFC 8032) over SHA-512 of
all before it. Nothing is compressed. A bundle is copied once into a file without a name and only that copy is used, so
that a stick that is pulled out, or answers differently the second time, changes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from device.collection.authority import SigningKey, SiteAuthority, SiteCard, VerifyingKey
from device.errors import BundleDamagedError, BundleError
from enroll.bundle_format import (
    BUNDLE_AT_MOST_BYTES,
    HEADER_AT_MOST_BYTES,
    LENGTH,
    MAGIC,
    Header,
    decode_header,
    encode_header,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK_BYTES, TAG_BYTES, SIGNATURE_BYTES = 65_536, 16, 64
PURPOSE = "bundle"
NONCE = struct.Struct(">7xIB")
DAMAGED = "the bundle is truncated or damaged: its signature does not hold"


Open: TypeAlias = Callable[[Path], BinaryIO]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A copy of a bundle whose signature holds. Whether its author is trusted is another question."""

    header: Header
    id: str  # of the whole file: 16 hexadecimal digits of its SHA-512
    size: int  # bytes
    copy: BinaryIO
    body_at: int  # where the sealed chunks begin

    @property
    def author(self) -> VerifyingKey:
        """Who signed it."""
        return VerifyingKey(bytes.fromhex(self.header.author))


def new_ephemeral() -> tuple[bytes, bytes]:
    """An X25519 key for one bundle: private and public, 32 bytes each."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    key = X25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


def write_bundle(
    out: BinaryIO, header: Header, plain: Iterable[bytes], *, card: SiteCard, keys: tuple[SigningKey, bytes]
) -> None:
    """Write a bundle; `keys` are the author's, and the private half of the header's ephemeral key. Raises OSError."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    author, ephemeral = keys
    begin = encode_header(header)
    shared = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(card.box))
    cipher, digest = _cipher(shared, begin), hashlib.sha512(begin)
    out.write(begin)
    for number, (chunk, is_last) in enumerate(_chunks(plain)):
        sealed = cipher.encrypt(NONCE.pack(number, is_last), chunk, None)
        digest.update(sealed)
        out.write(sealed)
    out.write(author.sign(digest.digest(), purpose=PURPOSE))


@contextlib.contextmanager
def verified_copy(file: Path, *, scratch: Path, opened: Open | None = None) -> Iterator[Bundle]:
    """A bundle whose signature holds, copied once into a file without a name in `scratch`; `opened` reads it.

    Raises BundleError for what is no regular file, too large or unreadable, BundleDamagedError for what was changed.
    """
    with contextlib.ExitStack() as stack:
        try:
            copy = stack.enter_context(open(os.open(scratch, os.O_TMPFILE | os.O_RDWR, 0o600), "w+b"))  # noqa: PTH123 (a descriptor)
            with (opened or open_regular)(file) as source:
                size = _copy(source, copy, name=file)
            copy.flush()
        except OSError as error:
            raise BundleError(f"{file}: the bundle cannot be read or copied: {error.strerror or error}") from error
        yield _verify(copy, size)


def plain_chunks(bundle: Bundle, authority: SiteAuthority) -> Iterator[bytes]:
    """What is in a bundle, in order. Raises BundleDamagedError when it does not open for this site."""
    from cryptography.exceptions import InvalidTag

    try:
        shared = authority.agree(bytes.fromhex(bundle.header.ephemeral))
        cipher = _cipher(shared, encode_header(bundle.header))
        left, number = bundle.size - SIGNATURE_BYTES - bundle.body_at, 0
        bundle.copy.seek(bundle.body_at)
        while left:
            sealed = bundle.copy.read(min(left, CHUNK_BYTES + TAG_BYTES))
            left -= len(sealed)
            yield cipher.decrypt(NONCE.pack(number, not left), sealed, None)
            number += 1
    except (InvalidTag, ValueError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleDamagedError("the bundle does not open with this site's key") from error


def open_regular(file: Path) -> BinaryIO:
    """A regular file for reading. Raises OSError, also for a link, and BundleError for whatever else it may be."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BundleError(f"{file}: this is no regular file")
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 (a descriptor)


def _copy(source: BinaryIO, copy: BinaryIO, *, name: Path) -> int:
    size = 0
    while chunk := source.read(CHUNK_BYTES):
        size += len(chunk)
        if size > BUNDLE_AT_MOST_BYTES:
            raise BundleError(f"{name}: a bundle has {BUNDLE_AT_MOST_BYTES >> 20} MiB at most")
        copy.write(chunk)
    return size


def _verify(copy: BinaryIO, size: int) -> Bundle:
    copy.seek(0)
    start = copy.read(len(MAGIC) + LENGTH.size)
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + LENGTH.size:
        raise BundleDamagedError("this is no bundle, or its beginning is damaged")
    (length,) = LENGTH.unpack(start[len(MAGIC) :])
    body_at = len(start) + length
    if length > HEADER_AT_MOST_BYTES or size < body_at + 1 + TAG_BYTES + SIGNATURE_BYTES:
        raise BundleDamagedError(DAMAGED)
    header = decode_header(copy.read(length))
    digest, left = hashlib.sha512(), size - SIGNATURE_BYTES
    copy.seek(0)
    while left and (chunk := copy.read(min(left, CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
    bundle = Bundle(header, digest.hexdigest()[:16], size, copy, body_at)
    if left or not bundle.author.has_signed(digest.digest(), copy.read(), purpose=PURPOSE):
        raise BundleDamagedError(DAMAGED)
    return bundle


def _cipher(shared: bytes, begin: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = b"lintel bundle key 1\0" + hashlib.sha256(begin).digest()
    return AESGCM(HKDF(SHA256(), length=32, salt=None, info=info).derive(shared))


def _chunks(plain: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The bytes cut into full chunks and a last one, each with whether it is the last."""
    pending = bytearray()
    for part in plain:
        pending += part
        while len(pending) > CHUNK_BYTES:
            yield bytes(pending[:CHUNK_BYTES]), False
            del pending[:CHUNK_BYTES]
    yield bytes(pending), True
