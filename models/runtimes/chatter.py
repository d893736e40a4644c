"""Keeping one line of a native library off the user's terminal, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

STDERR = 2


@contextmanager
def without_line(unwanted: bytes) -> Iterator[None]:
    """Drop exactly the line `unwanted` from what native code writes to standard error meanwhile.

    Everything else passes on at once, so that an error, or a crash, still says what it has to say. For libraries that
    announce themselves and have no setting against it.
    """
    read_end, write_end = os.pipe()
    original = os.dup(STDERR)
    os.dup2(write_end, STDERR)
    os.close(write_end)
    forwarder = Thread(target=_forward, args=(read_end, original, unwanted), daemon=True)
    forwarder.start()
    try:
        yield
    finally:
        os.dup2(original, STDERR)  # closes the last way into the pipe, which ends the forwarder
        forwarder.join()
        os.close(original)


def _forward(read_end: int, original: int, unwanted: bytes) -> None:
    with os.fdopen(read_end, "rb", buffering=0) as lines:
        for line in lines:
            if line.rstrip(b"\n") != unwanted:
                os.write(original, line)
