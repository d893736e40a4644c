"""What an access control panel may order over OSDP, in the door's own words. Pure; the bus is elsewhere.

Codes and units are those of SIA OSDP 2.2: osdp_LED, osdp_BUZ, osdp_OUT, osdp_KEYSET. Counts are tenths of a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from firmware_bridge.indicator import COLOURS
from firmware_bridge.pattern import Pattern, Step

TENTH_S = 0.1
STEADY_S = 1.0  # the length of the single step of a light that does not blink
COLOUR_NAMES = ("dark", "red", "green", "amber", "blue", "magenta", "cyan", "white")  # OSDP's numbers 0 to 7
KEY_BYTES = 16
KEY_TYPE_SCBK = 1


@dataclass(frozen=True, slots=True)
class PanelLight:
    """Light the lamps like this, for a while or from now on; None: no more."""

    pattern: Pattern | None
    is_temporary: bool


@dataclass(frozen=True, slots=True)
class PanelSound:
    """Sound the buzzer like this; None: be quiet."""

    pattern: Pattern | None


@dataclass(frozen=True, slots=True)
class PanelRelease:
    """Release the lock for a while: what the panel's output does where it is mapped to the lock."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class PanelSecure:
    """End the panel's own release."""


@dataclass(frozen=True, slots=True)
class PanelSwitch:
    """Switch the auxiliary relay: for ever, or for `duration_s` and then back."""

    is_on: bool
    duration_s: float | None
    aborts_timer: bool = True  # false: a running timed order is finished first


@dataclass(frozen=True, slots=True)
class PanelKey:
    """From now on the secure channel uses this key."""

    key: bytes = field(repr=False)  # 16 bytes, SCBK


PanelCommand: TypeAlias = PanelLight | PanelSound | PanelRelease | PanelSecure | PanelSwitch | PanelKey


def read_led(order: Mapping[str, object]) -> PanelLight | None:
    """osdp_LED as libosdp tells it. None: an order to do nothing."""
    is_temporary = bool(order["temporary"])
    control = _count(order, "control_code")
    if control == 0:
        return None
    if is_temporary and control == 1:
        return PanelLight(None, is_temporary=True)
    steps = [
        Step(COLOURS.get(_colour(order, f"{phase}_color"), frozenset()), _count(order, f"{phase}_count") * TENTH_S)
        for phase in ("on", "off")
    ]
    blinking = tuple(step for step in steps if step.duration_s) or (Step(steps[0].lit, STEADY_S),)
    lasts_s = _count(order, "timer_count") * TENTH_S if is_temporary else float("inf")
    return PanelLight(Pattern(blinking, repeats=True, lasts_s=lasts_s), is_temporary=is_temporary)


def read_buzzer(order: Mapping[str, object]) -> PanelSound | None:
    """osdp_BUZ. None: an order to do nothing."""
    control = _count(order, "control_code")
    if control == 0:
        return None
    on_s, off_s = _count(order, "on_count") * TENTH_S, _count(order, "off_count") * TENTH_S
    if control == 1 or not on_s:
        return PanelSound(None)
    tone = Step(COLOURS["tone"], on_s)
    steps = (tone, Step(frozenset(), off_s)) if off_s else (tone,)
    times = _count(order, "rep_count")  # 0: until told otherwise
    lasts_s = times * (on_s + off_s) if times else float("inf")
    return PanelSound(Pattern(steps, repeats=True, lasts_s=lasts_s))


def read_output(order: Mapping[str, object], outputs: Sequence[str]) -> PanelCommand | None:
    """osdp_OUT; `outputs` says what each number switches. None: an order to do nothing.

    Raises ValueError for an output that is not there, and for an order to release the lock without an end: no bus
    fault may leave a door unlocked.
    """
    number, control = _count(order, "output_no"), _count(order, "control_code")
    duration_s = _count(order, "timer_count") * TENTH_S
    if not 0 <= number < len(outputs) or not 0 <= control <= 6:
        raise ValueError(f"output {number} has no order {control}")
    if control == 0:
        return None
    if outputs[number] == "lock":
        if control in (2, 4) or (control == 5 and not duration_s):
            raise ValueError("the lock is released for a time only")
        return PanelRelease(duration_s) if control == 5 else PanelSecure()
    is_timed = control in (5, 6)
    return PanelSwitch(control in (2, 4, 5), duration_s if is_timed else None, aborts_timer=control not in (3, 4))


def read_keyset(order: Mapping[str, object]) -> PanelKey:
    """osdp_KEYSET. Raises ValueError for anything but a 16-byte base key."""
    key = order["data"]
    if _count(order, "type") != KEY_TYPE_SCBK or not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise ValueError("not a 16-byte base key")
    return PanelKey(key)


class PanelRelay:
    """The auxiliary relay as the panel orders it: a standing state, and a timed one that overrules it for a while."""

    def __init__(self) -> None:
        self._standing = False
        self._timed = False
        self._timed_until = float("-inf")

    def obey(self, order: PanelSwitch, now: float) -> None:
        """Do as ordered, now."""
        if order.duration_s is not None:
            self._timed, self._timed_until = order.is_on, now + order.duration_s
            return
        self._standing = order.is_on
        if order.aborts_timer:
            self._timed_until = now

    def is_on(self, now: float) -> bool:
        """What the relay must show now."""
        return self._timed if now < self._timed_until else self._standing

    def next_change(self, now: float) -> float | None:
        """When that changes by itself; None: it does not."""
        return self._timed_until if now < self._timed_until else None


def _count(order: Mapping[str, object], key: str) -> int:
    value = order[key]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{key} is not a count")
    return value


def _colour(order: Mapping[str, object], key: str) -> str:
    number = _count(order, key)
    if not 0 <= number < len(COLOUR_NAMES):
        raise ValueError(f"{number} is not a colour")
    return COLOUR_NAMES[number]
