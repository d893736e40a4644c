"""The door itself: a state table, live causes and timers. No I/O; the clock is an argument.

The lock is released exactly while at least one cause is live. Everything else (alarms, events, indications) follows
from that and from the position switch.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import assert_never

from firmware_bridge.clock import Clock
from firmware_bridge.sections import DoorSection, RexSection
from firmware_bridge.types import (
    Cause,
    DoorState,
    EndFreePassage,
    EndLockdown,
    EventKind,
    FreePassage,
    Lockdown,
    Mode,
    Occurrence,
    Release,
    Secure,
    Sensed,
    Signal,
)


class Move(StrEnum):
    """What changes the state: the lock, the leaf, or time."""

    RELEASE = "release"  # the first live cause
    SECURE = "secure"  # the end of the last live cause
    OPENED = "opened"
    CLOSED = "closed"  # with the lock secured
    CLOSED_RELEASED = "closed_released"  # with the lock still released
    TIMEOUT = "timeout"  # open for too long


TRANSITIONS: dict[DoorState, dict[Move, DoorState]] = {
    DoorState.SECURED: {Move.RELEASE: DoorState.RELEASED, Move.OPENED: DoorState.FORCED},
    DoorState.RELEASED: {Move.SECURE: DoorState.SECURED, Move.OPENED: DoorState.OPEN},
    DoorState.OPEN: {
        Move.CLOSED: DoorState.SECURED,
        Move.CLOSED_RELEASED: DoorState.RELEASED,
        Move.TIMEOUT: DoorState.HELD,
    },
    DoorState.HELD: {Move.CLOSED: DoorState.SECURED, Move.CLOSED_RELEASED: DoorState.RELEASED},
    DoorState.FORCED: {Move.CLOSED: DoorState.SECURED, Move.CLOSED_RELEASED: DoorState.RELEASED},
}

STANDING_OPEN = frozenset({Cause.FIRE, Cause.FREE_PASSAGE})  # while these live, an open door is not held
COMMANDED = (Cause.COMMAND, Cause.PANEL, Cause.FREE_PASSAGE)  # what a lockdown or `Secure` ends


def next_state(state: DoorState, move: Move) -> DoorState:
    """A move that means nothing in this state changes nothing: a door must tolerate any sensor noise."""
    return TRANSITIONS[state].get(move, state)


class Door:
    """One door. Tell it what happens; it says what follows.

    `is_open` is what the position switch says at the start, None for a door without one, which then is always closed.
    It starts with nothing live, so the lock is secured. Never raises.
    """

    def __init__(self, times: DoorSection, rex: RexSection, clock: Clock, *, is_open: bool | None = None) -> None:
        self._times = times
        self._rex = rex
        self._clock = clock
        self._now = clock.monotonic()
        self._until: dict[Cause, float] = {}  # live causes and when each ends; math.inf: until told
        self._rex_at_least_until = -math.inf
        self._is_rex_pressed = False
        self._is_rex_stuck = False
        self._locked_at = -math.inf  # when the lock was last secured
        self._earned_by = Occurrence(EventKind.RELEASED)  # the release that an opening belongs to
        self._has_switch = is_open is not None
        self._was_opened = False  # since the lock was last released
        self._is_extended = False
        self._counting_since: float | None = None  # the held timers; None: they rest
        self._has_warned = False
        self._is_locked_down = False
        self.is_tampered = False
        # Opened before the daemon started: nobody knows whether rightly, so neither forced nor forgotten.
        self.state = DoorState.OPEN if is_open else DoorState.SECURED
        if is_open:
            self._counting_since = self._now

    @property
    def is_released(self) -> bool:
        """What the lock's line must show: true exactly while a cause is live."""
        return bool(self._until)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The live causes, in the order of the enum."""
        return tuple(cause for cause in Cause if cause in self._until)

    @property
    def mode(self) -> Mode:
        """The rule that the door is under; fire outranks lockdown, lockdown outranks free passage."""
        if Cause.FIRE in self._until:
            return Mode.FIRE
        if self._is_locked_down:
            return Mode.LOCKDOWN
        return Mode.FREE_PASSAGE if Cause.FREE_PASSAGE in self._until else Mode.NORMAL

    @property
    def is_warning(self) -> bool:
        """Open so long that the person at the door is warned, and not yet held."""
        return self._has_warned and self.state is DoorState.OPEN

    @property
    def is_alarmed(self) -> bool:
        """Forced, held, or tampered with."""
        return self.is_tampered or self.state in (DoorState.FORCED, DoorState.HELD)

    @property
    def is_sealed(self) -> bool:
        """Closed and locked: what the other door of an airlock waits for."""
        return self.state is DoorState.SECURED

    @property
    def next_deadline(self) -> float | None:
        """When `Sensed.TIMER` is due, in monotonic seconds; None: no timer runs."""
        return min((at for at, _ in self._timers()), default=None)

    def accept(self, signal: Signal) -> tuple[Occurrence, ...]:
        """Let `signal` happen now, after every timer that is due, and tell what followed, in order.

        A refused command is an occurrence of kind COMMAND_REFUSED, with its reason in `detail`.
        """
        happened: list[Occurrence] = []
        self._now = self._clock.monotonic()
        self._expire(happened)
        match signal:
            case Sensed():
                self._sense(signal, happened)
            case Release():
                self._release(signal, happened)
            case FreePassage():
                self._begin_free_passage(signal, happened)
            case Lockdown(actor=actor):
                self._lock_down(actor, happened)
            case EndLockdown(actor=actor):
                if self._is_locked_down:
                    self._is_locked_down = False
                    happened.append(Occurrence(EventKind.LOCKDOWN_ENDED, actor=actor))
            case Secure(actor=actor, causes=causes):
                self._end(*causes, happened=happened, actor=actor)
            case EndFreePassage(actor=actor):
                self._end(Cause.FREE_PASSAGE, happened=happened, actor=actor)
            case unreachable:
                assert_never(unreachable)
        return tuple(happened)

    def _timers(self) -> list[tuple[float, Cause | EventKind]]:
        """Every running timer: when, and what ends or begins then."""
        timers: list[tuple[float, Cause | EventKind]] = [
            (at, cause) for cause, at in self._until.items() if at < math.inf
        ]
        if self._counting_since is None or self.state is not DoorState.OPEN:
            return timers
        since = self._counting_since + (self._times.extended_held_extra_s if self._is_extended else 0.0)
        if self._times.held_warning_after_s and not self._has_warned:
            timers.append((since + self._times.held_warning_after_s, EventKind.HELD_WARNING))
        if self._times.held_after_s:
            timers.append((since + self._times.held_after_s, EventKind.HELD))
        return timers

    def _expire(self, happened: list[Occurrence]) -> None:
        while due := [timer for timer in self._timers() if timer[0] <= self._now]:
            _, what = min(due)
            match what:
                case EventKind.HELD_WARNING:
                    self._has_warned = True
                    happened.append(self._belonging(EventKind.HELD_WARNING))
                case EventKind.HELD:
                    self.state = next_state(self.state, Move.TIMEOUT)
                    happened.append(self._belonging(EventKind.HELD))
                case Cause.REX if self._is_rex_pressed:
                    self._is_rex_pressed, self._is_rex_stuck = False, True
                    happened.append(Occurrence(EventKind.LINE_FAULT, Cause.REX, detail="rex: held down for too long"))
                    self._end(Cause.REX, happened=happened)
                case Cause():
                    self._end(what, happened=happened)

    def _sense(self, sensed: Sensed, happened: list[Occurrence]) -> None:
        match sensed:
            case Sensed.REX_PRESSED:
                self._press_rex(happened)
            case Sensed.REX_LET_GO:
                self._let_rex_go(happened)
            case Sensed.OPENED:
                self._open(happened)
            case Sensed.CLOSED:
                self._close(happened)
            case Sensed.TAMPERED | Sensed.TAMPER_CLEARED:
                self.is_tampered = sensed is Sensed.TAMPERED
                happened.append(Occurrence(EventKind.TAMPER if self.is_tampered else EventKind.TAMPER_CLEARED))
            case Sensed.FIRE_RAISED:
                happened.append(Occurrence(EventKind.FIRE))
                self._begin(Occurrence(EventKind.RELEASED, Cause.FIRE), math.inf, happened)
            case Sensed.FIRE_CLEARED:
                happened.append(Occurrence(EventKind.FIRE_CLEARED))
                self._end(Cause.FIRE, happened=happened)
            case Sensed.TIMER:
                pass
            case unreachable:
                assert_never(unreachable)

    def _release(self, asked: Release, happened: list[Occurrence]) -> None:
        if self._is_locked_down:
            refused = Occurrence(EventKind.COMMAND_REFUSED, asked.cause, asked.actor, asked.audit_sequence, "lockdown")
            happened.append(refused)
            return
        duration_s = min(asked.duration_s, self._times.max_release_s)
        if asked.is_extended:
            duration_s = max(duration_s, self._times.extended_release_s)
        self._is_extended = asked.is_extended
        earned = Occurrence(EventKind.RELEASED, asked.cause, asked.actor, asked.audit_sequence)
        self._begin(earned, self._now + duration_s, happened)

    def _begin_free_passage(self, asked: FreePassage, happened: list[Occurrence]) -> None:
        if self._is_locked_down:
            refused = Occurrence(EventKind.COMMAND_REFUSED, Cause.FREE_PASSAGE, asked.actor, detail="lockdown")
            happened.append(refused)
            return
        # A second command replaces the first: an operator who says "until six" after "until ten" means six.
        self._until.pop(Cause.FREE_PASSAGE, None)
        until = math.inf if asked.duration_s is None else self._now + asked.duration_s
        happened.append(Occurrence(EventKind.FREE_PASSAGE, Cause.FREE_PASSAGE, asked.actor))
        self._begin(Occurrence(EventKind.RELEASED, Cause.FREE_PASSAGE, asked.actor), until, happened)

    def _lock_down(self, actor: str, happened: list[Occurrence]) -> None:
        if self._is_locked_down:
            return
        self._is_locked_down = True
        happened.append(Occurrence(EventKind.LOCKDOWN, actor=actor))
        self._end(*COMMANDED, happened=happened, actor=actor)

    def _press_rex(self, happened: list[Occurrence]) -> None:
        happened.append(Occurrence(EventKind.REX, Cause.REX))
        self._is_rex_pressed = True
        self._rex_at_least_until = self._now + self._rex.release_s
        self._begin(Occurrence(EventKind.RELEASED, Cause.REX), self._now + self._rex.max_s, happened)

    def _let_rex_go(self, happened: list[Occurrence]) -> None:
        if self._is_rex_stuck:
            self._is_rex_stuck = False
            happened.append(Occurrence(EventKind.LINE_RESTORED, Cause.REX, detail="rex"))
        if self._is_rex_pressed:
            self._is_rex_pressed = False
            self._until[Cause.REX] = self._rex_at_least_until  # no later than its maximum, by configuration
            self._expire(happened)

    def _open(self, happened: list[Occurrence]) -> None:
        has_just_locked = self._now - self._locked_at <= self._times.forced_grace_s
        before = DoorState.RELEASED if self.state is DoorState.SECURED and has_just_locked else self.state
        after = next_state(before, Move.OPENED)
        if after is self.state:
            return
        self.state, self._was_opened = after, True
        if after is DoorState.FORCED:
            happened.append(Occurrence(EventKind.FORCED))
            return
        happened.append(self._belonging(EventKind.OPENED))
        self._count_anew()
        if self._times.relock_on == "open":
            self._relock(happened)

    def _close(self, happened: list[Occurrence]) -> None:
        if self.state in (DoorState.SECURED, DoorState.RELEASED):
            return
        happened.append(Occurrence(EventKind.CLOSED))
        if self._times.relock_on != "timer":
            self._relock(happened)
        self.state = next_state(self.state, Move.CLOSED_RELEASED if self.is_released else Move.CLOSED)
        self._count_anew()

    def _relock(self, happened: list[Occurrence]) -> None:
        """End what was released for one passage. A pressed exit button still asks, so it stays."""
        self._rex_at_least_until = self._now
        self._end(Cause.COMMAND, Cause.PANEL, happened=happened)
        if not self._is_rex_pressed:
            self._end(Cause.REX, happened=happened)

    def _begin(self, earned: Occurrence, until: float, happened: list[Occurrence]) -> None:
        cause = earned.cause
        assert cause is not None  # noqa: S101 (every caller names one)
        if not self.is_released:
            self._was_opened = False
            self.state = next_state(self.state, Move.RELEASE)
        if cause not in self._until or cause in (Cause.COMMAND, Cause.PANEL):
            self._earned_by = earned
            happened.append(earned)
        self._until[cause] = max(until, self._until.get(cause, until))
        if cause in STANDING_OPEN:
            self._count_anew()

    def _end(self, *causes: Cause, happened: list[Occurrence], actor: str = "") -> None:
        ended = [cause for cause in causes if self._until.pop(cause, None) is not None]
        if Cause.FREE_PASSAGE in ended:
            happened.append(Occurrence(EventKind.FREE_PASSAGE_ENDED, Cause.FREE_PASSAGE, actor))
        if STANDING_OPEN.intersection(ended):
            self._count_anew()
        if not ended or self.is_released:
            return
        self._locked_at = self._now
        self.state = next_state(self.state, Move.SECURE)
        used = "" if not self._has_switch else "opened" if self._was_opened else "not opened"
        earned = self._earned_by
        happened.append(Occurrence(EventKind.SECURED, earned.cause, earned.actor, earned.audit_sequence, used))

    def _count_anew(self) -> None:
        """Start the held timers where the door is open and may not stay so; stop them everywhere else."""
        may_stand_open = not STANDING_OPEN.isdisjoint(self._until)
        counts = self.state is DoorState.OPEN and not may_stand_open
        self._counting_since = self._now if counts else None
        self._has_warned = False

    def _belonging(self, kind: EventKind) -> Occurrence:
        """An occurrence of the passage that the last release earned: anti-passback asks who went through."""
        earned = self._earned_by
        return Occurrence(kind, earned.cause, earned.actor, earned.audit_sequence)
