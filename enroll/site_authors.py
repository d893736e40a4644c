"""`lintel site card|trust|authors|distrust`: who may send bundles to this site."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from device.config import Settings
from enroll.console import out, print_json

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.command()
@click.option("--out", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the card to this file.")
@click.pass_obj
def card(settings: Settings, /, *, file: Path | None) -> None:
    """Show what authors of bundles need to know of this site. It may be given to anybody; no key is in it."""
    from device.errors import BundleError
    from enroll.registry import open_registry

    with open_registry(settings) as registry:
        made = registry.collection.authority().card
    if file is None:
        out.print(made.text.strip(), markup=False, soft_wrap=True)
    else:
        try:
            file.write_text(made.text, encoding="ascii")
        except OSError as error:
            raise BundleError(f"{file}: the card cannot be written: {error.strerror or error}") from error
    out.print(f"Card of site {made.site}; read out to compare: {made.fingerprint}", markup=False)


@click.command()
@click.argument("author", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--label", required=True, help='What people call this author, such as "Reception laptop".')
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day, in UTC; without it until distrusted.")
@click.pass_obj
def trust(settings: Settings, /, *, author: Path, label: str, until: datetime | None) -> None:
    """Certify the author with the public key file AUTHOR: bundles that it signs are applied from now on."""
    from datetime import UTC, timedelta

    from device.audit.kinds import AuditKind
    from enroll.author_key import read_public_key
    from enroll.registry import open_registry

    key = read_public_key(author)
    ends = None if until is None else until.replace(tzinfo=UTC) + timedelta(days=1)
    with open_registry(settings) as registry, registry.collection.changing():
        try:
            trusted = registry.collection.trust_author(key, label=label, at=registry.clock.now(), until=ends)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--label") from error
        registry.audit.append(AuditKind.AUTHOR_TRUSTED, {"author": trusted.id})
    out.print(f"{label} is trusted as {trusted.id}", markup=False)


@click.command()
@click.argument("author")
@click.pass_obj
def distrust(settings: Settings, /, *, author: str) -> None:
    """Apply nothing more of AUTHOR, an id that `lintel site authors` shows."""
    from device.audit.kinds import AuditKind
    from device.collection.authority import AuthorId
    from enroll.registry import open_existing_registry

    with open_existing_registry(settings) as registry, registry.collection.changing():
        gone = registry.collection.distrust_author(AuthorId(author), at=registry.clock.now())
        registry.audit.append(AuditKind.AUTHOR_DISTRUSTED, {"author": gone.id})
    out.print(f"{gone.certificate.label} ({gone.id}) is trusted no more", markup=False)


@click.command()
@json_option
@click.pass_obj
def authors(settings: Settings, /, *, as_json: bool) -> None:
    """List everybody whom this site has certified."""
    from enroll.registry import reading_collection

    with reading_collection(settings) as collection:
        everybody = list(collection.author_register().authors.values())
    if as_json:
        print_json(
            [
                {
                    "id": one.id,
                    "label": one.certificate.label,
                    "until": one.certificate.until,
                    "revoked_at": one.revoked_at,
                    "last_number": one.last_number,
                }
                for one in everybody
            ]
        )
        return
    for one in everybody:
        standing = "trusted" if one.revoked_at is None else f"revoked {one.revoked_at:%Y-%m-%d}"
        out.print(f"{one.id}  {standing}  {one.certificate.label}", markup=False, soft_wrap=True)
    if not everybody:
        out.print("Nobody is certified.")
