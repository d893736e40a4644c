"""`lintel people add`: enrolment from photos that are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from device.config import Settings
from enroll.consent import consent_given, consent_option
from enroll.console import counted, json_option, out, print_json

if TYPE_CHECKING:
    from device.policy.threshold import ThresholdPolicy
    from enroll.candidate import Portrait
    from enroll.registry import Registry


def _clean(ctx: click.Context, parameter: click.Parameter, name: str) -> str:  # noqa: ARG001 (click's signature)
    from device.collection.people import clean_name

    try:
        return clean_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
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
    from enroll.candidate import examine_photos, keepsakes
    from enroll.registry import open_registry

    agreed = consent_given(consent, settings.enrolment, at=SystemClock().now())
    with open_registry(settings) as registry:
        registry.collection.refuse_taken_name(name)  # before the networks are loaded
        thresholds = _thresholds(settings)
        extractor = build_photo_extractor(settings)
        portraits = examine_photos((*photos, *more_photos), extractor=extractor)
        _check(portraits, registry, thresholds, allow_duplicate=allow_duplicate)
        references = [portrait.reference for portrait in portraits]
        kept = keepsakes(portraits, extractor=extractor) if settings.enrolment.keep_photos else ()
        newcomer = Newcomer(name=name, references=references, consent=agreed, photos=kept)
        person = registry.enrol(newcomer, how="photos")
    if as_json:
        model = references[0].template.model_id
        print_json({"id": person, "name": name, "references": len(references), "model": model})
        return
    out.print(f"{name} is enrolled as {person} with {counted(len(references), 'reference')}", markup=False)


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
