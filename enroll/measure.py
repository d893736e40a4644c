"""`lintel measure`: how accurate and how fast this installation is, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from device.config import Settings
from enroll import console
from enroll.measure_motion import motion
from enroll.measure_pad import pad
from enroll.measure_search import search

if TYPE_CHECKING:
    from device.measure.peer import FaceRecognitionPeer
    from device.types import Image

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
video_option = click.option(
    "--video",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A clip with one face, cropped and scaled to 640 x 480. Without it: a simulated visitor.",
)

PEER_FOLDER = "peer"  # inside the folder of models


@click.group()
def measure() -> None:
    """Measure speed and accuracy on this machine."""


measure.add_command(motion)
measure.add_command(pad)
measure.add_command(search)


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
    from enroll.measured import accuracy_document, print_accuracy
    from models.manifest import Precision
    from models.store import ModelStore

    photos = find_photos(folder)
    installed = ModelStore(settings.models_folder).installed()
    builds = builds_of_template_network(installed)
    if precision == "both":
        builds = tuple(sorted(Precision, key=lambda build: build is not builds[0]))
    elif precision is not None:
        builds = (Precision(precision),)
    acquisition, extractors = build_acquisition(settings, installed), build_extractors(settings, installed, builds)
    with _progress(photos.count, "photos") as advance:
        acquired = acquire(photos, acquisition=acquisition, extractors=extractors, advance=advance)
    results = {build.value: compare_all(acquired, build.value) for build in builds}
    model = template_card(installed).model_id
    if as_json:
        console.print_json(accuracy_document(model, acquired, results))
        return
    print_accuracy(f"{folder.resolve().name}: {model}", acquired, results)


@measure.command()
@video_option
@click.option("--frames", type=click.IntRange(min=20, max=900), default=300, show_default=True)
@click.option("--people", type=click.IntRange(min=1, max=100_000), default=10_000, show_default=True)
@json_option
@click.pass_obj
def speed(settings: Settings, /, *, video: Path | None, frames: int, people: int, as_json: bool) -> None:
    """Time every stage of the path, on one thread, with PEOPLE enrolled.

    Where dlib and its weights are (see `bench`), the face_recognition package's own pipeline is timed, too.
    """
    from enroll.measured import print_speed

    document = _measure_speed(settings, video, frames=frames, people=people)
    if as_json:
        console.print_json(document)
        return
    print_speed(document)


@measure.command()
@video_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="build/bench", show_default=True)
@click.pass_obj
def bench(settings: Settings, /, *, video: Path | None, out: Path) -> None:
    """Measure speed beside the face_recognition package's own pipeline, latency and footprint, and keep the figures.

    Fetches that pipeline's weights (93 MB) at the first run; needs the `bench` extra. Leaves speed.json, latency.json
    and footprint.json in OUT.
    """
    from device.measure.peer import fetch_peer
    from enroll.measured import print_footprint, print_latency, print_speed, write_document
    from enroll.progress import download_progress
    from models.manifest import read_manifest

    with download_progress() as progress:
        fetch_peer(settings.models_folder / PEER_FOLDER, manifest=read_manifest(), progress=progress)
    document = _measure_speed(settings, video, frames=300, people=10_000, needs_peer=True)
    write_document(document, out / "speed.json")
    print_speed(document)
    document = _measure_latency(settings, video, visits=40, rate_hz=15.0)
    write_document(document, out / "latency.json")
    print_latency(document)
    document = _measure_footprint(settings, video)
    write_document(document, out / "footprint.json")
    print_footprint(document)


@measure.command()
@video_option
@click.option("--visits", type=click.IntRange(min=1, max=1000), default=40, show_default=True)
@click.option("--rate", "rate_hz", type=click.FloatRange(min=1, max=120), default=15.0, show_default=True)
@json_option
@click.pass_obj
def latency(settings: Settings, /, *, video: Path | None, visits: int, rate_hz: float, as_json: bool) -> None:
    """Time the wait from the first usable frame to the relay command, in the real loop.

    The person of the clip is enrolled from an early frame and walks up again and again, at RATE frames a second.
    """
    from enroll.measured import print_latency

    document = _measure_latency(settings, video, visits=visits, rate_hz=rate_hz)
    if as_json:
        console.print_json(document)
        return
    print_latency(document)


@measure.command()
@video_option
@json_option
@click.pass_obj
def footprint(settings: Settings, /, *, video: Path | None, as_json: bool) -> None:
    """Time the start of the appliance, and weigh it while it runs."""
    from enroll.measured import print_footprint

    document = _measure_footprint(settings, video)
    if as_json:
        console.print_json(document)
        return
    print_footprint(document)


def _measure_speed(
    settings: Settings, video: Path | None, *, frames: int, people: int, needs_peer: bool = False
) -> dict[str, Any]:
    _use_one_thread()
    from device.measure.bench import build_stages
    from device.measure.footage import open_footage
    from device.measure.speed import measure_speed
    from enroll.measured import speed_document
    from models.store import ModelStore

    installed = ModelStore(settings.models_folder).installed()
    peer = _open_peer(settings, is_needed=needs_peer)
    footage = open_footage(settings, installed, video=video)
    with build_stages(settings, installed, gallery_size=people) as stages, _progress(frames, "frames") as advance:
        measured = measure_speed(stages, _counted(footage.frames(frames), advance), peer=peer)
    return speed_document(measured, source=footage.name, people=people, peer_name=None if peer is None else peer.name)


def _measure_latency(settings: Settings, video: Path | None, *, visits: int, rate_hz: float) -> dict[str, Any]:
    _use_one_thread()
    from device.measure.footage import open_footage
    from device.measure.latency import measure_latency
    from enroll.measured import latency_document
    from models.store import ModelStore

    footage = open_footage(settings, ModelStore(settings.models_folder).installed(), video=video)
    return latency_document(measure_latency(settings, footage, visits=visits, rate_hz=rate_hz), source=footage.name)


def _measure_footprint(settings: Settings, video: Path | None) -> dict[str, Any]:
    from device.measure.footage import open_footage
    from device.measure.footprint import measure_footprint
    from enroll.measured import footprint_document
    from models.store import ModelStore

    footage = open_footage(settings, ModelStore(settings.models_folder).installed(), video=video)
    return footprint_document(measure_footprint(settings, footage))


def _open_peer(settings: Settings, *, is_needed: bool) -> FaceRecognitionPeer | None:
    """The peer; None where it is not at hand and not needed. Raises RuntimeMissingError without the `bench` extra."""
    from device.measure.peer import FaceRecognitionPeer, is_peer_ready
    from models.errors import RuntimeMissingError

    folder = settings.models_folder / PEER_FOLDER
    if not is_peer_ready(folder):
        return None
    try:
        return FaceRecognitionPeer(folder)
    except RuntimeMissingError:
        if is_needed:
            raise
        return None


def _use_one_thread() -> None:
    """Keep numpy's product on one thread, too; it reads these when it is first imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _counted(images: Iterable[Image], advance: Callable[[int], None]) -> Iterator[Image]:
    for number, image in enumerate(images, start=1):
        yield image
        advance(number)


@contextmanager
def _progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while something takes long; nothing where that is no terminal."""
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    is_hidden = not console.err.is_terminal
    with Progress(*columns, console=console.err, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
