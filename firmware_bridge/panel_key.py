"""The key of the secure channel to the panel, on disk: 0600, replaced whole or not at all, never shown."""

from __future__ import annotations

import os
from pathlib import Path

from firmware_bridge.errors import DoorConfigError, LineError
from firmware_bridge.panel import KEY_BYTES


class PanelKeyFile:
    """Holds at most one key of 16 bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The key; None: none was ever set. Raises DoorConfigError for a file that holds anything else."""
        try:
            text = self._path.read_text(encoding="ascii")
            key = bytes.fromhex(text)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DoorConfigError(f"{self._path}: the panel's key cannot be read") from error
        if len(key) != KEY_BYTES:
            raise DoorConfigError(f"{self._path}: a panel's key has {KEY_BYTES} bytes")
        return key

    def replace(self, key: bytes) -> None:
        """Keep `key` instead, on the disk before this returns. Raises LineError; the old key then stays."""
        fresh = self._path.with_suffix(".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(key.hex())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise LineError(f"{self._path}: the panel's key cannot be kept: {error.strerror or error}") from error


def fingerprint(key: bytes) -> str:
    """Eight hexadecimal digits by which two people can tell that they hold the same key."""
    import hashlib  # brings OpenSSL, three megabytes, which a door without a panel does not need

    return hashlib.sha256(b"lintel panel key" + key).hexdigest()[:8]
