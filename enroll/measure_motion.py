"""`lintel measure motion`: how well motion alone tells heads from sheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from device.config import Settings
from enroll import console

if TYPE_CHECKING:
    from device.loop import Vision
    from device.measure.motion import Scene, Watched
    from device.types import Image, Mesh

KINDS = ("flat", "bent", "puppet")
PRINTS = ("waved", "turned", "nodded", "rolled")


@click.command()
@click.option(
    "--portraits",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="The folder of portraits that sheets and puppets are made of.",
)
@click.option("--pattern", default="*.jpg", show_default=True, help="Which files of the folder.")
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Use every so many-th file.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="May be repeated; default: all.")
@click.option("--how", "hows", type=click.Choice(PRINTS), multiple=True, help="How prints move; default: waved.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of motions, rooms and noise.")
@click.option("--video", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A live person, filmed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_obj
def motion(settings: Settings, /, **options: Any) -> None:
    """How often motion alone says head, sheet or neither, of simulated prints and puppets and of a live clip.

    Each is shown for 5 s at 15 frames a second to a tracker and a motion cue of its own; the first answer counts. Of
    heads those count that turned or nodded by 15 degrees. The clip is cut into stretches of 4 s, one every second.
    """
    from device.measure.motion import watch

    watched = [watch(scene, _vision(settings), settings.liveness) for scene in _scenes(settings, options)]
    rows = _rows(watched)
    if as_json := options["as_json"]:
        console.print_json({"seed": options["seed"], "simulated": "all but live", "kinds": rows})
    if not as_json:
        _print(rows, [one for one in watched if one.shape.value != _right(one.kind)])


def _scenes(settings: Settings, options: dict[str, Any]) -> Iterator[Scene]:
    from device.measure import motion as measured

    kinds, hows = options["kinds"] or KINDS, options["hows"] or PRINTS[:1]
    files = sorted(options["portraits"].glob(options["pattern"]))[:: options["every"]]
    for number, (file, image, mesh) in enumerate(_faces(settings, files)):
        seed = options["seed"] * 100_003 + number
        for kind in kinds:
            if kind == measured.PUPPET:
                yield measured.Scene(kind, file.name, measured.show_puppet(image, mesh, seed=seed))
                continue
            for how in hows:
                pictures = measured.show_print(image, mesh, how, is_bent=kind == "bent", seed=seed)
                yield measured.Scene(f"{kind} {how}", file.name, pictures)
    if options["video"] is not None:
        yield from measured.stretches(options["video"])


def _faces(settings: Settings, files: Sequence[Path]) -> Iterator[tuple[Path, Image, Mesh]]:
    from device.types import Frame
    from device.vision.photo import read_photo

    for file in files:
        image = read_photo(file)
        tracks = _vision(settings).tracker.follow(Frame(image, 0.0, 0))
        if tracks:
            yield file, image, tracks[0].mesh


def _vision(settings: Settings) -> Vision:
    """Fresh, without texture networks."""
    from device.app import build_vision
    from device.stopwatch import Stopwatch
    from models.store import ModelStore

    without = msgspec.structs.replace(settings, liveness=msgspec.structs.replace(settings.liveness, use_texture=False))
    return build_vision(without, ModelStore(settings.models_folder).installed(), Stopwatch())


def _right(kind: str) -> str:
    from device.measure.motion import LIVE, PUPPET

    return "solid" if kind in {PUPPET, LIVE} else "flat"


def _rows(watched: Sequence[Watched]) -> dict[str, dict[str, Any]]:
    from device.measure.motion import TURNED_DEG

    rows: dict[str, dict[str, Any]] = {}
    for kind in dict.fromkeys(one.kind for one in watched):
        found = [one for one in watched if one.kind == kind]
        counted = [one for one in found if _right(kind) == "flat" or one.swept_deg >= TURNED_DEG]
        shapes = [one.shape.value for one in counted]
        names = {"head": "solid", "sheet": "flat", "not_enough_motion": "unknown"}
        rows[kind] = {
            "n": len(counted),
            "left_out": len(found) - len(counted),
            **{name: shapes.count(value) for name, value in names.items()},
        }
    return rows


def _print(rows: dict[str, dict[str, Any]], wrong: Sequence[Watched]) -> None:
    from rich.table import Table

    table = Table(title="What motion alone says; all but live is simulated", title_justify="left")
    for column in ("kind", "n", "head", "sheet", "not enough motion", "left out"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, row in rows.items():
        shares = [f"{row[name]} ({row[name] / max(1, row['n']):.1%})" for name in ("head", "sheet")]
        table.add_row(kind, str(row["n"]), *shares, str(row["not_enough_motion"]), str(row["left_out"]))
    console.out.print(table)
    for one in wrong:
        console.out.print(f"{one.kind}, {one.name}: {one.shape.value} (swept {one.swept_deg:.0f} degrees)")
