"""Authors whom the site has certified, as part of the collection: trust, distrust, and what they sent last."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from device.collection.author_register import Author, Register, authority_of, open_register, seal_register
from device.collection.authority import AuthorId, SiteAuthority, VerifyingKey
from device.collection.people import clean_name
from device.collection.sealed_file import SealedFile
from device.errors import AuthorRefusedError


class AuthorRecords(SealedFile):
    """The part of a collection that knows who may send changes. `device.collection.store` says what is promised."""

    def authority(self) -> SiteAuthority:
        """The site's key pairs, of the site key in use now."""
        return authority_of(self.seal_in_use().sealer)

    def author_register(self) -> Register:
        """Everybody whom the site has certified, the revoked among them."""
        with self.snapshot():
            rows = self._execute("SELECT sealed FROM author_register")
            return open_register(rows[0][0], self.seal_in_use().sealer) if rows else Register()

    def author(self, author: AuthorId) -> Author:
        """One of them. Raises AuthorRefusedError for anybody else."""
        found = self.author_register().authors.get(author)
        if found is None:
            raise AuthorRefusedError(f"no author {author} is certified here")
        return found

    def trust_author(self, key: VerifyingKey, *, label: str, at: datetime, until: datetime | None) -> Author:
        """Certify an author, or give one that was certified before a new certificate; replays stay refused.

        Raises ValueError for a label that is empty, too long or not printable, and for times without a zone.
        """
        with self.changing():
            register = self.author_register()
            given = self.authority().certify(key, label=clean_name(label), at=at, until=until)
            before = register.authors.get(key.author)
            author = Author(given) if before is None else replace(before, certificate=given, revoked_at=None)
            self._keep(register.having(author))
        return author

    def distrust_author(self, author: AuthorId, *, at: datetime) -> Author:
        """Revoke an author's certificate; nothing of theirs is applied any more. Raises AuthorRefusedError."""
        with self.changing():
            revoked = replace(self.author(author), revoked_at=at)
            self._keep(self.author_register().having(revoked))
        return revoked

    def note_bundle(self, author: AuthorId, *, number: int, bundle: str) -> None:
        """Note what was applied last of an author. Raises AuthorRefusedError."""
        with self.changing():
            noted = replace(self.author(author), last_number=number, last_bundle=bundle)
            self._keep(self.author_register().having(noted))

    def _keep(self, register: Register) -> None:
        sealed = seal_register(register, self.seal_in_use().sealer)
        self._execute("INSERT OR REPLACE INTO author_register VALUES (1, ?)", sealed)
