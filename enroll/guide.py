"""`lintel enroll start`: a guided capture at the door's own camera, at another one, or from a recording."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from device.config import CameraSettings, EnrolmentSettings, Settings
from device.errors import CameraError
from enroll.consent import consent_given, consent_option
from enroll.console import err, json_option, out, print_json
from enroll.guide_words import CONSENT_TEXTS
from enroll.interrupts import noticing_interrupts

if TYPE_CHECKING:
    from device.camera.feed import CameraFeed
    from device.types import Frame
    from enroll.guide_screen import Screen
    from enroll.live import Request, Station

SILENCE_S = 5.0  # a camera that says nothing for so long is lost


def _clean(ctx: click.Context, parameter: click.Parameter, name: str) -> str:  # noqa: ARG001 (click's signature)
    from device.collection.people import clean_name

    try:
        return clean_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("name", callback=_clean)
@click.option("--camera", metavar="N|URL", help="A V4L2 camera by its number, or a network camera's address.")
@click.option("--video", type=click.Path(path_type=Path, dir_okay=False), help="A recording in place of a camera.")
@consent_option
@click.option("--allow-duplicate", is_flag=True, help="Enrol although the door takes them for somebody enrolled.")
@click.option("--external-id", metavar="ID", help="How another system calls this person.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of this person; may be repeated.")
@click.option("--from", "valid_from", type=click.DateTime(), help="From when on the person may come in, UTC.")
@click.option("--until", "valid_until", type=click.DateTime(), help="Until when the person may come in, UTC.")
@click.option("--preview", is_flag=True, help="Show a small picture of what the camera sees.")
@json_option
@click.pass_obj
def start(
    settings: Settings,
    /,
    *,
    name: str,
    camera: str | None,
    video: Path | None,
    consent: str | None,
    allow_duplicate: bool,
    external_id: str | None,
    groups: tuple[str, ...],
    valid_from: datetime | None,
    valid_until: datetime | None,
    preview: bool,
    as_json: bool,
) -> None:
    """Enrol NAME at the door's camera, one instruction at a time.

    Five views of the face are captured, liveness is checked, and the door must recognise the person once. Then, and
    only then, the person is written down. Exit status 86 to 88 when nobody is enrolled.
    """
    from device.clock import SystemClock
    from device.control import is_answering
    from enroll.guide_screen import Screen
    from enroll.live import Request

    if camera is not None and video is not None:
        raise click.UsageError("name one of --camera and --video")
    source = str(video.absolute()) if video is not None else camera or settings.camera.source
    is_interactive = sys.stdin.isatty() and not as_json
    clock = SystemClock()
    how = consent if consent is not None or not is_interactive else ask_for_consent(settings.enrolment, name)
    request = Request(
        name=name,
        consent=consent_given(how, settings.enrolment, at=clock.now()),
        external_id=external_id,
        groups=groups,
        valid_from=_in_utc(valid_from),
        valid_until=_in_utc(valid_until),
        is_another=_asker(allow_duplicate=allow_duplicate, is_interactive=is_interactive),
    )
    station = partial(at_camera, settings, replace(settings.camera, source=source))
    with Screen(err if as_json else out, preview=preview) as screen:
        if camera is None and video is None and settings.control.socket and is_answering(Path(settings.control.socket)):
            screen.say("The running door lends its camera, and lets nobody in meanwhile.")
            station = partial(at_lent_camera, settings)
        enrol_at(settings, request, screen, open_station=station, as_json=as_json)


def enrol_at(
    settings: Settings,
    request: Request,
    screen: Screen,
    *,
    open_station: Callable[[], contextlib.AbstractContextManager[Station]],
    as_json: bool,
) -> None:
    """Enrol whoever stands at the station, and say so."""
    from enroll.live import LiveEnrolment
    from enroll.registry import open_registry

    with noticing_interrupts() as interrupts, open_registry(settings) as registry:

        @contextlib.contextmanager
        def watched() -> Iterator[Station]:
            with open_station() as station:
                yield dataclasses.replace(station, frames=interrupts.watch(station.frames))

        registry.collection.refuse_taken_name(request.name)  # before the networks are loaded
        if request.external_id is not None:
            registry.collection.refuse_taken_external_id(request.external_id)
        person = LiveEnrolment(settings, registry, screen).run(request, watched)
    screen.clear_preview()
    if as_json:
        print_json({"id": person, "name": request.name, "references": 5, "recognised": True})
        return
    screen.say(f"{request.name} was recognised and is enrolled as {person} with 5 references.")


def ask_for_consent(settings: EnrolmentSettings, name: str) -> str | None:
    """Show the text and let the person, or whoever asks them, confirm; None: they did not agree."""
    text = CONSENT_TEXTS.get((settings.consent_text, settings.consent_language))
    out.print(text or f"The site's text {settings.consent_text} ({settings.consent_language}).", markup=False)
    return "agreed at the terminal" if click.confirm(f"Does {name} agree?", default=False) else None


@contextlib.contextmanager
def at_camera(settings: Settings, camera: CameraSettings) -> Iterator[Station]:
    """The station of a real camera or a recording. Raises CameraError when it cannot be opened."""
    from device.camera.feed import CameraFeed
    from device.camera.opencv import open_camera
    from device.clock import SystemClock
    from enroll.live import Station
    from firmware_bridge.client import DoorClient

    door = DoorClient(Path(settings.door.socket))
    opened = [open_camera(camera, SystemClock())]  # what cannot be opened at all is an error, not a wait
    feed = CameraFeed(opened.pop, camera)
    feed.start()
    try:
        is_door = Path(settings.door.socket).exists()
        lamps = door if settings.liveness.light_left else None
        yield Station(newest_frames(feed), door.indicate if is_door else lambda _: None, lamps)
    finally:
        feed.close()


@contextlib.contextmanager
def at_lent_camera(settings: Settings) -> Iterator[Station]:
    """The station of the door's own camera, which the running door lends. Raises ControlError when it does not."""
    from enroll.borrowed import borrowing
    from enroll.live import Station

    with borrowing(Path(settings.control.socket)) as loan, at_camera(settings, settings.camera) as station:

        def frames() -> Iterator[Frame]:
            for frame in station.frames:
                if loan.is_lost:
                    raise CameraError("the door took its camera back; nobody is enrolled")
                yield frame

        yield Station(frames(), loan.show, station.lamps)


def newest_frames(feed: CameraFeed) -> Iterator[Frame]:
    """Frames as they come, until a recording ends. Raises CameraError when the camera vanishes or falls silent."""
    from device.camera.feed import CameraLost, FeedEnded
    from device.types import Frame

    while True:
        item = feed.take(SILENCE_S)
        if isinstance(item, Frame):
            yield item
        elif isinstance(item, CameraLost):
            raise CameraError(f"{item.fault}; nobody is enrolled")
        elif isinstance(item, FeedEnded):
            if item.fault is not None:
                raise item.fault
            return
        elif item is None:
            raise CameraError(f"the camera delivered nothing for {SILENCE_S:g} s; nobody is enrolled")


def _asker(*, allow_duplicate: bool, is_interactive: bool) -> Callable[[str], bool]:
    if allow_duplicate:
        return lambda _: True
    if is_interactive:
        return lambda sentence: click.confirm(f"{sentence}: really another person?", default=False)
    return lambda _: False


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
