"""Where the site key is kept: a systemd credential, or a 0600 file beside the collection.

Rotation stages the new key in a second file, rewrites the collection in one transaction, and then moves the file into
place. The collection says which key seals it, so a rotation that was killed at any point is over or undone the next
time somebody looks: whichever of the files has that key is the key.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from device.collection.seal import SiteKey, random_site_key
from device.errors import SiteKeyError, SiteKeyMissingError
from device.secret_file import BadSecretError, encode_key, read_secret, sync_folder, write_new

KEY_FILE = "site.key"
NEXT_KEY_FILE = "site.key.next"
CREDENTIAL = "lintel.site-key"  # LoadCredentialEncrypted=lintel.site-key
HEADER = "lintel-site-key-1:"


class KeyFolder:
    """The site key's places, for a collection in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def file(self) -> Path:
        """The key file."""
        return self.folder / KEY_FILE

    def current(self) -> SiteKey | None:
        """The key to seal something new with; None when there is none yet. Raises SiteKeyError."""
        return next((read_key(path) for path in (_credential(), self.file) if path is not None and path.exists()), None)

    def current_or_new(self) -> SiteKey:
        """The key to seal something new with, made now where there is none. Raises SiteKeyError."""
        key = self.current()
        if key is not None:
            return key
        made = random_site_key()
        if not write_key(made, self.file):  # another process was quicker
            return read_key(self.file)
        return made

    def with_id(self, key_id: str) -> SiteKey:
        """The key of this id, finishing a rotation that was interrupted.

        Raises SiteKeyMissingError when it is in none of the places, SiteKeyError when a place cannot be read.
        """
        for path in self._places():
            key = read_key(path)
            if key.id == key_id:
                if path.name == NEXT_KEY_FILE:
                    self.promote()
                return key
        raise SiteKeyMissingError(
            f"{self.folder}: the collection is sealed with site key {key_id}, which is not here; "
            f"put {KEY_FILE} back from where you keep its copy"
        )

    def stage(self, key: SiteKey) -> None:
        """Keep the key of a rotation that is about to be committed. Raises SiteKeyError."""
        path = self.folder / NEXT_KEY_FILE
        with _key_errors(path):
            path.unlink(missing_ok=True)  # of a rotation that did not come to its commit
        write_key(key, path)

    def promote(self) -> None:
        """Make the staged key the key; harmless when another process did. Only after the collection took it."""
        with _key_errors(self.file), contextlib.suppress(FileNotFoundError):
            (self.folder / NEXT_KEY_FILE).replace(self.file)
            sync_folder(self.folder)

    def _places(self) -> Iterator[Path]:
        """Where keys are now. The rotation of another process may end meanwhile, so the file is looked at twice."""
        places = (_credential(), self.file, self.folder / NEXT_KEY_FILE, self.file)
        return (path for path in places if path is not None and path.exists())


def read_key(path: Path) -> SiteKey:
    """The key in a file. Raises SiteKeyError for one that others may read, and for anything that is no key."""
    with _key_errors(path):
        return SiteKey(read_secret(path, header=HEADER))


def write_key(key: SiteKey, path: Path) -> bool:
    """Write a key that appears whole, readable by its owner only; False when there is one already. Durable.

    Raises SiteKeyError.
    """
    with _key_errors(path):
        return write_new(path, encode_key(key.secret, header=HEADER))


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / CREDENTIAL if folder else None


@contextlib.contextmanager
def _key_errors(path: Path) -> Iterator[None]:
    """Turn the file system's exceptions into ours, keeping the cause."""
    try:
        yield
    except SiteKeyError:
        raise
    except BadSecretError as error:
        raise SiteKeyError(f"{path}: not a site key that can be used: {error}") from error
    except OSError as error:
        raise SiteKeyError(f"{path}: the site key cannot be read or written: {error.strerror or error}") from error
