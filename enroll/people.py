"""`lintel people`: who may come in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from device.config import Settings
from enroll.consent import consent_given, consent_option
from enroll.console import out, print_json

if TYPE_CHECKING:
    from device.collection.people import Person
    from device.policy.threshold import ThresholdPolicy
    from enroll.candidate import Portrait
    from enroll.registry import Registry

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


def _clean(ctx: click.Context, parameter: click.Parameter, name: str) -> str:  # noqa: ARG001 (click's signature)
    from device.collection.people import clean_name

    try:
        return clean_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group()
def people() -> None:
    """Add, list and remove enrolled people."""


@people.command()
@click.argument("name", callback=_clean)
@click.option(
    "--photo",
    "photos",
    multiple=True,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
    help="Photos of that one person, each with one face.",
)
@click.argument("more_photos", nargs=-1, metavar="", type=click.Path(path_type=Path))
@consent_option
@click.option("--allow-duplicate", is_flag=True, help="Enrol although the door takes them for somebody enrolled.")
@json_option
@click.pass_obj
def add(
    settings: Settings,
    /,
    *,
    name: str,
    photos: tuple[Path, ...],
    more_photos: tuple[Path, ...],
    consent: str | None,
    allow_duplicate: bool,
    as_json: bool,
) -> None:
    """Enrol NAME from one or more photos, each with one face.

    All photos are checked before anything is written: one that cannot be used, two that show different people, or one
    that looks like somebody who is already enrolled, and nothing changes.
    """
    from device.app import build_photo_extractor
    from device.clock import SystemClock
    from device.collection.people import Newcomer
    from enroll.candidate import examine_photos
    from enroll.registry import open_registry

    agreed = consent_given(consent, settings.enrolment, at=SystemClock().now())
    with open_registry(settings) as registry:
        registry.collection.refuse_taken_name(name)  # before the networks are loaded
        thresholds = _thresholds(settings)
        portraits = examine_photos((*photos, *more_photos), extractor=build_photo_extractor(settings))
        _check(portraits, registry, thresholds, allow_duplicate=allow_duplicate)
        references = [portrait.reference for portrait in portraits]
        person = registry.enrol(Newcomer(name=name, references=references, consent=agreed), how="photos")
    if as_json:
        model = references[0].template.model_id
        print_json({"id": person, "name": name, "references": len(references), "model": model})
        return
    out.print(f"{name} is enrolled as {person} with {_count(len(references), 'reference')}", markup=False)


@people.command(name="list")
@json_option
@click.pass_obj
def list_(settings: Settings, /, *, as_json: bool) -> None:
    """List everyone enrolled."""
    from enroll.registry import open_registry

    with open_registry(settings) as registry:
        everyone = registry.collection.people()
    if as_json:
        print_json([_as_object(person) for person in everyone])
        return
    _print_table(everyone)


@people.command()
@click.argument("name_or_id", metavar="NAME|ID")
@json_option
@click.pass_obj
def remove(settings: Settings, /, *, name_or_id: str, as_json: bool) -> None:
    """Erase a person and every reference. The audit keeps the fact, without the name."""
    from enroll.registry import open_registry

    with open_registry(settings) as registry:
        person = registry.collection.find(name_or_id)
        is_overwritten = registry.erase(person)
    if as_json:
        print_json({"id": person.id, "name": person.name, "traces_overwritten": is_overwritten})
        return
    out.print(f"{person.name} ({person.id}) is erased", markup=False)
    if not is_overwritten:
        out.print("Another process was reading, so traces stay in the write-ahead log until it is next emptied.")


def _thresholds(settings: Settings) -> ThresholdPolicy:
    from device.app import build_thresholds
    from models.store import ModelStore

    return build_thresholds(settings, ModelStore(settings.models_folder).installed())


def _check(
    portraits: list[Portrait], registry: Registry, thresholds: ThresholdPolicy, *, allow_duplicate: bool
) -> None:
    from device.collection.gallery import Gallery
    from enroll.candidate import refuse_disagreement, refuse_look_alike

    refuse_disagreement(portraits, threshold=thresholds.choose(1))
    gallery = Gallery(registry.collection, thresholds=thresholds)
    thresholds.choose(gallery.references + len(portraits))  # a door that cannot serve them all would serve nobody
    if not allow_duplicate:
        refuse_look_alike(portraits, gallery=gallery, collection=registry.collection)


def _as_object(person: Person) -> dict[str, object]:
    facts = person.facts
    return {
        "id": person.id,
        "name": person.name,
        "references": sum(person.references.values()),
        "models": sorted(person.references),
        "suspended": facts.is_suspended,
        "valid_from": facts.valid_from,
        "valid_until": facts.valid_until,
        "groups": list(facts.groups),
        "created_at": person.created_at,
    }


def _print_table(everyone: list[Person]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not everyone:
        out.print("Nobody is enrolled.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "id", "references", "models", "enrolled (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")
    for person in everyone:
        references, models = sum(person.references.values()), ", ".join(sorted(person.references))
        cells = (person.name, person.id, str(references), models, f"{person.created_at:%Y-%m-%d %H:%M}")
        table.add_row(*map(Text, cells))
    out.print(table)
    out.print(_count(len(everyone), "person"))


def _count(number: int, noun: str) -> str:
    plural = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
