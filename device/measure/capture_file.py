"""The file of one captured attempt: every frame with its time, then what the door made of it. Sealed throughout.

Biometric data: nothing of it is ever on a disk in a readable form, and a file appears whole or not at all.
"""

from __future__ import annotations

import errno
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import cv2
import numpy as np

from device.collection.keys import KeyFolder
from device.collection.seal import SiteKey, UnsealError
from device.collection.sealed_stream import StreamSealer, unseal_stream
from device.errors import (
    CaptureKeyMissingError,
    CaptureUnreadableError,
    SiteKeyMissingError,
    StorageFullError,
    StorageUnwritableError,
)
from device.measure.live import Live, decode_live, encode_live
from device.secret_file import give_to_owner_of_folder, sync_folder
from device.types import Image

SUFFIX = ".lpad"
PURPOSE = "pad capture"
DRAFT = ".draft-"
FRAME, END = b"F", b"E"  # the first byte of a record
# Without subsampling of colour and at this quality the texture pair's score of a frame moved by 0.003 in the median and
# 0.044 at most, across neither bound, on 251 frames of three clips and 9 stills: all compressed before, none raw.
QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
_TIME = struct.Struct(">d")
_NO_UNNAMED_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


class CaptureWriter:
    """Writes one attempt into an unnamed file, which gets its name when it is whole."""

    def __init__(self, stream: BinaryIO, key: SiteKey) -> None:
        self._sealer = StreamSealer(stream, key, purpose=PURPOSE)

    def add(self, at: float, image: Image) -> None:
        """One frame, `at` seconds after the first. Raises OSError."""
        is_encoded, content = cv2.imencode(".jpg", image, QUALITY)
        if not is_encoded:
            raise ValueError(f"a picture of shape {image.shape} cannot be encoded")
        self._sealer.add(FRAME + _TIME.pack(at) + content.tobytes())

    def finish(self, live: Live) -> None:
        """The end. Raises OSError."""
        self._sealer.finish(END + encode_live(live))


@contextmanager
def writing_capture(file: Path, key: SiteKey) -> Iterator[CaptureWriter]:
    """A writer for `file`, which appears when the block ends, and not when it raises or the process dies.

    Raises StorageFullError and StorageUnwritableError.
    """
    with _disk_errors(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = _open_draft(file.parent)
        try:
            with open(descriptor, "wb") as stream:  # noqa: PTH123 (a descriptor)
                yield CaptureWriter(cast("BinaryIO", stream), key)
                stream.flush()
                os.fsync(descriptor)
                _publish(descriptor, draft, file)
        finally:
            if draft is not None:
                draft.unlink(missing_ok=True)
        give_to_owner_of_folder(file)
        sync_folder(file.parent)


def sweep_drafts(folder: Path) -> None:
    """Remove what a capture that was killed may have left where files cannot be unnamed: sealed, and of no use."""
    for draft in folder.glob(f"{DRAFT}*"):
        draft.unlink(missing_ok=True)


def read_live(file: Path, keys: KeyFolder) -> Live:
    """What the door made of the attempt in `file`; reads it to its end, so that all of it is known to be whole.

    Raises CaptureUnreadableError and CaptureKeyMissingError.
    """
    live: Live | None = None
    for record in _records(file, keys):
        if live is not None:
            raise CaptureUnreadableError(f"{file}: something follows its end")
        if record[:1] == END:
            try:
                live = decode_live(record[1:])
            except ValueError as error:
                raise CaptureUnreadableError(f"{file}: {error}") from error
    if live is None:
        raise CaptureUnreadableError(f"{file}: it does not say what came of the attempt")
    return live


def read_frames(file: Path, keys: KeyFolder) -> Iterator[tuple[float, Image]]:
    """The frames and their times, one at a time. Raises as `read_live` does."""
    for record in _records(file, keys):
        if record[:1] != FRAME:
            return
        (at,) = _TIME.unpack(record[1 : 1 + _TIME.size])
        image = cv2.imdecode(np.frombuffer(record, np.uint8, offset=1 + _TIME.size), cv2.IMREAD_COLOR)
        if image is None:
            raise CaptureUnreadableError(f"{file}: a frame of it is no picture")
        yield at, np.asarray(image, np.uint8)


def new_name(stamp: str) -> str:
    """A file name that no other capture has, beginning with the `stamp` of a time."""
    return f"{stamp}-{secrets.token_hex(3)}{SUFFIX}"


def _records(file: Path, keys: KeyFolder) -> Iterator[bytes]:
    def key_of(key_id: str) -> SiteKey:
        try:
            return keys.with_id(key_id)
        except SiteKeyMissingError as error:
            raise CaptureKeyMissingError(
                f"{file}: this attempt is sealed with site key {key_id}, which is not on this device"
            ) from error

    try:
        with file.open("rb") as stream:
            yield from unseal_stream(stream, key_of, purpose=PURPOSE)
    except UnsealError as error:
        raise CaptureUnreadableError(f"{file}: this captured attempt cannot be read: {error}") from error
    except OSError as error:
        raise CaptureUnreadableError(f"{file}: it cannot be read: {error.strerror or error}") from error


def _open_draft(folder: Path) -> tuple[int, Path | None]:
    """A new file without a name, which vanishes with the process; under a draft's name where there is no such thing."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600), None
    except OSError as error:
        if error.errno not in _NO_UNNAMED_FILES:
            raise
    draft = folder / f"{DRAFT}{secrets.token_hex(6)}"
    return os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), draft


def _publish(descriptor: int, draft: Path | None, file: Path) -> None:
    if draft is not None:
        draft.rename(file)
        return
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:  # linkat(2): naming a folder makes Python follow the link to the unnamed file
        os.link(f"/proc/self/fd/{descriptor}", file.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


@contextmanager
def _disk_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError(f"{file}: no space is left for this attempt; nothing of it was kept") from error
        if error.errno is None:
            raise  # not of a disk: a camera that vanished, a door that does not answer
        raise StorageUnwritableError(f"{file}: it cannot be written: {error.strerror or error}") from error
