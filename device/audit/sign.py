"""The device's signature under the audit: Ed25519 (RFC 8032), made on the device, checked anywhere.

A statement is about one row and, because that holds the hash of the one before, about all before it. Signed is the text

    lintel audit 1 ["KIND",SEQUENCE,"HASH","AT"]

where KIND is `row` (this device wrote the row), `head` (the log ended there, kept apart from it) or `end` (a file that
was closed or exported ends there), and AT is the row's time.

This is the only module of the audit that imports `cryptography`.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from device.audit.chain import Head
from device.errors import AuditError
from device.secret_file import BadSecretError, decode_key, encode_key, read_secret, write_new

KEY_FILE = "device.key"
PUBLIC_KEY_FILE = "device.pub"
CREDENTIAL = "lintel.device-key"  # LoadCredentialEncrypted=lintel.device-key
HEADER = "lintel-device-key-1:"
PUBLIC_HEADER = "lintel-device-public-key-1:"
DOMAIN = "lintel audit 1 "


class StatementKind(StrEnum):
    """What a statement is for. One of a kind never passes for another."""

    ROW = "row"  # in the log, with every event
    HEAD = "head"  # kept apart from the log, for the newest event
    END = "end"  # the last line of an archive or an exported log


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed point of the chain."""

    kind: StatementKind
    head: Head
    at: str  # ISO 8601, UTC
    signature: bytes = b""

    @property
    def text(self) -> bytes:
        """What is signed."""
        fields = [self.kind.value, self.head.sequence, self.head.hash, self.at]
        return (DOMAIN + json.dumps(fields, separators=(",", ":"))).encode("ascii")

    def as_object(self) -> dict[str, Any]:
        """The statement for JSON."""
        return {
            "kind": self.kind.value,
            "seq": self.head.sequence,
            "hash": self.head.hash,
            "at": self.at,
            "signature": base64.b64encode(self.signature).decode(),
        }

    @classmethod
    def from_object(cls, value: Any) -> Statement:
        """The reverse of `as_object`. Raises ValueError for anything else."""
        try:
            head = Head.parse(f"{int(value['seq'])}:{value['hash']}")
            kind, signature = StatementKind(value["kind"]), base64.b64decode(value["signature"], validate=True)
            return cls(kind, head, str(value["at"]), signature)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a signed statement: {error}") from error


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What verifies the statements of one device. It may be shown to anybody."""

    raw: bytes  # 32 bytes

    def has_signed(self, statement: Statement) -> bool:
        """Whether this device made the statement, and nobody changed it since."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(statement.signature, statement.text)
        except (InvalidSignature, ValueError, UnicodeEncodeError):
            return False
        return True

    @property
    def text(self) -> str:
        """The content of a public key file."""
        return encode_key(self.raw, header=PUBLIC_HEADER)


class DeviceKey:
    """What signs, from a seed of 32 bytes. It stays on the device and out of representations."""

    __slots__ = ("_private",)

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return PublicKey(self._private.public_key().public_bytes_raw())

    def sign(self, kind: StatementKind, head: Head, *, at: str) -> Statement:
        """A signed statement about a row."""
        return Statement(kind, head, at, self._private.sign(Statement(kind, head, at).text))


def find_device_key(folder: Path) -> DeviceKey | None:
    """The key of this device, from a systemd credential or `folder`; None where there is none. Raises AuditError."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    for path in ([Path(credentials) / CREDENTIAL] if credentials else []) + [folder / KEY_FILE]:
        try:
            if path.exists():
                return DeviceKey(read_secret(path, header=HEADER))
        except (BadSecretError, OSError) as error:
            raise AuditError(f"{path}: the device key, which signs the audit, cannot be used: {error}") from error
    return None


def make_device_key(folder: Path) -> DeviceKey:
    """A new key in `folder`, and its public half beside it; the existing one when another process was quicker.

    Raises AuditError.
    """
    try:
        write_new(folder / KEY_FILE, encode_key(os.urandom(32), header=HEADER))
    except OSError as error:
        raise AuditError(f"{folder / KEY_FILE}: the device key cannot be written: {error.strerror or error}") from error
    key = find_device_key(folder)
    if key is None:
        raise AuditError(f"{folder / KEY_FILE}: the device key vanished while it was made")
    publish(key, folder)
    return key


def publish(key: DeviceKey, folder: Path) -> None:
    """Leave the public key beside the log, for whoever verifies it. Raises AuditError."""
    try:
        write_new(folder / PUBLIC_KEY_FILE, key.public.text, mode=0o644)
    except OSError as error:
        raise AuditError(f"{folder / PUBLIC_KEY_FILE}: cannot be written: {error.strerror or error}") from error


def read_public_key(path: Path) -> PublicKey:
    """The public key in a file. Raises AuditError."""
    try:
        return PublicKey(decode_key(path.read_bytes(), header=PUBLIC_HEADER))
    except BadSecretError as error:
        raise AuditError(f"{path}: not a public key of a device: {error}") from error
    except OSError as error:
        raise AuditError(f"{path}: the public key cannot be read: {error.strerror or error}") from error
