"""`lintel demo`: visitors are played to the real loop and a real door daemon, and the door shows what it did."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from device.clock import Clock, SystemClock
from device.config import Settings
from device.errors import StorageUnwritableError
from enroll.cast import Cast, cast_from_camera, cast_from_video, cast_of_puppets
from enroll.console import out
from enroll.playbill import Playbill
from firmware_bridge.errors import DoorUnreachableError

if TYPE_CHECKING:
    from device.audit.log import AuditLog
    from device.vision.enrolment import StillExtractor
    from firmware_bridge.child import DoorChild

RATE_HZ = 15.0
RELEASE_FOR_S = 1.0
MOTION_FRAMES = 60
DOOR = """\
[daemon]
socket = "{folder}/door.sock"
state_folder = "{folder}/state"

[pins]
factory = "mock"

[lock]
pin = 17
"""


@click.command()
@click.option("--video", type=click.Path(path_type=Path, dir_okay=False), help="A recording of the person to enrol.")
@click.option("--stranger", type=click.Path(path_type=Path, dir_okay=False), help="A recording of somebody else.")
@click.option("--camera", type=click.IntRange(min=0), help="Enrol whoever stands before this camera, then watch it.")
@click.option(
    "--out", "folder", type=click.Path(path_type=Path, file_okay=False), default="build/demo", show_default=True
)
@click.pass_context
def demo(ctx: click.Context, video: Path | None, stranger: Path | None, camera: int | None, folder: Path) -> None:
    """Play visitors to the real loop and show what the door did.

    A person is enrolled from one still photo. Then that person, a stranger and a flat photo of that person walk up.
    The lock is a real GpioLock on a mock pin, driven by the door daemon in a process of its own. Exit status 1 when
    anybody was not treated as they should be. Nothing outside --out is written.
    """
    from device.app import build_photo_extractor

    if camera is not None and (video is not None or stranger is not None):
        raise click.UsageError("--camera does not go together with --video or --stranger")
    make_folder(folder)
    stills = build_photo_extractor(ctx.obj)
    out.print(f"[bold]Lintel demo[/]  {described_networks(ctx.obj)}")
    if camera is not None:
        cast = cast_from_camera(camera, SystemClock(), stills)
    elif video is not None:
        cast = cast_from_video(video, stranger, stills)
    else:
        cast = cast_of_puppets(stills)
    for note in cast.notes:
        out.print(f"  {note}", style="dim", soft_wrap=True)
    with TemporaryDirectory(prefix="lintel-demo-") as state:
        settings = demo_settings(ctx.obj, Path(state))
        if cast.is_puppet:
            settings = by_motion_alone(settings, "a puppet's skin is a photo")
        elif not has_texture(settings):
            settings = by_motion_alone(settings, "there is no texture network, and who is played cannot be asked")
        is_right = play(cast, settings, stills, folder)
    ctx.exit(0 if is_right else 1)


def make_folder(folder: Path) -> None:
    """The folder for what the demo leaves. Raises StorageUnwritableError when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnwritableError(f"{folder} cannot be made: {error.strerror or error}") from error


def demo_settings(settings: Settings, state: Path) -> Settings:
    """The administrator's settings with a state of the demo's own and a short release."""
    return replace(
        settings,
        site=replace(settings.site, state_folder=str(state), models_folder=str(settings.models_folder.absolute())),
        door=replace(settings.door, release_for_s=RELEASE_FOR_S),
    )


def by_motion_alone(settings: Settings, why: str) -> Settings:
    """Let motion alone decide, and ask nothing: a puppet's skin is a photo, and neither it nor a recording listens."""
    out.print(f"  motion alone must show a live head: {why}", style="dim")
    patient = replace(settings.recognition, max_frames=MOTION_FRAMES)  # a puppet turns its head when it has walked up
    return replace(
        settings, recognition=patient, liveness=replace(settings.liveness, mode="passive", use_texture=False)
    )


def has_texture(settings: Settings) -> bool:
    """Whether texture networks are installed and used."""
    from models.manifest import Role
    from models.store import ModelStore

    installed = ModelStore(settings.models_folder).installed()
    return settings.liveness.use_texture and installed.card(Role.TEXTURE_NEAR) is not None


def described_networks(settings: Settings) -> str:
    """Which profile of networks runs."""
    from models.store import ModelStore

    return f"networks: {ModelStore(settings.models_folder).installed().profile}"


def play(cast: Cast, settings: Settings, stills: StillExtractor, folder: Path) -> bool:
    """Enrol, let everybody walk up, and report; whether everybody was treated as they should be."""
    from device.app import open_appliance
    from device.audit.log import AuditLog
    from device.camera.feed import CameraFeed
    from device.measure.simulate.scenes import StagedCamera
    from device.service import Service
    from firmware_bridge.child import mock_door

    clock = SystemClock()
    logging.basicConfig(filename=folder / "loop.log", force=True)  # the terminal is for the play
    with mock_door(DOOR, log=folder / "door.log") as child, AuditLog(settings.audit_file, clock=clock) as audit:
        settings = replace(settings, door=replace(settings.door, socket=str(child.socket_path)))
        enrol(cast, settings, stills, audit=audit, clock=clock)
        playbill = Playbill(cast, StagedCamera(cast.visits, rate_hz=RATE_HZ, clock=clock), rate_hz=RATE_HZ)
        threading.Thread(target=follow_door, args=(child, playbill), daemon=True).start()
        with open_appliance(settings, clock=clock, door=child.client, audit=audit) as appliance:
            feed = CameraFeed(lambda: playbill, settings.camera)
            Service(appliance, feed, child.client, tell=playbill.note_news).run(threading.Event())
        clock.sleep(RELEASE_FOR_S)  # the last release must have run out
        playbill.note_levels(child.client.pin_levels())
    return playbill.report(settings, folder)


def enrol(cast: Cast, settings: Settings, stills: StillExtractor, *, audit: AuditLog, clock: Clock) -> None:
    """Enrol the person of the still, as `lintel people add` does."""
    from device.audit.kinds import AuditKind
    from device.collection.people import Newcomer, Reference, consent_of_nobody
    from device.collection.store import open_collection

    template, quality = stills.extract(cast.still)
    references, consent = [Reference(template, quality)], consent_of_nobody(clock.now())
    with open_collection(settings.collection_file) as collection:
        newcomer = Newcomer(name="Demo Person", references=references, consent=consent)
        person = collection.add_person(newcomer, at=clock.now())
    sequence = audit.append(AuditKind.PERSON_ENROLLED, {"person": person, "references": 1})
    out.print(f"   0.0 s  enrolled from one still photo as {person}, audit {sequence}")


def follow_door(child: DoorChild, playbill: Playbill) -> None:
    """Pass on what the door daemon tells, until it goes."""
    try:
        for event in child.client.watch():
            playbill.note_door(event)
    except DoorUnreachableError:
        return
