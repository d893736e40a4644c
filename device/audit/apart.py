"""The end of the log, kept apart from it: what tells a log that was cut or rolled back from one that ended there.

One small file with two slots that take the newest signed head in turn, so that a power cut in the middle of a write
leaves the other. It is not forced to the disk with every event: after a power cut it may be behind the log, which does
no harm, because rows of the log carry signatures of their own. It is never ahead of the log.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from device.audit.sign import PublicKey, Statement, StatementKind
from device.errors import AuditError
from device.secret_file import write_new

SLOT_BYTES = 4096  # a page: writing one never touches the other
SLOTS = 2


class HeadFile:
    """The two slots, open for as long as the log is. Its lock lines up all processes that append to the log.

    Raises AuditError when the file cannot be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _file_errors(path):
            if not path.exists():
                write_new(path, "\n" * SLOT_BYTES * SLOTS)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """For one process at a time, from reading the end of the log to noting its new one."""
        with _file_errors(self._path):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def write(self, statement: Statement) -> None:
        """Note the new end of the log. It survives this process at once, and a power cut soon."""
        content = json.dumps(statement.as_object()).encode("ascii").ljust(SLOT_BYTES - 1) + b"\n"
        with _file_errors(self._path):
            os.pwrite(self._descriptor, content, statement.head.sequence % SLOTS * SLOT_BYTES)

    def read(self, public: PublicKey) -> Statement | None:
        """The newest head that this device signed; None when there is none."""
        with _file_errors(self._path):
            return _newest(os.pread(self._descriptor, SLOT_BYTES * SLOTS, 0), public)

    def close(self) -> None:
        """Let the file go; harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextlib.contextmanager
def head_kept_apart(path: Path, *, public: PublicKey) -> Iterator[Statement | None]:
    """The newest head in the file, for as long as nobody may append; None without a file or a genuine statement."""
    with _file_errors(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            descriptor = -1
    if descriptor < 0:
        yield None
        return
    try:
        with _file_errors(path):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            newest = _newest(os.pread(descriptor, SLOT_BYTES * SLOTS, 0), public)
        yield newest
    finally:
        os.close(descriptor)


def _newest(content: bytes, public: PublicKey) -> Statement | None:
    found: Statement | None = None
    for at in range(0, SLOT_BYTES * SLOTS, SLOT_BYTES):
        try:
            statement = Statement.from_object(json.loads(content[at : at + SLOT_BYTES]))
        except ValueError:  # never written, or torn by a power cut
            continue
        is_genuine = statement.kind is StatementKind.HEAD and public.has_signed(statement)
        if is_genuine and (found is None or statement.head.sequence > found.head.sequence):
            found = statement
    return found


@contextlib.contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditError(f"{path}: the end of the audit log cannot be kept: {error.strerror or error}") from error
