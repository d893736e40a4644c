"""What happened at the door, kept until somebody else has it: append-only segments that survive any crash.

A segment `events-SEQUENCE.spool` holds one record per line: the CRC-32 of the rest as eight hexadecimal digits, a
space, and a JSON object: an event, or a `forget` that says up to which event everything is acknowledged. Each segment
begins with a `forget`, so older segments whose events are all forgotten are simply deleted, and nothing is ever
rewritten. A line that a crash tore, or that rotted, is left where it is and skipped.

`append` hands the bytes to the kernel before it returns, which survives the death of the process; a thread of its own
brings them to the disk, so that a slow card never delays the exit button.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import msgspec

from firmware_bridge.errors import SpoolError
from firmware_bridge.protocol import DoorEvent

_log = logging.getLogger(__name__)

SEGMENT_BYTES = 256 * 1024


class Forget(msgspec.Struct, frozen=True, tag_field="type", tag="forget"):
    """Everything up to `sequence` is acknowledged, and `last` was the newest number given so far."""

    sequence: int
    last: int


Record: TypeAlias = DoorEvent | Forget


class Spool:
    """The events of one door that nobody has acknowledged yet, oldest first.

    One thread uses it. Raises SpoolError when the folder cannot be read or written at the start. Afterwards a full or
    broken disk is `fault`: events then wait in memory and are written as soon as that works again.
    """

    def __init__(self, folder: Path, *, max_events: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_events = max_events
        self._segment_bytes = segment_bytes
        self._events: deque[tuple[int, bytes]] = deque()  # (sequence, JSON); bytes take a third of what objects take
        self._unwritten: deque[bytes] = deque()
        self._segments: deque[tuple[int, Path]] = deque()  # (newest event in it, file)
        self.last_sequence = 0
        self.damaged_lines = 0  # found and skipped at the start
        self.fault: str | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._recover()
            self._descriptor = self._open_segment()
        except OSError as error:
            raise SpoolError(f"{folder}: the event spool cannot be opened: {error.strerror or error}") from error
        self._disk = _DiskThread(folder)
        self._disk.sync(self._descriptor)

    @property
    def unacknowledged(self) -> int:
        return len(self._events)

    def append(self, event: DoorEvent) -> None:
        """Keep `event`, whose sequence number must be `last_sequence` + 1."""
        self.last_sequence = event.sequence
        text = msgspec.json.encode(event)
        self._events.append((event.sequence, text))
        self._write(text)

    def is_full(self) -> bool:
        """Whether the oldest events must go before another one is kept."""
        return len(self._events) >= self._max_events

    def drop_oldest(self) -> int:
        """Forget the oldest tenth without anybody having it, and say how many events that was."""
        count = max(1, len(self._events) // 10)
        self.acknowledge(self._events[count - 1][0])
        return count

    def events(self, *, after: int, limit: int) -> tuple[DoorEvent, ...]:
        """Kept events above `after`, oldest first, at most `limit`."""
        wanted = (text for sequence, text in self._events if sequence > after)
        return tuple(msgspec.json.decode(text, type=DoorEvent) for text in islice(wanted, limit))

    def acknowledge(self, sequence: int) -> None:
        """Forget everything up to `sequence`. Repeating it, or naming an event of the future, is harmless."""
        sequence = min(sequence, self.last_sequence)
        if not self._events or self._events[0][0] > sequence:
            return
        while self._events and self._events[0][0] <= sequence:
            self._events.popleft()
        self._write(msgspec.json.encode(Forget(sequence, self.last_sequence)))
        while len(self._segments) > 1 and self._segments[0][0] <= sequence:
            self._segments.popleft()[1].unlink(missing_ok=True)

    def close(self) -> None:
        """Bring everything to the disk and let go."""
        self._disk.stop()
        os.close(self._descriptor)

    def _recover(self) -> None:
        forgotten = 0
        for file in sorted(self._folder.glob("events-*.spool")):
            newest = 0
            for record in self._records(file):
                match record:
                    case Forget(sequence=sequence, last=last):
                        forgotten = max(forgotten, sequence)
                        self.last_sequence = max(self.last_sequence, last)
                    case DoorEvent(sequence=sequence):
                        newest = sequence
                        self.last_sequence = max(self.last_sequence, sequence)
                        self._events.append((sequence, msgspec.json.encode(record)))
            self._segments.append((newest, file))
        self._events = deque((sequence, text) for sequence, text in self._events if sequence > forgotten)

    def _records(self, file: Path) -> Iterator[Record]:
        for line in filter(None, file.read_bytes().split(b"\n")):
            digits, _, text = line.partition(b" ")
            try:
                if int(digits, 16) != zlib.crc32(text):
                    raise ValueError("checksum")  # noqa: TRY301 (one place for everything that makes a line unusable)
                yield msgspec.json.decode(text, type=Record)
            except (ValueError, msgspec.DecodeError):
                self.damaged_lines += 1
                _log.warning("spool.line_skipped", extra={"file": file.name, "bytes": len(line)})

    def _open_segment(self) -> int:
        """Begin a new segment; a torn line of the last one is thereby never appended to."""
        file = self._folder / f"events-{self.last_sequence + 1:016d}.spool"
        forgotten = self._events[0][0] - 1 if self._events else self.last_sequence
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"\n")  # the file may exist and end in a torn line
            _append_line(descriptor, msgspec.json.encode(Forget(forgotten, self.last_sequence)))
        except OSError:
            os.close(descriptor)
            raise
        if not self._segments or self._segments[-1][1] != file:
            self._segments.append((0, file))
        while len(self._segments) > 1 and self._segments[0][0] <= forgotten:
            self._segments.popleft()[1].unlink(missing_ok=True)
        return descriptor

    def _write(self, text: bytes) -> None:
        self._unwritten.append(text)
        try:
            if os.lseek(self._descriptor, 0, os.SEEK_END) > self._segment_bytes:
                self._rotate()
            while self._unwritten:
                _append_line(self._descriptor, self._unwritten[0])
                self._unwritten.popleft()
        except OSError as error:
            if self.fault is None:
                _log.error("spool.write_failed", extra={"error": str(error)})
            self.fault = f"the event spool cannot be written: {error.strerror or error}"
            return
        self.fault = None
        self._segments[-1] = (self.last_sequence, self._segments[-1][1])
        self._disk.sync(self._descriptor)

    def _rotate(self) -> None:
        fresh = self._open_segment()
        self._disk.sync(self._descriptor, then_close=True)
        self._descriptor = fresh


def _append_line(descriptor: int, text: bytes) -> None:
    """Write one record whole or not at all. Raises OSError."""
    line = b"%08x %s\n" % (zlib.crc32(text), text)
    end = os.lseek(descriptor, 0, os.SEEK_END)
    written = os.write(descriptor, line)
    if written < len(line):
        os.ftruncate(descriptor, end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _DiskThread:
    """Flushes segments to the disk while the door goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wanted: queue.SimpleQueue[tuple[int, bool] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-disk", daemon=True)
        self._thread.start()

    def sync(self, descriptor: int, *, then_close: bool = False) -> None:
        self._wanted.put((descriptor, then_close))

    def stop(self) -> None:
        self._wanted.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            descriptor, then_close = wanted
            try:
                os.fdatasync(descriptor)
                if then_close:
                    os.close(descriptor)
                    self._sync_folder()
            except OSError as error:
                _log.error("spool.sync_failed", extra={"error": str(error)})

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
