"""What a door must do, said a second time and differently: intervals over the whole history instead of a state table.

It imports nothing of the door but the words. Each question is answered by looking back over everything that happened;
nothing is remembered between questions but what an outsider could have written down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from firmware_bridge.config import DoorSection, RexSection
from firmware_bridge.types import (
    DoorState,
    EndFreePassage,
    EndLockdown,
    FreePassage,
    Lockdown,
    Release,
    Secure,
    Sensed,
    Signal,
)

Happened = tuple[float, Signal]


@dataclass
class Oracle:
    """Told everything in order; asked where the door must stand."""

    times: DoorSection
    rex: RexSection
    history: list[Happened] = field(default_factory=list)
    was_released: bool = False  # at the look before
    locked_at: float = -math.inf  # the look at which the lock was first seen secured again
    is_forced: bool = False
    is_held: bool = False
    might_stand_open: bool = False  # at the look before
    counts_from: float = math.inf  # the look from which an open door is counted as standing open

    def tell(self, now: float, signal: Signal) -> None:
        """`signal` happens now."""
        self.look(now)
        if signal is Sensed.OPENED and not self.is_open(now):
            unlocked = self.is_released(now) or now - self.locked_at <= self.times.forced_grace_s
            self.is_forced, self.is_held = not unlocked, False
            self.counts_from = now if unlocked else math.inf
        if signal is Sensed.CLOSED:
            self.is_forced = self.is_held = False
            self.counts_from = math.inf
        self.history.append((now, signal))
        self.look(now)

    def look(self, now: float) -> None:
        """Write down what can be seen now."""
        released = self.is_released(now)
        if self.was_released and not released:
            self.locked_at = now
        self.was_released = released
        stood, self.might_stand_open = self.might_stand_open, self.may_stand_open(now)
        if self.counts_from < math.inf and (stood or self.might_stand_open):
            self.counts_from = now  # it might stand open until now
        extra_s = self.times.extended_held_extra_s if self.newest_release_is_extended() else 0.0
        held_after_s = self.times.held_after_s
        is_rightly_open = self.is_open(now) and not self.is_forced
        if is_rightly_open and held_after_s and now >= self.counts_from + extra_s + held_after_s:
            self.is_held = self.is_held or not self.may_stand_open(now)

    def state(self, now: float) -> DoorState:
        if not self.is_open(now):
            return DoorState.RELEASED if self.is_released(now) else DoorState.SECURED
        if self.is_forced:
            return DoorState.FORCED
        return DoorState.HELD if self.is_held else DoorState.OPEN

    def is_open(self, now: float) -> bool:
        moves = [signal for at, signal in self.history if at <= now and signal in (Sensed.OPENED, Sensed.CLOSED)]
        return bool(moves) and moves[-1] is Sensed.OPENED

    def is_locked_down(self, index: int) -> bool:
        """Before the `index`-th thing happened."""
        orders = [signal for _, signal in self.history[:index] if isinstance(signal, Lockdown | EndLockdown)]
        return bool(orders) and isinstance(orders[-1], Lockdown)

    def is_released(self, now: float) -> bool:
        return any(at <= now < self.ends(index) for index, (at, _) in enumerate(self.history))

    def may_stand_open(self, now: float) -> bool:
        kinds = (FreePassage,)
        return any(
            at <= now < self.ends(index)
            for index, (at, signal) in enumerate(self.history)
            if isinstance(signal, kinds) or signal is Sensed.FIRE_RAISED
        )

    def newest_release_is_extended(self) -> bool:
        accepted = [
            signal
            for index, (_, signal) in enumerate(self.history)
            if isinstance(signal, Release) and not self.is_locked_down(index)
        ]
        return bool(accepted) and accepted[-1].is_extended

    def ends(self, index: int) -> float:
        """When the release that the `index`-th thing caused is over; minus infinity: it caused none."""
        at, signal = self.history[index]
        match signal:
            case Release(duration_s=duration_s, is_extended=is_extended):
                return self._command_ends(index, at, duration_s, is_extended=is_extended)
            case FreePassage(duration_s=duration_s):
                return self._free_passage_ends(index, math.inf if duration_s is None else at + duration_s)
            case Sensed.FIRE_RAISED:
                return self._first_after(index, lambda later, _: later is Sensed.FIRE_CLEARED)
            case Sensed.REX_PRESSED:
                return self._rex_ends(index, at)
            case _:
                return -math.inf

    def _command_ends(self, index: int, at: float, duration_s: float, *, is_extended: bool) -> float:
        if self.is_locked_down(index):
            return -math.inf
        duration_s = min(duration_s, self.times.max_release_s)
        if is_extended:
            duration_s = max(duration_s, self.times.extended_release_s)
        ended = self._first_after(index, lambda later, _: isinstance(later, Secure | Lockdown))
        return min(at + duration_s, ended, self._first_relock_after(index))

    def _free_passage_ends(self, index: int, due: float) -> float:
        if self.is_locked_down(index):
            return -math.inf
        enders = Secure | Lockdown | EndFreePassage
        return min(
            due,
            self._first_after(
                index,
                lambda later, i: (
                    isinstance(later, enders) or (isinstance(later, FreePassage) and not self.is_locked_down(i))
                ),
            ),
        )

    def _rex_ends(self, index: int, at: float) -> float:
        let_go = self._first_after(index, lambda later, _: later is Sensed.REX_LET_GO)
        at_least = min(at + self.rex.release_s, self._first_relock_after(index))
        return min(at + self.rex.max_s, max(let_go, at_least))

    def _first_relock_after(self, index: int) -> float:
        relocking = {"timer": (), "close": (Sensed.CLOSED,), "open": (Sensed.OPENED, Sensed.CLOSED)}
        wanted = relocking[self.times.relock_on]
        return self._first_after(index, lambda later, i: later in wanted and self._moves_the_leaf(i))

    def _moves_the_leaf(self, index: int) -> bool:
        before = [signal for _, signal in self.history[:index] if signal in (Sensed.OPENED, Sensed.CLOSED)]
        was_open = bool(before) and before[-1] is Sensed.OPENED
        return was_open is not (self.history[index][1] is Sensed.OPENED)

    def _first_after(self, index: int, is_wanted) -> float:  # type: ignore[no-untyped-def]
        for later in range(index + 1, len(self.history)):
            if is_wanted(self.history[later][1], later):
                return self.history[later][0]
        return math.inf
