"""A door with the installed networks, visitors before it, and time that passes only with the frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from builders import make_newcomer
from fakes import FakeDoor

from device.app import Appliance, build_photo_extractor, open_appliance
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.config import Settings, decode_settings
from device.loop import Decided
from device.measure.simulate.scenes import StagedCamera, Visit
from device.types import Frame, Grant, Image, PersonId
from models.store import Installed

if TYPE_CHECKING:
    from device.measure.simulate.scenes import Visitor

RATE_HZ = 15.0


def settings_for(networks: Installed, state: Path, **changes: dict[str, object]) -> Settings:
    """Every key at its default but for the two folders and `changes` by section."""
    base = decode_settings(b"")
    folders = {"state_folder": str(state), "models_folder": str(networks.store.root)}
    sections = {"site": folders, **changes}
    return msgspec.structs.replace(
        base, **{name: msgspec.structs.replace(getattr(base, name), **keys) for name, keys in sections.items()}
    )


class Filmed:
    """A visitor whose pictures are kept: rendering takes longer than looking at them."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._pictures: dict[int, Image] = {}

    def frame_at(self, t_s: float) -> Image:
        number = round(t_s * RATE_HZ)
        if number not in self._pictures:
            self._pictures[number] = self._visitor.frame_at(t_s)
        return self._pictures[number]


@dataclass(frozen=True)
class Swapped:
    """One visitor at first, and from `after_s` on another, who begins then."""

    first: Visitor
    second: Visitor
    after_s: float

    def frame_at(self, t_s: float) -> Image:
        if t_s < self.after_s - 1e-6:
            return self.first.frame_at(t_s)
        return self.second.frame_at(t_s - self.after_s)


@dataclass(frozen=True)
class Play:
    """Who is enrolled and who walks up, and the networks and settings they do it with."""

    networks: Installed
    still: Image
    person: Visitor
    stranger: Visitor
    photo: Visitor
    liveness: dict[str, object]

    def settings(self, state: Path, **changes: dict[str, object]) -> Settings:
        return settings_for(self.networks, state, liveness=self.liveness, **changes)


class RecordingDoor(FakeDoor):
    """A fake door that reads the audit log itself, from the disk, when it is told to release."""

    def __init__(self, audit_file: Path) -> None:
        super().__init__()
        self._file = audit_file

    def release(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        super().release(duration_s=duration_s, audit_sequence=audit_sequence, captured_at=captured_at)
        with reading_audit(self._file) as reader:
            self.recorded_before[-1] = [f"{event.sequence} {event.kind}" for event in reader.events()]


class Walkway:
    """An open appliance of the installed networks with a recording door."""

    def __init__(self, appliance: Appliance, door: RecordingDoor, clock: FakeClock, settings: Settings) -> None:
        self.appliance, self.door, self.clock, self.settings = appliance, door, clock, settings

    def enrol(self, name: str, still: Image) -> PersonId:
        """As another process would: through a connection of its own."""
        template, quality = build_photo_extractor(self.settings).extract(still)
        with open_collection(self.settings.collection_file) as collection:
            return collection.add_person(make_newcomer(name, [Reference(template, quality)]), at=self.clock.now())

    def frames(self, visitor: Visitor, seconds: float) -> Iterator[Frame]:
        """What the camera takes of the visitor; the clock goes with it."""
        return StagedCamera((Visit("visitor", visitor, seconds),), rate_hz=RATE_HZ, clock=self.clock).frames()

    def play(self, visitor: Visitor, seconds: float, *, lag_s: float = 0.0) -> list[Decided]:
        """Let the loop look at the visitor until something is decided, or for so long."""
        for frame in self.frames(visitor, seconds):
            if decided := self.appliance.loop.observe(replace(frame, captured_at=frame.captured_at - lag_s)):
                return decided
        return []

    def watch(self, visitor: Visitor, seconds: float) -> list[Decided]:
        """Let the loop look at the visitor for so long, whatever is decided."""
        return [one for frame in self.frames(visitor, seconds) for one in self.appliance.loop.observe(frame)]

    def recorded(self) -> list[tuple[str, dict[str, object]]]:
        """Kind and facts of every event on the disk."""
        with reading_audit(self.settings.audit_file) as reader:
            return [(event.kind, event.as_object()["facts"]) for event in reader.events()]


@contextmanager
def open_walkway(
    settings: Settings, *, clock: FakeClock | None = None, audit_pages: int | None = None
) -> Iterator[Walkway]:
    """A door on an empty collection. `audit_pages` is the size of the disk that the audit has, in 4096 bytes."""
    clock = clock or FakeClock()
    door = RecordingDoor(settings.audit_file)
    with (
        AuditLog(settings.audit_file, clock=clock, max_pages=audit_pages) as audit,
        open_appliance(settings, clock=clock, door=door, audit=audit) as appliance,
    ):
        yield Walkway(appliance, door, clock, settings)


def outcomes(decided: list[Decided]) -> list[str]:
    """Each decision in a word."""
    return ["granted" if isinstance(one.decision, Grant) else one.decision.reason.value for one in decided]
