"""Where the site key is kept: a systemd credential, or a 0600 file beside the collection.

Rotation stages the new key in a second file, rewrites the collection in one transaction, and then moves the file into
place. The collection says which key seals it, so a rotation that was killed at any point is over or undone the next
time somebody looks: whichever of the files has that key is the key.
"""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from device.collection.seal import KEY_BYTES, SiteKey, random_site_key
from device.errors import SiteKeyError, SiteKeyMissingError

KEY_FILE = "site.key"
NEXT_KEY_FILE = "site.key.next"
CREDENTIAL = "lintel.site-key"  # LoadCredentialEncrypted=lintel.site-key
HEADER = "lintel-site-key-1:"
FILE_AT_MOST_BYTES = 4096


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
            _sync_folder(self.folder)

    def _places(self) -> Iterator[Path]:
        """Where keys are now. The rotation of another process may end meanwhile, so the file is looked at twice."""
        places = (_credential(), self.file, self.folder / NEXT_KEY_FILE, self.file)
        return (path for path in places if path is not None and path.exists())


def read_key(path: Path) -> SiteKey:
    """The key in a file. Raises SiteKeyError for one that others may read, and for anything that is no key."""
    with _key_errors(path):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_AT_MOST_BYTES:
            raise SiteKeyError(f"{path}: this is not a site key")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SiteKeyError(f"{path}: others may read this key; chmod 600 it, and rotate it if they could have")
        text = path.read_bytes().decode("ascii", "replace").strip()
    try:
        secret = base64.b64decode(text.removeprefix(HEADER), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(HEADER) or len(secret) != KEY_BYTES:
        raise SiteKeyError(f"{path}: this is not a site key, or it is damaged")
    return SiteKey(secret)


def write_key(key: SiteKey, path: Path) -> bool:
    """Write a key that appears whole, readable by its owner only; False when there is one already. Durable.

    Raises SiteKeyError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with _key_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        try:
            with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "w") as stream:  # noqa: PTH123 (a descriptor)
                stream.write(f"{HEADER}{base64.b64encode(key.secret).decode()}\n")
                stream.flush()
                os.fsync(stream.fileno())
            if os.geteuid() == 0:  # an administrator's file must not lock out the service that owns the folder
                owner = path.parent.stat()
                os.chown(draft, owner.st_uid, owner.st_gid)
            try:
                os.link(draft, path)
            except FileExistsError:
                return False
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    return True


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / CREDENTIAL if folder else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _key_errors(path: Path) -> Iterator[None]:
    """Turn the file system's exceptions into ours, keeping the cause."""
    try:
        yield
    except SiteKeyError:
        raise
    except OSError as error:
        raise SiteKeyError(f"{path}: the site key cannot be read or written: {error.strerror or error}") from error
