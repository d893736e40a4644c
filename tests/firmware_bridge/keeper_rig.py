"""A doorkeeper with simulated wires, a real spool and a clock that is moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware_bridge.clock import FakeClock
from firmware_bridge.config import BridgeSettings, decode_settings
from firmware_bridge.fake import FakeContact, FakeLock, FakeOutput
from firmware_bridge.keeper import Keeper
from firmware_bridge.protocol import DoorEvent, DoorStatus
from firmware_bridge.spool import Spool
from firmware_bridge.types import EventKind, Reading
from firmware_bridge.wires import Wires

ALL_LINES = """
[rex]
pin = 1
[position]
pin = 2
[tamper]
pin = 3
[fire]
pin = 4
[partner]
pin = 5
[aux]
pin = 6
follows = "%s"
"""


class Rig:
    """Everything a test of the doorkeeper looks at."""

    def __init__(self, folder: Path, *, follows: str = "released", before: dict[str, Reading] | None = None) -> None:
        self.settings: BridgeSettings = decode_settings((ALL_LINES % follows).encode())
        self.clock = FakeClock()
        self.lock = FakeLock()
        readings = before or {}
        lines = ("rex", "position", "tamper", "fire", "partner")
        self.contacts = {line: FakeContact(readings.get(line, Reading.INACTIVE)) for line in lines}
        self.lamps = {name: FakeOutput() for name in ("red", "green", "blue", "left", "right", "buzzer")}
        self.emitters = {name: FakeOutput() for name in ("red", "white")}
        self.aux = FakeOutput()
        self.spool = Spool(folder / "spool", max_events=1000)
        wires = Wires(self.lock, self.contacts, self.lamps, self.emitters, self.aux, None)
        self.keeper = Keeper(self.settings, wires, self.spool, self.clock)

    def show(self, line: str, reading: Reading) -> None:
        """The line shows `reading` long enough to be believed."""
        self.contacts[line].show(reading)
        self.keeper.tick()
        self.pass_time(0.05)

    def pass_time(self, seconds: float) -> None:
        """As the daemon's loop does: a tick at every deadline."""
        until = self.clock.monotonic() + seconds
        while self.keeper.next_deadline <= until:
            self.clock.advance(max(0.0, self.keeper.next_deadline - self.clock.monotonic()) + 1e-9)
            self.keeper.tick()
        self.clock.advance(max(0.0, until - self.clock.monotonic()))
        self.keeper.tick()

    @property
    def events(self) -> tuple[DoorEvent, ...]:
        return self.spool.events(after=0, limit=1000)

    @property
    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

    @property
    def status(self) -> DoorStatus:
        return self.keeper.status()

    def lit(self) -> set[str]:
        return {name for name, lamp in self.lamps.items() if lamp.is_on}


def rig(folder: Path, **changes: Any) -> Rig:
    return Rig(folder, **changes)
