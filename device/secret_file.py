"""Files that hold one secret: 0600, written whole or not at all, refused when others may read them."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

SECRET_BYTES = 32
FILE_AT_MOST_BYTES = 4096


class BadSecretError(ValueError):
    """The file holds no such secret, or others may read it. Owners of secrets turn it into an error of their own."""


def read_secret(path: Path, *, header: str) -> bytes:
    """The 32 bytes in `path`, which starts with `header`. Raises BadSecretError, and OSError as it comes."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_AT_MOST_BYTES:
        raise BadSecretError("the file holds no such key")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSecretError("others may read this key; chmod 600 it, and replace it if they could have")
    return decode_key(path.read_bytes(), header=header)


def decode_key(content: bytes, *, header: str) -> bytes:
    """The 32 bytes in the text of a key file. Raises BadSecretError."""
    text = content.decode("ascii", "replace").strip()
    try:
        key = base64.b64decode(text.removeprefix(header), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(header) or len(key) != SECRET_BYTES:
        raise BadSecretError("the file holds no such key, or is damaged")
    return key


def encode_key(key: bytes, *, header: str) -> str:
    """The text of a key file."""
    return f"{header}{base64.b64encode(key).decode()}\n"


def write_new(path: Path, text: str, *, mode: int = 0o600) -> bool:
    """Write a file that appears whole and durable; False when there is one already. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    try:
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, mode), "w") as stream:  # noqa: PTH123 (a descriptor)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        give_to_owner_of_folder(draft)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def give_to_owner_of_folder(path: Path) -> None:
    """A file that root makes must not lock out the service that owns the folder. Raises OSError."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
