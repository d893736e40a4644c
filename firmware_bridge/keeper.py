"""The doorkeeper: ties the door's rules to its wires and to the spool, one thing at a time. Talks to no socket."""

from __future__ import annotations

import logging
from collections.abc import Callable

from firmware_bridge.clock import Clock
from firmware_bridge.config import BridgeSettings
from firmware_bridge.debounce import Debounce
from firmware_bridge.door import Door
from firmware_bridge.errors import LineError
from firmware_bridge.protocol import DoorEvent, DoorStatus
from firmware_bridge.spool import Spool
from firmware_bridge.types import EventKind, Indication, Occurrence, Sensed, Signal
from firmware_bridge.wires import Wires

_log = logging.getLogger(__name__)

MEANINGS: dict[str, tuple[Sensed, Sensed]] = {  # line -> what it says when it becomes active, inactive
    "rex": (Sensed.REX_PRESSED, Sensed.REX_LET_GO),
    "position": (Sensed.OPENED, Sensed.CLOSED),
    "tamper": (Sensed.TAMPERED, Sensed.TAMPER_CLEARED),
    "fire": (Sensed.FIRE_RAISED, Sensed.FIRE_CLEARED),
}
RESYNC_AFTER_S = 1.0  # inputs are read at least this often, should an edge ever be lost


class Keeper:
    """Keeps one door. Every public method is called from one thread.

    `heard` is told every event right after it was spooled. Outputs are driven before anything is written, because a
    slow disk must not delay them.
    """

    def __init__(self, settings: BridgeSettings, wires: Wires, spool: Spool, clock: Clock) -> None:
        self._wires = wires
        self._spool = spool
        self._clock = clock
        self._started_at = clock.monotonic()
        self._faults: dict[str, str] = {}  # line -> sentence
        self._indication = Indication.READY
        self._is_driven_released = False
        self._resync_at = self._started_at + RESYNC_AFTER_S
        self.heard: Callable[[DoorEvent], None] = lambda _event: None
        levels = {line: self._read(line, default=False) for line in wires.contacts}
        self._debounces = {
            line: Debounce(stable_s=getattr(settings, line).debounce_s, level=level) for line, level in levels.items()
        }
        self.door = Door(settings.door, settings.rex, clock, is_open=levels.get("position"))
        self._note([Occurrence(EventKind.STARTED, detail=_opening(levels))])
        for line in ("rex", "tamper", "fire"):
            if levels.get(line):
                self.accept(MEANINGS[line][0])

    def accept(self, signal: Signal) -> tuple[Occurrence, ...]:
        """Let `signal` happen: drive the outputs, keep the events, and tell what followed."""
        happened = self.door.accept(signal)
        self._drive()
        self._note(happened)
        return happened

    def sense(self) -> None:
        """Read every input; called when an edge was noticed, when a deadline passed, and now and then."""
        now = self._clock.monotonic()
        self._resync_at = now + RESYNC_AFTER_S
        for line, debounce in self._debounces.items():
            if debounce.observe(level=self._read(line, default=debounce.level), now=now) and line in MEANINGS:
                self.accept(MEANINGS[line][not debounce.level])
        self.accept(Sensed.TIMER)

    @property
    def next_deadline(self) -> float:
        """When `sense` is due at the latest, in monotonic seconds."""
        deadlines = [self._resync_at, self.door.next_deadline]
        deadlines += [debounce.deadline for debounce in self._debounces.values()]
        return min(at for at in deadlines if at is not None)

    def indicate(self, indication: Indication) -> None:
        """Show the person at the door something."""
        self._indication = indication

    def refuse(self, actor: str, reason: str, audit_sequence: int | None = None) -> None:
        """Keep the fact that a request was refused."""
        refused = Occurrence(EventKind.COMMAND_REFUSED, None, actor, audit_sequence, reason)
        self._note([refused])

    def status(self) -> DoorStatus:
        """How the door is now."""
        partner = self._debounces.get("partner")
        return DoorStatus(
            state=self.door.state,
            mode=self.door.mode,
            is_released=self._is_driven_released,
            causes=self.door.causes,
            indication=self._indication,
            inputs={line: "active" if debounce.level else "inactive" for line, debounce in self._debounces.items()},
            faults=self._sentences(),
            is_tampered=self.door.is_tampered,
            is_sealed=self.door.is_sealed,
            partner_is_sealed=None if partner is None else partner.level,
            last_sequence=self._spool.last_sequence,
            unacknowledged=self._spool.unacknowledged,
            uptime_s=self._clock.monotonic() - self._started_at,
        )

    def close(self) -> None:
        """Secure everything and let the wires and the spool go."""
        self._wires.close()
        self._spool.close()

    def _sentences(self) -> tuple[str, ...]:
        spool = () if self._spool.fault is None else (self._spool.fault,)
        return (*self._faults.values(), *spool)

    def _drive(self) -> None:
        """Make the lock's line show what the door says. Repeated on purpose: the wire follows, whatever was missed."""
        is_released = self.door.is_released
        try:
            self._wires.lock.release() if is_released else self._wires.lock.secure()
        except LineError as error:
            self._fail("lock", str(error))
            return
        self._is_driven_released = is_released
        self._restore("lock")

    def _read(self, line: str, *, default: bool) -> bool:
        try:
            level = self._wires.contacts[line].is_active()
        except LineError as error:
            self._fail(line, str(error))
            return default
        self._restore(line)
        return level

    def _fail(self, line: str, sentence: str) -> None:
        if line not in self._faults:
            self._faults[line] = sentence
            _log.error("line.failed", extra={"line": line, "error": sentence})
            self._note([Occurrence(EventKind.LINE_FAULT, detail=sentence)])

    def _restore(self, line: str) -> None:
        if self._faults.pop(line, None) is not None:
            self._note([Occurrence(EventKind.LINE_RESTORED, detail=line)])

    def _note(self, happened: list[Occurrence] | tuple[Occurrence, ...]) -> None:
        for occurrence in happened:
            if self._spool.is_full():
                lost = self._spool.drop_oldest()
                self._keep(Occurrence(EventKind.EVENTS_LOST, detail=f"{lost} events"))
            self._keep(occurrence)

    def _keep(self, occurrence: Occurrence) -> None:
        event = DoorEvent(
            sequence=self._spool.last_sequence + 1,
            kind=occurrence.kind,
            at=self._clock.monotonic(),
            utc=self._clock.now().isoformat(timespec="milliseconds"),
            cause=occurrence.cause,
            actor=occurrence.actor,
            audit_sequence=occurrence.audit_sequence,
            detail=occurrence.detail,
        )
        self._spool.append(event)
        self.heard(event)


def _opening(levels: dict[str, bool]) -> str:
    if "position" not in levels:
        return "no position switch"
    return "door open" if levels["position"] else "door closed"
