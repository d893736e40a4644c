"""The doorkeeper: ties the door's rules to its wires and to the spool, one thing at a time. Talks to no socket."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import assert_never

from firmware_bridge.clock import Clock
from firmware_bridge.config import BridgeSettings
from firmware_bridge.door import Door
from firmware_bridge.errors import LineError
from firmware_bridge.fascia import Fascia
from firmware_bridge.indicator import COLOURS, Indicator
from firmware_bridge.inputs import Change, Inputs
from firmware_bridge.panel import (
    PanelCommand,
    PanelKey,
    PanelLight,
    PanelRelay,
    PanelRelease,
    PanelSecure,
    PanelSound,
    PanelSwitch,
)
from firmware_bridge.pattern import Pattern, parse_pattern
from firmware_bridge.protocol import DoorEvent, DoorStatus
from firmware_bridge.spool import Spool
from firmware_bridge.types import (
    Cause,
    EventKind,
    Indication,
    Mode,
    Occurrence,
    Release,
    Secure,
    Sensed,
    Signal,
)
from firmware_bridge.wires import Wires, contact_sections

_log = logging.getLogger(__name__)

MEANINGS: dict[str, tuple[Sensed, Sensed]] = {  # line -> what it says when it becomes active, inactive
    "rex": (Sensed.REX_PRESSED, Sensed.REX_LET_GO),
    "position": (Sensed.OPENED, Sensed.CLOSED),
    "tamper": (Sensed.TAMPERED, Sensed.TAMPER_CLEARED),
    "fire": (Sensed.FIRE_RAISED, Sensed.FIRE_CLEARED),
}
PANEL = "panel"  # how events name it


class Keeper:
    """Keeps one door. Every public method is called from one thread.

    Outputs are driven before anything is written, because a slow disk must not delay them. A line that cannot be
    driven is a fault in the status and an event, never an exception.
    """

    def __init__(self, settings: BridgeSettings, wires: Wires, spool: Spool, clock: Clock) -> None:
        self._settings = settings
        self._wires = wires
        self._spool = spool
        self._clock = clock
        self._started_at = clock.monotonic()
        self._faults: dict[str, str] = {}  # line -> sentence
        self._is_driven_released = False
        self._panel_relay = PanelRelay()
        self.heard: list[Callable[[Occurrence], None]] = []  # told of everything that happens, after it was kept
        adc_poll_s = settings.adc.poll_s if _has_supervised(settings) else None
        self._inputs = Inputs(wires.contacts, contact_sections(settings), poll_s=adc_poll_s, now=self._started_at)
        self._fascia = Fascia(_indicator(settings), wires.lamps, wires.emitters, failed=self._fail_line)
        self.door = Door(settings.door, settings.rex, clock, is_open=self._inputs.is_active("position"))
        self._begin()

    @property
    def next_deadline(self) -> float:
        """When `tick` is due at the latest, in monotonic seconds."""
        now = self._clock.monotonic()
        deadlines = (self.door.next_deadline, self._fascia.next_change(now), self._panel_relay.next_change(now))
        return min([self._inputs.next_deadline, *(at for at in deadlines if at is not None)])

    def tick(self) -> None:
        """Read every input and let time do what it does; called at deadlines and whenever an edge was noticed."""
        for change in self._inputs.changes(self._clock.monotonic()):
            self._tell(change)
        self.accept(Sensed.TIMER)

    def accept(self, signal: Signal) -> tuple[Occurrence, ...]:
        """Let `signal` happen: drive the outputs, keep the events, and tell what followed."""
        happened = self.door.accept(signal)
        self._drive_lock()
        self.note(happened)
        self._drive_rest()
        return happened

    def indicate(self, indication: Indication) -> None:
        """Show the person at the door something."""
        self._fascia.indicator.ask(indication, self._clock.monotonic())
        self._drive_rest()

    def emit(self, code: Pattern) -> float | None:
        """Flash the light emitters in a code; when it began in monotonic seconds, None without emitters."""
        if not self._fascia.has_emitters:
            return None
        now = self._clock.monotonic()
        self._fascia.emit(code, now)
        return now

    def obey_panel(self, command: PanelCommand) -> None:
        """Do what the access control panel orders."""
        now = self._clock.monotonic()
        match command:
            case PanelLight(pattern=pattern, is_temporary=is_temporary):
                self._fascia.indicator.light_panel(pattern, now, is_temporary=is_temporary)
            case PanelSound(pattern=pattern):
                self._fascia.indicator.sound_panel(pattern, now)
            case PanelSwitch():
                self._panel_relay.obey(command, now)
            case PanelRelease(duration_s=duration_s):
                self.accept(Release(duration_s, PANEL, cause=Cause.PANEL))
            case PanelSecure():
                self.accept(Secure(PANEL, (Cause.PANEL,)))
            case PanelKey():
                self.note([Occurrence(EventKind.KEY_CHANGED, actor=PANEL)])
            case unreachable:
                assert_never(unreachable)
        self._drive_rest()

    def note(self, happened: Iterable[Occurrence]) -> None:
        """Keep what happened."""
        for occurrence in happened:
            if self._spool.is_full():
                lost = self._spool.drop_oldest()
                self._keep(Occurrence(EventKind.EVENTS_LOST, detail=f"{lost} events"))
            self._keep(occurrence)
            for listener in self.heard:
                listener(occurrence)

    def fail(self, line: str, sentence: str) -> None:
        """A line has stopped working: a fault until `restore`."""
        if line not in self._faults:
            _log.error("line.failed", extra={"line": line, "error": sentence})
            self._faults[line] = sentence
            self.note([Occurrence(EventKind.LINE_FAULT, detail=sentence)])

    def restore(self, line: str) -> None:
        """A line works; again, if it had failed."""
        if self._faults.pop(line, None) is not None:
            self.note([Occurrence(EventKind.LINE_RESTORED, detail=line)])

    def status(self, *, panel: str = "not_fitted", panel_key: str = "", advice: tuple[str, ...] = ()) -> DoorStatus:
        """How the door is now; the arguments are what only others know: the link to a panel, the machine."""
        spool_fault = () if self._spool.fault is None else (self._spool.fault,)
        now = self._clock.monotonic()
        return DoorStatus(
            state=self.door.state,
            mode=self.door.mode,
            is_released=self._is_driven_released,
            causes=self.door.causes,
            indication=self._fascia.indicator.shown(now),
            inputs=self._inputs.readings,
            faults=(*self._faults.values(), *spool_fault),
            advice=advice,
            is_tampered=self.door.is_tampered,
            is_sealed=self.door.is_sealed,
            partner_is_sealed=self._inputs.is_active("partner"),
            panel=panel,
            panel_key=panel_key,
            last_sequence=self._spool.last_sequence,
            unacknowledged=self._spool.unacknowledged,
            uptime_s=now - self._started_at,
        )

    def _begin(self) -> None:
        """What the door finds at its start. An exit button or fire loop that is active already is obeyed at once."""
        is_open = self._inputs.is_active("position")
        found = "no position switch" if is_open is None else "door open" if is_open else "door closed"
        if self._spool.damaged_lines:
            found += f", {self._spool.damaged_lines} damaged lines in the event spool"
        self.note([Occurrence(EventKind.STARTED, detail=found)])
        for line, reading in self._inputs.readings.items():
            if not reading.is_sound:
                self.fail(line, f"{line}: the line reads {reading}")
            if line != "position" and line in MEANINGS and self._inputs.is_active(line):
                self.accept(MEANINGS[line][0])

    def _tell(self, change: Change) -> None:
        """Tell the door first, the fault afterwards."""
        if change.is_active is not change.was_active and change.line in MEANINGS:
            self.accept(MEANINGS[change.line][not change.is_active])
        self.restore(change.line)
        if not change.after.is_sound:
            self.fail(change.line, f"{change.line}: the line reads {change.after}")

    def _drive_lock(self) -> None:
        """Make the lock's line show what the door says. Repeated on purpose: the wire follows, whatever was missed."""
        is_released = self.door.is_released
        try:
            self._wires.lock.release() if is_released else self._wires.lock.secure()
        except LineError as error:
            self.fail("lock", str(error))
            return
        self._is_driven_released = is_released
        self.restore("lock")

    def _drive_rest(self) -> None:
        now = self._clock.monotonic()
        self._fascia.indicator.stand(self._standing(), now)
        self._fascia.update(now)
        if self._wires.aux is None:
            return
        is_on = {
            "released": self.door.is_released,
            "sealed": self.door.is_sealed,
            "alarm": self.door.is_alarmed,
            "panel": self._panel_relay.is_on(now),
        }[self._settings.aux.follows]
        try:
            self._wires.aux.switch_on() if is_on else self._wires.aux.switch_off()
        except LineError as error:
            self._fail_line("aux", error)
            return
        self.restore("aux")

    def _standing(self) -> Indication:
        """What the door has to say by itself, the most urgent first."""
        door = self.door
        standings = (
            (door.is_alarmed, Indication.ALARM),
            (door.is_warning, Indication.HELD_WARNING),
            (door.is_released, Indication.RELEASED),
            (door.mode is Mode.LOCKDOWN, Indication.LOCKDOWN),
            (bool(self._faults) or self._spool.fault is not None, Indication.FAULT),
        )
        return next((standing for holds, standing in standings if holds), Indication.READY)

    def _fail_line(self, line: str, error: LineError) -> None:
        self.fail(line, str(error))

    def _keep(self, occurrence: Occurrence) -> None:
        self._spool.append(
            DoorEvent(
                sequence=self._spool.last_sequence + 1,
                kind=occurrence.kind,
                at=self._clock.monotonic(),
                utc=self._clock.now().isoformat(timespec="milliseconds"),
                cause=occurrence.cause,
                actor=occurrence.actor,
                audit_sequence=occurrence.audit_sequence,
                detail=occurrence.detail,
            )
        )


def _has_supervised(settings: BridgeSettings) -> bool:
    return any(section.adc_channel >= 0 for section in contact_sections(settings).values())


def _indicator(settings: BridgeSettings) -> Indicator:
    section = settings.indicator
    patterns = {name: parse_pattern(getattr(section.patterns, name), COLOURS) for name in Indication}
    return Indicator(patterns, is_silent=section.silent, forget_after_s=section.forget_after_s)
