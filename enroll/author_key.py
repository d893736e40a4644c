"""The key of an author of bundles: a 0600 file, its public half beside it, and the number of the last bundle."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from device.collection.authority import SigningKey, SiteCard, VerifyingKey
from device.errors import BundleError
from device.secret_file import BadSecretError, decode_key, encode_key, read_secret, sync_folder, write_new

HEADER = "lintel-author-key-1:"
PUBLIC_HEADER = "lintel-author-public-key-1:"


def make_key(file: Path) -> SigningKey:
    """A new key in `file`, its public half in `file`.pub. Raises BundleError when there is one, or none can be made."""
    secret = os.urandom(32)
    try:
        is_new = write_new(file, encode_key(secret, header=HEADER))
        if is_new:
            public = encode_key(SigningKey(secret).public.raw, header=PUBLIC_HEADER)
            public_file(file).write_text(public, encoding="ascii")
    except OSError as error:
        raise BundleError(f"{file}: the key cannot be written: {error.strerror or error}") from error
    if not is_new:
        raise BundleError(f"{file}: there is a file already")
    return SigningKey(secret)


def public_file(file: Path) -> Path:
    """Where the public half of the key in `file` is."""
    return file.with_name(file.name + ".pub")


def read_key(file: Path) -> SigningKey:
    """The key in a file that only its owner may read. Raises BundleError."""
    try:
        return SigningKey(read_secret(file, header=HEADER))
    except BadSecretError as error:
        raise BundleError(f"{file}: not a key of an author: {error}") from error
    except OSError as error:
        raise BundleError(f"{file}: the key cannot be read: {error.strerror or error}") from error


def read_public_key(file: Path) -> VerifyingKey:
    """The public half of an author's key. Raises BundleError."""
    try:
        return VerifyingKey(decode_key(file.read_bytes(), header=PUBLIC_HEADER))
    except BadSecretError as error:
        raise BundleError(f"{file}: not a public key of an author: {error}") from error
    except OSError as error:
        raise BundleError(f"{file}: the public key cannot be read: {error.strerror or error}") from error


def read_card(file: Path) -> SiteCard:
    """The card of a site. Raises BundleError."""
    try:
        return SiteCard.parse(file.read_text(encoding="ascii"))
    except OSError as error:
        raise BundleError(f"{file}: the card cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BundleError(f"{file}: {error}") from error


def next_number(file: Path, *, at: datetime) -> int:
    """A number above all that this key gave out, and durable before it is used: milliseconds, or the last and one.

    Raises BundleError when it cannot be kept.
    """
    kept = file.with_name(file.name + ".last")
    try:
        last = int(kept.read_text(encoding="ascii")) if kept.exists() else 0
        number = max(int(at.timestamp() * 1000), last + 1)
        draft = kept.with_name(kept.name + ".new")
        with draft.open("w", encoding="ascii") as stream:
            stream.write(str(number))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(kept)
        sync_folder(kept.parent)
    except (OSError, ValueError) as error:
        raise BundleError(f"{kept}: the number of the last bundle cannot be kept: {error}") from error
    return number
