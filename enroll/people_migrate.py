"""`lintel people migrate`: moving everyone to the template network that is installed now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

import click

from device.config import Settings
from enroll.console import counted, err, json_option, out, print_json

if TYPE_CHECKING:
    from device.policy.threshold import ThresholdPolicy
    from enroll.migration import LeftBehind, Step
    from enroll.registry import Registry

REMEDY = "Enrol these people again; under another network than theirs the door does not know them."
DRY_RUN_MARK = "Nothing was written. "


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would become of everyone, and write nothing.")
@click.option("--finish", "is_finish", is_flag=True, help="Remove the references of every other network.")
@click.option(
    "--leaving", "leaving", multiple=True, metavar="NAME|ID", help="With --finish: do so although NAME has none."
)
@click.option("--yes", "is_yes", is_flag=True, help="With --finish: do so whoever is left without a reference.")
@json_option
@click.pass_obj
def migrate(
    settings: Settings, /, *, dry_run: bool, is_finish: bool, leaving: tuple[str, ...], is_yes: bool, as_json: bool
) -> None:
    """Make references of the installed template network from sealed reference photos, person by person.

    Whoever has such references is not touched, so the command may be stopped and run again. People without a usable
    photo are listed. References of the network before stay until --finish removes them.
    """
    from enroll.registry import open_existing_registry

    if (leaving or is_yes) and not is_finish:
        raise click.UsageError("--leaving and --yes go with --finish.")
    if dry_run and is_finish:
        raise click.UsageError("--dry-run and --finish exclude each other.")
    thresholds = _thresholds(settings)
    with open_existing_registry(settings) as registry:
        if is_finish:
            _finish(registry, thresholds, leaving=None if is_yes else leaving, as_json=as_json)
            return
        steps = list(_steps(settings, registry, thresholds, dry_run=dry_run))
    _report(steps, model=thresholds.model_id, dry_run=dry_run, as_json=as_json)


def _thresholds(settings: Settings) -> ThresholdPolicy:
    from device.app import build_thresholds
    from models.store import ModelStore

    return build_thresholds(settings, ModelStore(settings.models_folder).installed())


def _steps(settings: Settings, registry: Registry, thresholds: ThresholdPolicy, *, dry_run: bool) -> Iterator[Step]:
    from rich.progress import track

    from device.app import build_photo_extractor
    from enroll.migration import Migration

    people = registry.collection.people()
    migration = Migration(registry, build_photo_extractor(settings), thresholds)
    steps = migration.preview(people) if dry_run else migration.move(people)
    is_silent = not err.is_terminal
    yield from track(steps, "Moving people", total=len(people), console=err, transient=True, disable=is_silent)


def _finish(registry: Registry, thresholds: ThresholdPolicy, *, leaving: tuple[str, ...] | None, as_json: bool) -> None:
    """`leaving` None: whoever it may be."""
    from enroll.migration import finish, refuse_unfinished

    people = registry.collection.people()
    if leaving is not None:
        named = frozenset(registry.collection.find(word).id for word in leaving)
        refuse_unfinished(people, model=thresholds.model_id, leaving=named)
    removed = list(finish(registry, people, model=thresholds.model_id))
    is_overwritten = registry.collection.overwrite_traces()
    count = sum(number for _, number in removed)
    if as_json:
        print_json({"people": len(removed), "references_removed": count, "traces_overwritten": is_overwritten})
        return
    out.print(
        f"{counted(count, 'reference')} of {counted(len(removed), 'person')} removed; {thresholds.model_id} is left."
    )


def _report(steps: list[Step], *, model: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"model": model, "dry_run": dry_run, "people": [_as_object(step) for step in steps]})
        return
    from enroll.migration import AlreadyMoved, LeftBehind, Moved

    moved = [step for step in steps if isinstance(step, Moved)]
    left = [step for step in steps if isinstance(step, LeftBehind)]
    already = sum(isinstance(step, AlreadyMoved) for step in steps)
    verb = "would be moved" if dry_run else "moved"
    mark = DRY_RUN_MARK if dry_run else ""
    out.print(f"{mark}To {model}: {counted(len(moved), 'person')} {verb}, {already} there before, {len(left)} left.")
    for step in moved:
        for sentence in (*step.unusable, *(f"looks like {name}, too" for name in step.look_alikes)):
            out.print(f"  {step.person.name}: {sentence}", markup=False)
    for behind in left:
        out.print(f"  {behind.person.name}: {_why(behind)}", markup=False)
    if left:
        out.print(REMEDY)


def _why(step: LeftBehind) -> str:
    return "; ".join(step.unusable) or "no photo is kept"


def _as_object(step: Step) -> dict[str, object]:
    from enroll.migration import AlreadyMoved, LeftBehind, Moved

    who: dict[str, object] = {"id": step.person.id, "name": step.person.name}
    match step:
        case AlreadyMoved():
            return {**who, "state": "already"}
        case Moved():
            found = {"references": step.references, "unusable": step.unusable, "look_alikes": step.look_alikes}
            return {**who, "state": "moved", **found}
        case LeftBehind():
            return {**who, "state": "left", "unusable": step.unusable}
        case unreachable:
            assert_never(unreachable)
