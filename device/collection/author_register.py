"""The list of certified authors as it is kept: one document, sealed as a whole under the site key.

Whoever can write the file without the key can put the whole list back to what it once was, and do nothing else: no
author can be added, taken out or trusted again alone, and no counter turned back alone. The audit knows of every
revocation, so that `device.collection.authors` notices a list that was put back behind one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from device.collection.authority import AuthorId, Certificate, SiteAuthority
from device.collection.people import time_from_text, time_text
from device.collection.seal import Sealer

PLACE = "authors"


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody whom the site has certified, and what is known of what they sent."""

    certificate: Certificate
    revoked_at: datetime | None = None  # aware; None: trusted
    last_number: int = 0  # of the newest bundle that was applied; 0: none yet
    last_bundle: str = ""  # its id

    @property
    def id(self) -> AuthorId:
        """Under which lists and the audit know this author."""
        return self.certificate.author.author


@dataclass(frozen=True, slots=True)
class Register:
    """All authors of a site, those revoked among them, and the ids of site keys that were rotated away."""

    authors: Mapping[AuthorId, Author] = field(default_factory=dict)
    former_sites: tuple[str, ...] = ()

    def having(self, author: Author) -> Register:
        """The register with `author` added or replaced."""
        return replace(self, authors={**self.authors, author.id: author})


def authority_of(sealer: Sealer) -> SiteAuthority:
    """The private halves of the site's pairs."""
    return SiteAuthority(sealer.key_id, sealer.derive)


def seal_register(register: Register, sealer: Sealer) -> bytes:
    """The register as it is kept."""
    authors = [_as_object(author) for author in register.authors.values()]
    document = {"authors": authors, "former_sites": list(register.former_sites)}
    return sealer.seal_for_site(json.dumps(document, separators=(",", ":")).encode(), PLACE)


def open_register(sealed: bytes, sealer: Sealer) -> Register:
    """The reverse of `seal_register`. Raises UnsealError for one that another key sealed, and for a changed one.

    Raises ValueError for a certificate in it that this site did not give.
    """
    document = json.loads(sealer.unseal_for_site(sealed, PLACE))
    authority = authority_of(sealer).public
    authors = {author.id: author for author in map(_from_object, document["authors"])}
    for author in authors.values():
        if not author.certificate.is_by(authority):
            raise ValueError("a certificate of an author is not of this site")
    return Register(authors, tuple(document["former_sites"]))


def seal_register_anew(sealed: bytes, *, old: Sealer, new: Sealer) -> bytes:
    """The register under `new`, every certificate given again by the new authority; who was revoked stays so.

    Raises ValueError for a register that does not open with `old`.
    """
    register = open_register(sealed, old)
    if new.key_id == old.key_id:
        return seal_register(register, new)
    authority = authority_of(new)
    authors = {}
    for author in register.authors.values():
        was = author.certificate
        given = authority.certify(was.author, label=was.label, at=was.certified_at, until=was.until)
        authors[author.id] = replace(author, certificate=given)
    return seal_register(Register(authors, (*register.former_sites, old.key_id)), new)


def _as_object(author: Author) -> dict[str, Any]:
    return {
        "certificate": author.certificate.as_object(),
        "revoked_at": time_text(author.revoked_at),
        "last_number": author.last_number,
        "last_bundle": author.last_bundle,
    }


def _from_object(value: Mapping[str, Any]) -> Author:
    return Author(
        Certificate.from_object(value["certificate"]),
        time_from_text(value["revoked_at"]),
        int(value["last_number"]),
        str(value["last_bundle"]),
    )
