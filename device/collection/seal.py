"""Sealing: what the database keeps of a person says nothing without the site key.

Every person has a key of their own, random and wrapped by one that is derived from the site key. Names, templates and
photos are sealed under it with AES-256-GCM (NIST SP 800-38D, random 96-bit nonces). The associated data names the
person, the row, the model and the generation of templates, so that a sealed value opens in its own place only. All keys
are derived from the site key by HKDF-SHA256 (RFC 5869), one for each purpose.

Beside `device.collection.authority`, the only module of the collection that imports `cryptography`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from device.types import PersonId

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"  # AES-256-GCM: format, nonce, ciphertext, 16 bytes of tag
DOMAIN = b"lintel seal 1"


class UnsealError(ValueError):
    """A sealed value does not open here: it was damaged, exchanged, or sealed with another key."""


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The one secret of a site, 32 random bytes. Its id may be shown; the bytes never leave this process.

    Raises ValueError for any other length.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a site key has {KEY_BYTES} bytes")

    @property
    def id(self) -> str:
        """16 hexadecimal digits that tell this key from others and say nothing else about it."""
        return self.derive("id", length=8).hex()

    def derive(self, purpose: str, *, length: int = KEY_BYTES) -> bytes:
        """A key for one purpose: HKDF-SHA256 without salt, RFC 5869; `length` is at most 8160 bytes."""
        pseudorandom = hmac.digest(bytes(32), self.secret, "sha256")
        info, block, output = DOMAIN + b" " + purpose.encode(), b"", b""
        for number in range(1, -(-length // 32) + 1):
            block = hmac.digest(pseudorandom, block + info + bytes([number]), "sha256")
            output += block
        return output[:length]


def random_site_key() -> SiteKey:
    """A new site key from the operating system's generator."""
    return SiteKey(os.urandom(KEY_BYTES))


class Sealer:
    """Seals and opens under one site key and one generation of templates. It keeps keys out of its representation."""

    def __init__(self, key: SiteKey, *, generation: int) -> None:
        self.key_id = key.id
        self.generation = generation
        self._site = key
        self._wrapper = _cipher(key.derive("person keys"))
        self._name_key = key.derive("names")
        self._external_id_key = key.derive("external ids")

    def new_person(self, person: PersonId) -> tuple[bytes, PersonSeal]:
        """A new random key for `person`: wrapped, as the database keeps it, and ready for use."""
        secret = os.urandom(KEY_BYTES)
        return self.wrap(person, secret), PersonSeal(person, secret)

    def wrap(self, person: PersonId, secret: bytes) -> bytes:
        """A person's key under the site key, bound to the person's id."""
        return _seal(self._wrapper, secret, ("person key", person))

    def open_person(self, person: PersonId, wrapped: bytes) -> PersonSeal:
        """The key of a person. Raises UnsealError when it is not theirs, or of another site key."""
        return PersonSeal(person, _unseal(self._wrapper, wrapped, ("person key", person)))

    def name_tag(self, name_key: str) -> bytes:
        """What is kept of a name to find it again: HMAC-SHA256, which nobody can reverse or guess without the key."""
        return hmac.digest(self._name_key, name_key.encode(), "sha256")

    def external_id_tag(self, external_id: str) -> bytes:
        """What is kept of an external id to find it again, as `name_tag` does for names."""
        return hmac.digest(self._external_id_key, external_id.encode(), "sha256")

    def derive(self, purpose: str) -> bytes:
        """A key of the whole site for one purpose, 32 bytes; another site key derives another."""
        return self._site.derive(purpose)

    def seal_for_site(self, value: bytes, *place: str) -> bytes:
        """`value`, which is nobody's in particular, to be opened with this site key in the same `place` only."""
        return _seal(_cipher(self.derive("site records")), value, place)

    def unseal_for_site(self, sealed: bytes, *place: str) -> bytes:
        """The reverse of `seal_for_site`. Raises UnsealError for a value that was damaged or belongs elsewhere."""
        return _unseal(_cipher(self.derive("site records")), sealed, place)

    def matrix_seed(self, model_id: str, *, length: int) -> bytes:
        """The secret from which the orthogonal matrix of one model and generation is made, (length,) bytes.

        SHAKE-256 (FIPS 202) stretches the derived key.
        """
        seed = self._site.derive(f"matrix {self.generation} {model_id}")
        return hashlib.shake_256(seed).digest(length)


class PersonSeal:
    """Seals and opens what belongs to one person."""

    __slots__ = ("_cipher", "_person", "secret")

    def __init__(self, person: PersonId, secret: bytes) -> None:
        self._person = person
        self._cipher = _cipher(secret)
        self.secret = secret  # to be wrapped anew when the site key changes

    def seal(self, value: bytes, *place: str) -> bytes:
        """`value`, to be opened by this person's key in the same `place` only."""
        return _seal(self._cipher, value, (*place, self._person))

    def unseal(self, sealed: bytes, *place: str) -> bytes:
        """The reverse of `seal`. Raises UnsealError for a value that was damaged or belongs elsewhere."""
        return _unseal(self._cipher, sealed, (*place, self._person))


def _cipher(secret: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(secret)


def _seal(cipher: AESGCM, value: bytes, place: tuple[str, ...]) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, value, _associated(place))


def _unseal(cipher: AESGCM, sealed: bytes, place: tuple[str, ...]) -> bytes:
    from cryptography.exceptions import InvalidTag

    if not isinstance(sealed, bytes) or sealed[:1] != FORMAT:
        raise UnsealError("it is not sealed in a form that is known here")
    try:
        return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], _associated(place))
    except (InvalidTag, ValueError) as error:
        raise UnsealError("it was changed, belongs elsewhere, or another key sealed it") from error


def _associated(place: tuple[str, ...]) -> bytes:
    """The place as bytes, so that no two places are written alike: parts end with a byte that UTF-8 never holds."""
    return b"\xff".join([DOMAIN, *(part.encode() for part in place)])
