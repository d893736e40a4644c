"""`lintel watch`: a camera or a recording, and one line for every decision. No lock is touched."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click
import msgspec

from device.camera.feed import CameraLost, CameraRestored
from device.config import CameraSettings, Settings
from device.ports import Camera
from device.types import Deny, Frame, Grant, Match, NonMatch, PersonId
from enroll.console import complain, out, print_json

if TYPE_CHECKING:
    from device.loop import Decided
    from device.service import ServiceNews


STREAMS = ("rtsp://", "rtsps://", "http://", "https://")


@click.command()
@click.option("--video", type=click.Path(path_type=Path, dir_okay=False), help="A video file, played once.")
@click.option("--camera", type=click.IntRange(min=0), help="A V4L2 camera by its number, until interrupted.")
@click.option("--rtsp", metavar="URL", help="A network camera, such as rtsp://host/stream, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each decision.")
@click.pass_obj
def watch(settings: Settings, video: Path | None, camera: int | None, rtsp: str | None, *, as_json: bool) -> None:
    """Watch a camera or a video and print every decision. No lock is touched.

    Decisions are recorded in the audit, marked as watched only. Without --video, --camera or --rtsp the camera of the
    configuration is watched.
    """
    if rtsp is not None and not rtsp.startswith(STREAMS):
        raise click.BadParameter(f"a stream's address begins with {' or '.join(STREAMS)}", param_hint="--rtsp")
    sources = [str(source) for source in (video, camera, rtsp) if source is not None]
    if len(sources) > 1:
        raise click.UsageError("name one of --video, --camera and --rtsp")
    source = sources[0] if sources else settings.camera.source
    if video is not None:
        source = str(video.absolute())  # a file called "0" is a file
    watch_source(settings, msgspec.structs.replace(settings.camera, source=source), as_json=as_json)


def watch_source(settings: Settings, camera: CameraSettings, *, as_json: bool) -> None:
    """Run the loop on `camera` until it ends or SIGINT comes.

    Raises CameraError when it cannot be opened at all, VideoUnreadableError for a file that is no video; a camera that
    vanishes later is reopened.
    """
    from device.app import open_appliance
    from device.audit.log import AuditLog
    from device.bystander import NoDoor, WatchingAudit
    from device.camera.feed import CameraFeed
    from device.camera.opencv import open_camera
    from device.clock import SystemClock
    from device.collection.store import open_collection
    from device.service import Service

    clock = SystemClock()
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with (
        open_collection(settings.collection_file) as collection,
        AuditLog(settings.audit_file, clock=clock) as audit,
        open_appliance(settings, clock=clock, door=NoDoor(), audit=WatchingAudit(audit)) as appliance,
    ):
        names = {person.id: person.name for person in collection.people()}
        opened: list[Camera] = [open_camera(camera, clock)]  # what cannot be opened at all is an error, not a wait
        feed = CameraFeed(lambda: opened.pop() if opened else open_camera(camera, clock), camera)
        tell = partial(_tell, _print_json if as_json else _print_line, names.get)
        Service(appliance, feed, NoDoor(), tell=tell).run(stop)


def _tell(
    show: Callable[[Callable[[PersonId], str | None], Decided], None],
    name_of: Callable[[PersonId], str | None],
    news: ServiceNews,
    _: Frame | None,
) -> None:
    match news:
        case CameraLost(fault=fault, retry_in_s=seconds):
            complain(f"{fault}; trying again in {seconds:g} s")
        case CameraRestored():
            complain("the camera delivers frames again")
        case decided:
            show(name_of, decided)


def describe(decided: Decided, name_of: Callable[[PersonId], str | None]) -> dict[str, object]:
    """One decision as JSON values, for the administrator's eyes."""
    search = decided.evidence.search if decided.evidence is not None else None
    score = search.score if isinstance(search, Match) else search.best_score if isinstance(search, NonMatch) else None
    person = decided.person
    return {
        "decision": "granted" if isinstance(decided.decision, Grant) else "denied",
        "reason": decided.decision.reason.value if isinstance(decided.decision, Deny) else None,
        "person": person,
        "name": name_of(person) if person is not None else None,
        "score": None if score is None else round(score, 4),
        "threshold": None if search is None else round(search.threshold.score, 4),
        "frames": decided.evidence.frames if decided.evidence is not None else None,
        "latency_s": round(decided.decided_at - decided.first_usable_at, 3),
        "track": decided.track,
        "audit_sequence": decided.audit_sequence,
    }


def _print_json(name_of: Callable[[PersonId], str | None], decided: Decided) -> None:
    print_json(describe(decided, name_of))


def _print_line(name_of: Callable[[PersonId], str | None], decided: Decided) -> None:
    from rich.text import Text

    facts = describe(decided, name_of)
    match decided.decision:
        case Grant(person=person):
            verdict, who = ("granted", "bold green"), name_of(person) or person
        case Deny(reason=reason):
            verdict, who = ("denied ", "bold red"), reason.value.replace("_", " ")
        case unreachable:
            assert_never(unreachable)
    basis = (
        f"  score {_shown(facts['score'])} of {_shown(facts['threshold'])}, {facts['frames']} frames, "
        f"{facts['latency_s']} s, audit {facts['audit_sequence']}"
    )
    out.print(Text.assemble(verdict, " ", who, (basis, "dim")), soft_wrap=True)  # a name is no markup


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "–"
