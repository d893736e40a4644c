"""Who may speak for a site: keys of authors, the certificates that a site gives them, and what is sealed to a site.

A site has two key pairs, both derived from the site key, so that whoever holds that has them and a rotation changes
them: Ed25519 (RFC 8032) signs certificates and reports, X25519 (RFC 7748) opens what was sealed to the site. Their
public halves are the site's card. An author has an Ed25519 key of its own, which says nothing until the site certified
it. Every signature is about a text that begins with its purpose, so that none passes for another.

Beside `device.collection.seal`, the only module of the collection that imports `cryptography`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NewType

from device.collection.people import time_from_text, time_text

AuthorId = NewType("AuthorId", str)  # "a-" and 16 hexadecimal digits of the SHA-256 of the public key

CARD_HEADER = "lintel-site-card-1:"
CARD_BYTES = 8 + 32 + 32 + 64  # id, X25519 public key, Ed25519 public key, signature


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The public half of an Ed25519 key. Raises ValueError for anything but 32 bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise ValueError("a public key has 32 bytes")

    @property
    def author(self) -> AuthorId:
        """The id under which lists and the audit know this author."""
        return AuthorId("a-" + hashlib.sha256(b"lintel author 1\0" + self.raw).hexdigest()[:16])

    def has_signed(self, message: bytes, signature: bytes, *, purpose: str) -> bool:
        """Whether the holder of the other half signed `message` for this purpose."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, _statement(purpose, message))
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """An Ed25519 key, from a seed of 32 bytes. It stays out of representations."""

    __slots__ = ("_private",)

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def public(self) -> VerifyingKey:
        """Its other half."""
        return VerifyingKey(self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes, *, purpose: str) -> bytes:
        """64 bytes."""
        return self._private.sign(_statement(purpose, message))


@dataclass(frozen=True, slots=True)
class SiteCard:
    """What may be known of a site outside of it: enough to seal something to it and to verify what it signed."""

    site: str  # the id of the site key
    box: bytes  # X25519 public key
    authority: VerifyingKey
    signature: bytes = field(default=b"", repr=False)  # the authority's, about the three above

    @property
    def text(self) -> str:
        """The content of a card file, one line."""
        raw = bytes.fromhex(self.site) + self.box + self.authority.raw + self.signature
        return f"{CARD_HEADER}{base64.b64encode(raw).decode()}\n"

    @property
    def fingerprint(self) -> str:
        """Four groups of five digits and letters to read out: two cards that show the same ones are the same card."""
        letters = base64.b32encode(hashlib.sha256(self.text.encode()).digest())[:20].decode().lower()
        return "-".join(letters[start : start + 5] for start in range(0, 20, 5))

    @classmethod
    def parse(cls, text: str) -> SiteCard:
        """The reverse of `text`. Raises ValueError for anything else, and for a card that was changed."""
        content = text.strip()
        if not content.startswith(CARD_HEADER):
            raise ValueError("this is no card of a site")
        raw = base64.b64decode(content.removeprefix(CARD_HEADER), validate=True)
        if len(raw) != CARD_BYTES:
            raise ValueError("this card of a site is damaged")
        card = cls(raw[:8].hex(), raw[8:40], VerifyingKey(raw[40:72]), raw[72:])
        if not card.authority.has_signed(raw[:72], card.signature, purpose="site card") or card.text.strip() != content:
            raise ValueError("this card of a site is damaged")
        return card


@dataclass(frozen=True, slots=True)
class Certificate:
    """The site's word that an author may change who comes in."""

    site: str
    author: VerifyingKey
    label: str  # what people call the author, such as "Reception laptop"
    certified_at: datetime  # aware
    until: datetime | None  # aware; None: until revoked
    signature: bytes = field(default=b"", repr=False)

    @property
    def message(self) -> bytes:
        """What is signed."""
        times = time_text(self.certified_at), time_text(self.until)
        return json.dumps([self.site, self.author.raw.hex(), self.label, *times], separators=(",", ":")).encode()

    def is_by(self, authority: VerifyingKey) -> bool:
        """Whether this site's authority gave it, and nobody changed it since."""
        return authority.has_signed(self.message, self.signature, purpose="author certificate")

    def as_object(self) -> dict[str, Any]:
        """The certificate for JSON."""
        return {
            "site": self.site,
            "author": self.author.raw.hex(),
            "label": self.label,
            "certified_at": time_text(self.certified_at),
            "until": time_text(self.until),
            "signature": self.signature.hex(),
        }

    @classmethod
    def from_object(cls, value: Any) -> Certificate:
        """The reverse of `as_object`. Raises ValueError for anything else."""
        try:
            certified_at = datetime.fromisoformat(value["certified_at"])
            author, signature = VerifyingKey(bytes.fromhex(value["author"])), bytes.fromhex(value["signature"])
            until = time_from_text(value["until"])
            return cls(str(value["site"]), author, str(value["label"]), certified_at, until, signature)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a certificate of an author: {error}") from error


class SiteAuthority:
    """The private halves of a site's two pairs, from whatever derives keys from its site key."""

    def __init__(self, site: str, derive: Callable[[str], bytes]) -> None:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        self.site = site
        self._signing = SigningKey(derive("site authority"))
        self._box = X25519PrivateKey.from_private_bytes(derive("site box"))

    @property
    def public(self) -> VerifyingKey:
        """What verifies this authority's signatures."""
        return self._signing.public

    @property
    def card(self) -> SiteCard:
        """What may be given to anybody."""
        box = self._box.public_key().public_bytes_raw()
        signature = self.sign(bytes.fromhex(self.site) + box + self.public.raw, purpose="site card")
        return SiteCard(self.site, box, self.public, signature)

    def sign(self, message: bytes, *, purpose: str) -> bytes:
        """The site's signature, 64 bytes."""
        return self._signing.sign(message, purpose=purpose)

    def certify(self, author: VerifyingKey, *, label: str, at: datetime, until: datetime | None) -> Certificate:
        """A certificate for an author. Raises ValueError for times without a zone."""
        blank = Certificate(self.site, author, label, at, until)
        signature = self.sign(blank.message, purpose="author certificate")
        return Certificate(self.site, author, label, at, until, signature)

    def agree(self, ephemeral: bytes) -> bytes:
        """The secret shared with an X25519 key's holder, 32 bytes. Raises ValueError for a key that shares none."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

        return self._box.exchange(X25519PublicKey.from_public_bytes(ephemeral))


def _statement(purpose: str, message: bytes) -> bytes:
    return b"lintel " + purpose.encode() + b" 1\0" + message
