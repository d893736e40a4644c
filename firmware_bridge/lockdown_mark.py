"""A lockdown outlives the daemon: a file marks it until somebody ends it."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class LockdownMark:
    """The mark at `path`. Raises OSError where the disk refuses; the lockdown in memory then holds all the same."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def is_set(self) -> bool:
        """Whether a lockdown was begun and not ended."""
        return self._path.exists()

    def set(self) -> None:
        """From now on a restarted daemon begins in lockdown. The disk has it a moment later."""
        self._path.touch(mode=0o600)
        self._flush()

    def clear(self) -> None:
        """The lockdown was ended."""
        self._path.unlink(missing_ok=True)
        self._flush()

    def _flush(self) -> None:
        """In a thread, because a slow disk must not delay the exit button."""
        threading.Thread(target=os.sync, name="lockdown-sync", daemon=True).start()
