"""`lintel measure`: how accurate and how fast this installation is, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from device.config import Settings
from enroll import console

if TYPE_CHECKING:
    from device.measure.accuracy import Accuracy, Acquired

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.group()
def measure() -> None:
    """Measure speed and accuracy on this machine."""


@measure.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--precision",
    type=click.Choice(["float", "int8", "both"]),
    help="Which build of the template network. Without it: every one that was made here.",
)
@json_option
@click.pass_obj
def accuracy(settings: Settings, /, *, folder: Path, precision: str | None, as_json: bool) -> None:
    """Error rates of the whole path on FOLDER/IDENTITY/PHOTO, or on a folder of IDENTITY_xxx.jpg.

    From detection on raw photos: in each, the face nearest to the centre is taken for the labelled person.
    """
    from device.app import template_card
    from device.measure.accuracy import acquire, compare_all
    from device.measure.bench import build_acquisition, build_extractors, builds_of_template_network
    from device.measure.photos import find_photos
    from models.manifest import Precision
    from models.store import ModelStore

    photos = find_photos(folder)
    installed = ModelStore(settings.models_folder).installed()
    builds = builds_of_template_network(installed)
    if precision == "both":
        builds = tuple(Precision)
    elif precision is not None:
        builds = (Precision(precision),)
    acquisition, extractors = build_acquisition(settings, installed), build_extractors(settings, installed, builds)
    with _progress(photos.count, "photos") as advance:
        acquired = acquire(photos, acquisition=acquisition, extractors=extractors, advance=advance)
    results = {build.value: compare_all(acquired, build.value) for build in builds}
    model = template_card(installed).model_id
    if as_json:
        console.print_json(_accuracy_document(model, acquired, results))
        return
    _print_accuracy(f"{folder.name}: {model}", acquired, results)


@contextmanager
def _progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while something takes long; nothing where that is no terminal."""
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    is_hidden = not console.err.is_terminal
    with Progress(*columns, console=console.err, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _accuracy_document(model: str, acquired: Acquired, results: dict[str, Accuracy]) -> dict[str, Any]:
    """The figures of the build that comes first, and those of every build under `by_precision`."""
    figures = {build: _figures(result) for build, result in results.items()}
    first = next(iter(results))
    return {
        "model": model,
        "precision": first,
        "layout": acquired.layout,
        "identities": acquired.identities,
        "photos": acquired.photos,
        "not_acquired": acquired.not_acquired,
        "unreadable": acquired.unreadable,
        "fta": acquired.failure_rate,
        **figures[first],
        "by_precision": figures,
    }


def _figures(result: Accuracy) -> dict[str, Any]:
    return {
        "mated": result.mated,
        "non_mated": result.non_mated,
        "fnmr_at_fmr": {_rate(fmr): round(fnmr, 6) for fmr, fnmr in result.fnmr_at_fmr.items()},
        "threshold_at_fmr": {_rate(fmr): round(score, 6) for fmr, score in result.threshold_at_fmr.items()},
        "false_matches_at_fmr": {_rate(fmr): count for fmr, count in result.false_matches_at_fmr.items()},
        "rank1": None if result.rank1 is None else round(result.rank1, 6),
    }


def _rate(fmr: float) -> str:
    """A false match rate as the key "1e-3"."""
    mantissa, _, exponent = f"{fmr:e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _print_accuracy(title: str, acquired: Acquired, results: dict[str, Accuracy]) -> None:
    from rich.table import Table

    from device.measure.rates import ENOUGH_FALSE_MATCHES

    first = next(iter(results.values()))
    console.out.print(
        f"{acquired.photos:,} photos of {acquired.identities:,} people; {acquired.not_acquired} not acquired "
        f"(FTA {acquired.failure_rate:.4f}), of these {acquired.unreadable} unreadable; "
        f"{first.mated:,} mated and {first.non_mated:,} non-mated comparisons"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("build", "FMR", "FNMR", "threshold", "false matches"):
        table.add_column(heading, justify="left" if heading == "build" else "right")
    for build, result in results.items():
        for fmr, fnmr in result.fnmr_at_fmr.items():
            count = result.false_matches_at_fmr[fmr]
            shown = f"{count}" if count >= ENOUGH_FALSE_MATCHES else f"{count} (few)"
            table.add_row(build, _rate(fmr), f"{fnmr:.4f}", f"{result.threshold_at_fmr[fmr]:.3f}", shown)
        if result.rank1 is not None:
            table.add_row(build, "", f"rank-1 {result.rank1:.4f}", "", "")
        table.add_section()
    console.out.print(table)
