"""`lintel models`: install, list and verify the networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from device.config import Settings
from enroll import console

if TYPE_CHECKING:
    from models.card import ModelCard
    from models.install import Outcome
    from models.store import Installed, ModelStore

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.group()
def models() -> None:
    """Install, list and verify the networks."""


@models.command()
@click.option("--profile", help="Install exactly this profile. Without it: standard.")
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with model files, or archives, under the manifest's names; looked at first. May be repeated.",
)
@click.option(
    "--keep-template",
    "kept",
    metavar="MODEL",
    help="Keep the template network MODEL beside the profile, for people whose references it made.",
)
@click.option("--drop-template", is_flag=True, help="Keep no template network beside the profile any more.")
@click.option("--allow-fallback", is_flag=True, help="Where the standard profile cannot be had, install pip-only.")
@json_option
@click.pass_obj
def install(
    settings: Settings,
    /,
    *,
    profile: str | None,
    mirrors: tuple[Path, ...],
    kept: str | None,
    drop_template: bool,
    allow_fallback: bool,
    as_json: bool,
) -> None:
    """Fetch, verify, build and time the networks. What is already there is neither fetched nor built again."""
    from device.app import runtime_options
    from enroll.progress import download_progress
    from models.errors import DownloadError
    from models.install import DEFAULT_PROFILE, Installer

    if kept is not None and drop_template:
        raise click.UsageError("--keep-template and --drop-template exclude each other.")
    keep = () if drop_template else None if kept is None else (kept,)
    with download_progress() as progress:
        installer = Installer(_store(settings), mirrors, runtime_options(settings), progress, keep)
        try:
            if allow_fallback and profile is None:
                outcome = installer.install_or_fall_back()
            else:
                outcome = installer.install(DEFAULT_PROFILE if profile is None else profile)
        except DownloadError as error:
            raise DownloadError(f"{error}; name a folder that has it with --mirror, or use --allow-fallback") from error
    _report(outcome, _store(settings).installed(), as_json=as_json)


@models.command(name="list")
@json_option
@click.pass_obj
def list_(settings: Settings, /, *, as_json: bool) -> None:
    """Show the installed networks, which build of each runs on this machine, and why."""
    installed = _store(settings).installed()
    if as_json:
        console.print_json({"profile": installed.profile, **_networks(installed)})
        return
    _print_table(installed)


@models.command()
@json_option
@click.pass_obj
def verify(settings: Settings, /, *, as_json: bool) -> None:
    """Compare every installed file with the digest it was installed with. Fails at the first that has changed."""
    from models.errors import DigestError, ModelMissingError

    installed = _store(settings).installed()
    faults = []
    for artefact in installed.artefacts:
        try:
            installed.store.read(artefact)
        except (DigestError, ModelMissingError) as error:
            faults.append(error)
    if as_json:
        console.print_json({"verified": len(installed.artefacts), "faults": [str(fault) for fault in faults]})
    for fault in faults[1:] if not as_json else ():
        console.complain(str(fault))
    if faults:
        raise faults[0]
    if not as_json:
        console.out.print(f"All {len(installed.artefacts)} files of the profile {installed.profile} are intact.")


@models.command(hidden=True)
@click.argument("network")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--photos", default=300, show_default=True, help="How many photos, the folders sharing them equally.")
@click.option("--table", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.pass_obj
def calibrate(settings: Settings, /, *, network: str, folders: tuple[Path, ...], photos: int, table: Path) -> None:
    """Measure the range table that a template network is quantised with. For developers; no photo is kept."""
    from enroll.calibration import calibrate as measure
    from models.range_table import encode_ranges

    measured = measure(settings, network, folders, photos=photos)
    table.write_bytes(encode_ranges(measured))
    console.out.print(f"{table}: {len(measured.ranges)} tensors over {measured.inputs} photos")


def _store(settings: Settings) -> ModelStore:
    from models.store import ModelStore

    return ModelStore(settings.models_folder)


def _report(outcome: Outcome, installed: Installed, *, as_json: bool) -> None:
    if as_json:
        console.print_json(
            {"profile": outcome.profile, "made": outcome.made, "notes": outcome.notes, **_networks(installed)}
        )
        return
    for note in outcome.notes:
        console.err.print(note, style="yellow", markup=False, soft_wrap=not console.err.is_terminal)
    if not outcome.made:
        console.out.print(f"The profile {outcome.profile} is installed already; nothing was fetched or built.")
        return
    _print_table(installed)


def _networks(installed: Installed) -> dict[str, list[dict[str, Any]]]:
    """Everything about the installed networks, for programs."""
    return {"networks": _rows(installed, installed.cards), "kept": _rows(installed, installed.kept_cards)}


def _rows(installed: Installed, cards: tuple[ModelCard, ...]) -> list[dict[str, Any]]:
    networks = installed.inventory.every_network
    return [
        {
            "name": card.name,
            "role": card.role,
            "model_id": card.model_id,
            "runs": card.precision,
            "reason": card.reason,
            "times_ms": networks[card.name].times_ms,
            "agreement": networks[card.name].agreement,
            "sha256": card.sha256,
            "licence": installed.store.manifest.file_of(card.network).licence,
        }
        for card in cards
    ]


def _print_table(installed: Installed) -> None:
    from rich.table import Table

    rows = _rows(installed, installed.cards)
    kept = _rows(installed, installed.kept_cards)
    table = Table(title=f"Networks of the profile {installed.profile}", title_justify="left")
    for heading in ("role", "network", "runs", "float ms", "int8 ms", "licence"):
        table.add_column(heading, justify="right" if heading.endswith("ms") else "left", no_wrap=True)
    for row in (*rows, *(row | {"role": "kept"} for row in kept)):
        times = (f"{row['times_ms'][build]:.2f}" if build in row["times_ms"] else "-" for build in ("float", "int8"))
        table.add_row(row["role"], row["name"], row["runs"], *times, row["licence"])
    console.out.print(table)
    for row in (*rows, *kept):
        sentence = f"{row['name']} runs in {row['runs']}. {row['reason']}"
        console.out.print(sentence, markup=False, soft_wrap=not console.out.is_terminal)
    for row in kept:
        sentence = f"{row['name']} is kept for references that it made; its templates are of {row['model_id']}."
        console.out.print(sentence, markup=False, soft_wrap=not console.out.is_terminal)
