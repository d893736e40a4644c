"""`lintel bundle`: changes to people that travel by stick or mail, signed by an author and sealed to one site."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device.config import Settings
from enroll.consent import consent_given, consent_option
from enroll.console import out, print_json

if TYPE_CHECKING:
    from enroll.bundle_apply import Applied, Gates
    from enroll.bundle_check import Extract

FILE = click.Path(path_type=Path, dir_okay=False)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.group()
def bundle() -> None:
    """Make, inspect and apply signed, sealed bundles of changes. docs/bundles.md has the whole way."""


@bundle.command()
@click.argument("file", type=FILE)
def key(*, file: Path) -> None:
    """Make an author's key in FILE; FILE.pub is for the site, which says whether it trusts it."""
    from enroll.author_key import make_key, public_file

    made = make_key(file)
    out.print(f"Author {made.public.author}: {file} stays here, {public_file(file)} goes to the site", soft_wrap=True)


@bundle.command()
@click.argument("file", type=FILE)
@click.option("--card", "card_file", type=FILE, required=True, help="The card of the site, of `lintel site card`.")
@click.option("--key", "key_file", type=FILE, required=True, help="The author's key, of `lintel bundle key`.")
@click.option("--roster", type=FILE, required=True, help="JSON Lines: one person or change a line.")
@click.option("--photos", "as_photos", is_flag=True, help="Send the photos; the device makes the templates.")
@click.option("--valid-days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How long it is good.")
@consent_option
@click.pass_obj
def create(
    settings: Settings,
    /,
    *,
    file: Path,
    card_file: Path,
    key_file: Path,
    roster: Path,
    as_photos: bool,
    valid_days: int,
    consent: str | None,
) -> None:
    """Make the bundle FILE from a roster, for one site. This machine needs no key of the site."""
    from device.clock import SystemClock
    from device.errors import BundleError
    from enroll import author_key
    from enroll.bundle_format import Header, encode_records
    from enroll.bundle_roster import read_roster
    from enroll.bundle_seal import new_ephemeral, write_bundle

    card, author, now = author_key.read_card(card_file), author_key.read_key(key_file), SystemClock().now()
    private, public = new_ephemeral()
    header = Header(
        site=card.site,
        author=author.public.raw.hex(),
        number=author_key.next_number(key_file, at=now),
        made_at=now,
        expires_at=now + timedelta(days=valid_days),
        ephemeral=public.hex(),
    )
    records = read_roster(
        roster,
        consent=lambda how: consent_given(how or consent, settings.enrolment, at=now),
        extract=None if as_photos else photo_reader(settings),
    )
    draft = file.with_name(f".{file.name}.new")
    try:
        with draft.open("wb") as stream:
            write_bundle(stream, header, encode_records(records), card=card, keys=(author, private))
        draft.replace(file)
    except BundleError:
        raise
    except OSError as error:
        raise BundleError(f"{file}: the bundle cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    out.print(f"{file}: number {header.number} for site {card.site} ({card.fingerprint})", soft_wrap=True)


@bundle.command()
@click.argument("file", type=FILE)
@json_option
def inspect(*, file: Path, as_json: bool) -> None:
    """Show who signed FILE, for which site and when. Whether the author is trusted, only the site knows."""
    import tempfile

    from enroll.bundle_seal import verified_copy

    with verified_copy(file, scratch=Path(tempfile.gettempdir())) as seen:
        header = seen.header
        found = {
            "bundle": seen.id,
            "author": seen.author.author,
            "site": header.site,
            "number": header.number,
            "made_at": header.made_at,
            "expires_at": header.expires_at,
            "bytes": seen.size,
        }
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        out.print(f"{name.replace('_', ' '):<11}{value}", markup=False)


@bundle.command()
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Say what would happen; change and record nothing.")
@click.option("--skip-rejected", is_flag=True, help="Apply what can be, although something cannot.")
@json_option
@click.pass_obj
def apply(settings: Settings, /, *, file: Path, dry_run: bool, skip_rejected: bool, as_json: bool) -> None:
    """Apply FILE as a whole, or nothing of it."""
    from enroll.bundle_apply import apply_bundle, try_bundle
    from enroll.registry import open_registry

    gates = door_gates(settings, skip_rejected=skip_rejected)
    with open_registry(settings) as registry:
        done = (try_bundle if dry_run else apply_bundle)(file, registry, gates)
    _show(done, "would be applied; nothing was changed" if dry_run else "are applied", as_json=as_json)


def door_gates(settings: Settings, *, skip_rejected: bool = False) -> Gates:
    """The gates of this door; networks are loaded when the first photo needs them. Raises ModelError."""
    from device.app import build_thresholds, earliest_time
    from enroll.bundle_apply import Gates
    from models.store import ModelStore

    return Gates(
        thresholds=lambda: build_thresholds(settings, ModelStore(settings.models_folder).installed()),
        extract=photo_reader(settings),
        earliest=earliest_time(settings.policy),
        skip_rejected=skip_rejected,
    )


def photo_reader(settings: Settings) -> Extract:
    """Turns the bytes of a photo into a reference, with the gates of the door."""
    from device.app import build_photo_extractor
    from device.collection.people import Reference
    from device.vision.photo import decode_photo

    build = functools.cache(lambda: build_photo_extractor(settings))

    def extract(content: bytes) -> Reference:
        return Reference(*build().extract(decode_photo(content, name="a photo of the bundle")))

    return extract


def _show(done: Applied, outcome: str, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    for problem in done.problems:
        out.print(f"entry {problem.entry}: {problem.sentence}", markup=False, soft_wrap=True)
    out.print(f"{done.done} entries of bundle {done.bundle} {outcome}", markup=False)
