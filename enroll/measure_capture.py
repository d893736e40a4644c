"""`lintel measure pad FOLDER --capture SPECIES`: an installer shows attempts to the door, and each is kept sealed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import click
import msgspec
from rich.console import Console

from device.config import CameraSettings, Settings
from device.types import Attack, BonaFide, NotChecked, Undecided
from enroll import console
from firmware_bridge.errors import BridgeError

if TYPE_CHECKING:
    from device.collection.seal import SiteKey
    from device.measure.attempt import Stand
    from device.measure.live import Live
    from firmware_bridge.client import DoorClient

SPECIES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
BONA_FIDE = "bona_fide"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePlan:
    """What is to be captured."""

    folder: Path
    species: str
    attempts: int
    limit_s: float  # of one recording
    camera: CameraSettings

    def __post_init__(self) -> None:
        if not SPECIES.fullmatch(self.species):
            raise click.UsageError(
                "a species is one word of up to 40 letters, digits, - and _, such as bona_fide, printed_photo or phone"
            )


def capture_all(plan: CapturePlan, settings: Settings, stand: Stand, *, say: Console) -> list[tuple[Path, Live]]:
    """Guide the installer through every attempt; the files, and what the door would have done with each.

    Raises what the camera, the disk, the site key and the audit raise; attempts that are saved by then stay. In mode
    light the door's lamps must answer: raises BridgeError.
    """
    from device.audit.kinds import AuditKind
    from device.audit.log import AuditLog
    from device.clock import SystemClock
    from device.collection.keys import KeyFolder
    from device.measure.capture_file import sweep_drafts

    clock = SystemClock()
    key = KeyFolder(settings.state_folder).current_or_new()
    sweep_drafts(plan.folder / plan.species)
    door = _reachable_door(settings, say)
    facts = {"species": plan.species, "attempts": plan.attempts, "mode": settings.liveness.mode}
    with AuditLog(settings.audit_file, clock=clock) as audit:  # nobody is filmed without a trace of it
        audit.append(AuditKind.PAD_CAPTURED, facts)
    kept = []
    for number in range(1, plan.attempts + 1):
        _announce(plan, number, say)
        name, live = _capture_one(plan, stand, key, door=door, say=say)
        say.print(f"  saved {name.name}: {told(live)}", markup=False, soft_wrap=True)
        kept.append((name, live))
    return kept


def told(live: Live) -> str:
    """What the door would have done, in a few words."""
    when = "" if live.decided_after_s is None else f" after {live.decided_after_s:.1f} s"
    match live.verdict:
        case BonaFide() if live.is_match is False:
            return f"denied{when}: bona fide, but nobody who is enrolled"
        case BonaFide():
            return f"{'let in' if live.is_match else 'taken for bona fide'}{when}"
        case Attack(reason=reason):
            return f"denied{when}: attack ({reason.value})"
        case Undecided(missing=missing):
            return f"denied{when}: undecided ({', '.join(missing)} missing)"
        case NotChecked() | None:
            return "nothing: no usable face was seen"
        case unreachable:
            assert_never(unreachable)


def print_captured(kept: list[tuple[Path, Live]], plan: CapturePlan) -> None:
    """The table of what the door would have done."""
    from rich.table import Table

    mode = kept[0][1].mode
    table = Table("attempt", "asked", "the door would have", title=f"{plan.species}, mode {mode}", title_justify="left")
    for number, (_, live) in enumerate(kept, start=1):
        asked = sum(1 for _, word in live.asked if word not in {"ready", "hold_still"})
        table.add_row(str(number), str(asked) if asked else "–", told(live))
    console.out.print(table)
    where = plan.folder / plan.species
    console.out.print(
        f"Sealed biometric data lies in {where}. Delete it when you have measured.", markup=False, soft_wrap=True
    )


def captured_document(kept: list[tuple[Path, Live]], plan: CapturePlan) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "species": plan.species,
        "mode": kept[0][1].mode,
        "attempts": [
            {
                "file": str(file),
                "verdict": _kind(live),
                "decided_after_s": None if live.decided_after_s is None else round(live.decided_after_s, 3),
                "asked": [[round(at, 3), word] for at, word in live.asked],
                "is_match": live.is_match,
                "told": told(live),
            }
            for file, live in kept
        ],
    }


def _kind(live: Live) -> str | None:
    match live.verdict:
        case BonaFide():
            return "bona_fide"
        case Attack():
            return "attack"
        case Undecided():
            return "undecided"
        case NotChecked() | None:
            return None
        case unreachable:
            assert_never(unreachable)


def _announce(plan: CapturePlan, number: int, say: Console) -> None:
    whom = "walk up to the door as always" if plan.species == BONA_FIDE else f"show the {plan.species} to the camera"
    say.print(f"Attempt {number} of {plan.attempts}: {whom}.", markup=False, soft_wrap=True)
    if say.is_terminal:
        click.pause("  Press any key, then begin.", err=say.stderr)


def _capture_one(
    plan: CapturePlan, stand: Stand, key: SiteKey, *, door: DoorClient | None, say: Console
) -> tuple[Path, Live]:
    from device.clock import SystemClock
    from device.measure.capture import Station, capture
    from device.measure.capture_camera import camera_frames
    from device.measure.capture_file import new_name, writing_capture

    def ask(word: str | None) -> None:
        if word is None:
            return
        say.print(f"  the door asks: {word.replace('_', ' ')}", markup=False, soft_wrap=True)
        if door is not None:
            door.indicate(word)

    clock = SystemClock()
    station = Station(
        stand=stand,
        limit_s=plan.limit_s,
        ask=ask,
        lamps=door if stand.liveness.light_left else None,
        began=lambda: say.print(f"  recording, {plan.limit_s:g} s at most", soft_wrap=True),
    )
    file = plan.folder / plan.species / new_name(f"{clock.now():%Y%m%d-%H%M%S}")
    with writing_capture(file, key) as writer, camera_frames(plan.camera, clock) as frames:
        say.print("  waiting for a face")
        live = capture(frames, station, species=plan.species, keep=writer.add)
        writer.finish(live)
    return file, live


def _reachable_door(settings: Settings, say: Console) -> DoorClient | None:
    """The door daemon, so that its lamps ask, too; None where it does not answer. Only lamps are ever told."""
    from firmware_bridge.client import DoorClient
    from firmware_bridge.types import Indication

    door = DoorClient(Path(settings.door.socket))
    try:
        door.show(Indication.READY)
    except BridgeError:
        if settings.liveness.mode == "light":
            raise
        say.print("The door daemon does not answer, so what the door asks is shown here only.", soft_wrap=True)
        return None
    return door


def plan_from(
    settings: Settings, folder: Path, species: str, *, camera: str | None, options: dict[str, Any]
) -> CapturePlan:
    """The plan that the command line states."""
    source = settings.camera.source if camera is None else camera
    return CapturePlan(
        folder=folder,
        species=species,
        attempts=options["attempts"] or 5,
        limit_s=options["seconds"],
        camera=msgspec.structs.replace(settings.camera, source=source),
    )
