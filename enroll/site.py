"""`lintel site`: the key that seals everyone enrolled here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from device.config import Settings
from enroll.console import out, print_json
from enroll.site_authors import authors, card, distrust, trust

if TYPE_CHECKING:
    from device.verbs import Work

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.group()
def site() -> None:
    """Make, rotate and show the site key, and revoke templates. The key itself is never shown."""


for _command in (card, trust, authors, distrust):
    site.add_command(_command)


@site.command()
@click.pass_obj
def init(settings: Settings, /) -> None:
    """Make the site key now, so that a copy can be kept before anybody is enrolled. Harmless when repeated."""
    from device.collection.keys import KeyFolder

    keys = KeyFolder(settings.state_folder)
    is_new = keys.current() is None
    key = keys.current_or_new()
    said = "A new site key" if is_new else "The site key"
    out.print(f"{said} {key.id} is in {keys.file}. Keep a copy of it where this device is not.", soft_wrap=True)


@site.command()
@json_option
@click.pass_obj
def show(settings: Settings, /, *, as_json: bool) -> None:
    """Show which key and which generation of templates are in use."""
    from enroll.registry import reading_collection

    with reading_collection(settings) as collection:
        seal = collection.seal_in_use()
    if as_json:
        print_json({"site_key": seal.key_id, "generation": seal.generation})
        return
    out.print(f"Sealed with site key {seal.key_id}, templates of generation {seal.generation}.", markup=False)


@site.command(name="rotate-key")
@json_option
@click.pass_obj
def rotate_key(settings: Settings, /, *, as_json: bool) -> None:
    """Seal everyone with a new key, all at once. Doors that run go on; old backups cannot be opened any more."""
    with _working(settings) as work:
        done = work.rotate_key({})
    if as_json:
        print_json(done)
        return
    out.print(f"{done['people']} people are sealed with the new site key {done['site_key']}.", markup=False)
    out.print("Keep a copy of it where this device is not; the old one opens nothing any more.")


@site.command(name="revoke-templates")
@json_option
@click.pass_obj
def revoke_templates(settings: Settings, /, *, as_json: bool) -> None:
    """Turn all templates by a new secret: stolen ones match nobody, and nobody has to be enrolled again."""
    with _working(settings) as work:
        done = work.revoke_templates({})
    if as_json:
        print_json(done)
        return
    out.print(f"The templates of {done['people']} people are renewed.", markup=False)


@contextlib.contextmanager
def _working(settings: Settings) -> Iterator[Work]:
    from device.audit.log import AuditLog
    from device.clock import SystemClock
    from device.policy.lockout import Lockout
    from device.verbs import Work

    with AuditLog(settings.audit_file, clock=SystemClock()) as audit:
        yield Work(settings, audit, Lockout())
