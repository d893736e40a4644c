"""A file with personal data that appears whole or not at all, and only when it may."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from device.collection.storage import NO_SPACE
from device.errors import DeviceError, StorageFullError, StorageUnwritableError
from device.secret_file import sync_folder


@contextlib.contextmanager
def drafted(content: bytes, *, to: Path) -> Iterator[Callable[[], None]]:
    """A durable file (mode 0600) that has not its name yet; call what is yielded to name it `to`.

    Unnamed at the end, it is gone. Raises StorageUnwritableError, also where there is a file of that name, and
    StorageFullError.
    """
    draft = to.with_name(f".{to.name}.{os.getpid()}")

    def give_name() -> None:
        with _our_errors(to):
            draft.replace(to)
            sync_folder(to.parent)

    try:
        with _our_errors(to):
            if to.exists() or to.is_symlink():
                raise FileExistsError(errno.EEXIST, "there is a file of that name")
            _write(draft, content)
        yield give_name
    finally:
        with contextlib.suppress(OSError):  # the first error is told
            draft.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # of a process with our number that was killed
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "wb") as stream:  # noqa: PTH123 (a descriptor)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DeviceError:  # some of ours are OSErrors too
        raise
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageFullError(f"{path}: no space is left; nothing was written") from error
        raise StorageUnwritableError(f"{path} cannot be written: {error.strerror or error}") from error
