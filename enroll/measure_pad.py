"""`lintel measure pad`: how well presentation attacks are told from live people, on recordings or on simulations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from device.config import LivenessSettings, Settings
from device.errors import ConfigError
from enroll import console

if TYPE_CHECKING:
    from device.measure.attempt import Stand
    from device.measure.pad import PadRates, Presentation, Share, Showing
    from device.types import Image, Mesh, Template

MODES = ("passive", "cooperative", "challenge", "light")
ASKING = frozenset({"challenge", "light"})  # modes in which everybody is asked for an answer
PORTRAITS = frozenset({".jpg", ".jpeg", ".png"})


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--capture", "species", metavar="SPECIES", help="Record attempts at this door: bona_fide, phone, ….")
@click.option("--camera", metavar="SOURCE", help="For --capture; without it, the camera of the configuration.")
@click.option(
    "--seconds", type=click.FloatRange(1, 120), default=15.0, show_default=True, help="Of one attempt, for --capture."
)
@click.option("--simulate", is_flag=True, help="Simulated people and attacks, made of portraits.")
@click.option("--portraits", type=click.Path(path_type=Path, exists=True, file_okay=False), help="For --simulate.")
@click.option(
    "--attempts", type=click.IntRange(min=1, max=1000), help="To capture (5), or portraits used by --simulate (10)."
)
@click.option("--seed", type=int, default=1, show_default=True, help="For --simulate.")
@click.option(
    "--mode", "modes", type=click.Choice(MODES), multiple=True, help="Again and again; default: as configured."
)
@click.option("--plots", type=click.Path(path_type=Path, dir_okay=False), help="Write a page of plots, PNG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each mode instead of text.")
@click.pass_obj
def pad(settings: Settings, /, folder: Path | None, **options: Any) -> None:
    """Error rates of presentation attack detection on FOLDER/bona_fide and FOLDER/SPECIES.

    Each holds videos or stills. APCER is told for each species with its exact 95 % interval, the worst is the headline;
    what stays undecided is told apart, because at the door it is a denial. A recording cannot answer a challenge.

    --capture records such attempts at the door itself, one sentence at a time; stop the appliance first, it holds the
    camera. They are biometric data, sealed under the site key, and open nowhere else. Delete the folder when you have
    measured; after `lintel site rotate-key` nobody can read them any more.
    """
    if (folder is None) != options["simulate"]:
        raise click.UsageError("name a FOLDER, or use --simulate")
    if options["species"] is not None:
        _capture(settings, folder, options)
        return
    if options["camera"] is not None:
        raise click.UsageError("--camera goes with --capture")
    if folder is not None and not folder.is_dir():
        raise click.UsageError(f"there is no folder {folder}")
    modes = options["modes"] or (settings.liveness.mode,)
    results = []
    for mode in modes:
        liveness = in_mode(settings.liveness, mode, is_simulated=options["simulate"])
        shown = list(_present(settings, liveness, folder, options))
        results.append((mode, shown))
    _report(results, simulated=options["simulate"], as_json=options["as_json"], plots=options["plots"])


def _capture(settings: Settings, folder: Path | None, options: dict[str, Any]) -> None:
    from enroll.measure_capture import capture_all, captured_document, plan_from, print_captured

    if folder is None or len(options["modes"]) > 1:
        raise click.UsageError("--capture needs a FOLDER, and one --mode at most")
    mode = options["modes"][0] if options["modes"] else settings.liveness.mode
    settings = msgspec.structs.replace(settings, liveness=in_mode(settings.liveness, mode, is_simulated=False))
    plan = plan_from(settings, folder, options["species"], camera=options["camera"], options=options)
    say = console.err if options["as_json"] else console.out
    kept = capture_all(plan, settings, _stand(settings), say=say)
    if options["as_json"]:
        console.print_json(captured_document(kept, plan))
        return
    print_captured(kept, plan)


def in_mode(liveness: LivenessSettings, mode: str, *, is_simulated: bool) -> LivenessSettings:
    """The configured thresholds in another mode; simulations without texture, for a puppet's skin is a photo.

    Simulated people stand before two lamps, "left" and "right" where none is configured. Raises ConfigError for mode
    off, in which there is nothing to measure, and for mode light without an emitter or simulated ones.
    """
    if mode not in MODES:
        raise ConfigError(
            f"[liveness] mode {mode} cannot be measured on recordings; name --mode {', --mode '.join(MODES)}"
        )
    if mode == "light" and is_simulated and not liveness.light_left:
        liveness = msgspec.structs.replace(liveness, light_left="left", light_right="right")
    if mode == "light" and not liveness.light_left:
        raise ConfigError("[liveness] light_left must name an emitter in mode light")
    use_texture = liveness.use_texture and not is_simulated
    return msgspec.structs.replace(liveness, mode=mode, use_texture=use_texture)


def pad_document(rates: PadRates, *, is_simulated: bool) -> dict[str, Any]:
    """The rates of one mode as JSON values."""
    return {
        "mode": rates.mode,
        "simulated": is_simulated,
        "recorded": rates.recorded,
        "bpcer": _value(rates.bpcer),
        "undecided_bona_fide": _value(rates.undecided_bona_fide),
        "bona_fide": {
            "n": rates.bpcer.of,
            "bpcer_low": _round(rates.bpcer.low),
            "bpcer_high": _round(rates.bpcer.high),
        },
        "species": {
            name: {
                "n": share.of,
                "apcer": _value(share),
                "low": _round(share.low),
                "high": _round(share.high),
                "undecided": _value(rates.undecided[name]),
                "iapar": _value(rates.iapar[name]) if name in rates.iapar else None,
            }
            for name, share in rates.apcer.items()
        },
        "worst_apcer": None if rates.worst_apcer is None else _round(rates.worst_apcer),
    }


def _present(
    settings: Settings, liveness: LivenessSettings, folder: Path | None, options: dict[str, Any]
) -> Iterator[Presentation]:
    from device.collection.keys import KeyFolder
    from device.measure.pad import present
    from device.measure.pad_material import find_showings, simulate

    changed = msgspec.structs.replace(settings, liveness=liveness)
    stand = _stand(changed)
    showings: Iterable[Showing]
    if folder is not None:
        showings = find_showings(folder, keys=KeyFolder(settings.state_folder))
    else:
        portraits = list(_portraits(stand, options["portraits"], options["attempts"] or 10))
        showings = simulate(portraits, seed=options["seed"], mode=liveness.mode)
    for showing in showings:
        yield present(showing, stand)


def _stand(settings: Settings) -> Stand:
    """The vision of this installation, and whoever is enrolled in it."""
    from device.app import build_thresholds, build_vision
    from device.collection.gallery import Gallery
    from device.collection.store import open_collection
    from device.measure.attempt import Stand
    from device.stopwatch import Stopwatch
    from device.types import Match
    from models.store import ModelStore

    installed = ModelStore(settings.models_folder).installed()

    def is_enrolled(template: Template) -> bool:
        with open_collection(settings.collection_file) as collection:
            return isinstance(
                Gallery(collection, thresholds=build_thresholds(settings, installed)).search(template), Match
            )

    has_people = settings.collection_file.exists()
    return Stand(
        lambda: build_vision(settings, installed, Stopwatch()), settings.liveness, is_enrolled if has_people else None
    )


def _portraits(stand: Stand, folder: Path | None, count: int) -> Iterator[tuple[Image, Mesh]]:
    """Portraits and their meshes: of `folder`, or the one that the demo extra ships, again and again."""
    from device.types import Frame

    for number, image in enumerate(_pictures(folder, count)):
        tracks = stand.vision().tracker.follow(Frame(image, 0.0, number))
        if tracks:
            yield image, tracks[0].mesh


def _pictures(folder: Path | None, count: int) -> Iterator[Image]:
    from device.vision.photo import read_photo

    if folder is None:
        from device.measure.simulate.portraits import grace_hopper

        yield from [grace_hopper()] * count
        return
    for file in sorted(path for path in folder.rglob("*") if path.suffix.lower() in PORTRAITS)[:count]:
        yield read_photo(file)


def _report(
    results: Sequence[tuple[str, list[Presentation]]], *, simulated: bool, as_json: bool, plots: Path | None
) -> None:
    from device.measure.pad import rate

    rates = [rate(shown, mode=mode) for mode, shown in results]
    if plots is not None:
        from device.measure.pad_plots import write_plots

        write_plots(plots, rates, [one for _, shown in results for one in shown], is_simulated=simulated)
    if as_json:
        documents = [pad_document(one, is_simulated=simulated) for one in rates]
        console.print_json(documents[0] if len(documents) == 1 else documents)
        return
    if simulated:
        console.out.print(
            "All people and attacks are [bold]simulated[/]: puppets and sheets made of portraits. Texture rests."
        )
    for one, (_, shown) in zip(rates, results, strict=True):
        _print_table(one)
        if not simulated:
            _print_basis(one, count=len(shown))


def _print_table(rates: PadRates) -> None:
    from rich.table import Table

    table = Table(title=f"mode {rates.mode}", title_justify="left")
    for column in ("species", "n", "APCER", "95 % interval", "undecided", "IAPAR"):
        table.add_column(column, justify="left" if column == "species" else "right")
    for name, share in rates.apcer.items():
        iapar = _percent(rates.iapar[name]) if name in rates.iapar else "–"
        between = f"{share.low:.1%} to {share.high:.1%}"
        table.add_row(name, str(share.of), _percent(share), between, _percent(rates.undecided[name]), iapar)
    console.out.print(table)
    worst = "–" if rates.worst_apcer is None else f"{rates.worst_apcer:.1%}"
    live = rates.bpcer
    console.out.print(
        f"worst APCER {worst}; of {live.of} bona fide {_percent(live)} called an attack "
        f"(95 % {live.low:.1%} to {live.high:.1%}), {_percent(rates.undecided_bona_fide)} undecided"
    )


def _print_basis(rates: PadRates, *, count: int) -> None:
    """What of `count` recordings was judged at the door, and what cannot be judged from a recording."""
    if rates.recorded:
        console.out.print(
            f"{rates.recorded} of {count} are what the door said when it captured them in mode {rates.mode}: "
            "a recording cannot answer anew",
            soft_wrap=True,
        )
    unasked = count - rates.recorded
    if rates.mode in ASKING and unasked:
        console.out.print(
            f"{unasked} of {count} are recordings, which cannot answer what mode {rates.mode} asks: none of them can "
            "be taken for bona fide, so these rates say nothing of a door",
            soft_wrap=True,
        )


def _percent(share: Share) -> str:
    return "–" if share.value is None else f"{share.value:.1%}"


def _value(share: Share) -> float | None:
    return None if share.value is None else _round(share.value)


def _round(value: float) -> float:
    return round(value, 6)
