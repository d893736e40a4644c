"""Digests: how a file is known to be the one that was meant."""

from __future__ import annotations

import hashlib
from pathlib import Path

from models.errors import DigestError


def sha256_of(content: bytes) -> str:
    """The sha256 of `content` in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(file: Path) -> str:
    """The sha256 of a file that may be larger than memory. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_digest(found: str, *, expected: str, name: str) -> None:
    """Raises DigestError, naming the file and both digests, unless they are the same."""
    if found != expected:
        raise DigestError(f"{name} is not the file that the manifest names: expected sha256 {expected}, found {found}")
