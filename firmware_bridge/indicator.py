"""What the person at the door sees and hears. Pure: it says what is lit, others light it.

The voices, the louder first: the door's own urgent ones (alarm, held warning), a light that the access control panel
wants for a while, the vision service, the panel's standing light. When none of them speaks the door shows its standing:
released, lockdown, fault or ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from firmware_bridge.pattern import Pattern
from firmware_bridge.types import Indication


class Lamp(StrEnum):
    """The lines that an indication may use."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    BUZZER = "buzzer"


COLOURS: dict[str, frozenset[str]] = {
    "red": frozenset({Lamp.RED}),
    "green": frozenset({Lamp.GREEN}),
    "blue": frozenset({Lamp.BLUE}),
    "amber": frozenset({Lamp.RED, Lamp.GREEN}),
    "cyan": frozenset({Lamp.GREEN, Lamp.BLUE}),
    "magenta": frozenset({Lamp.RED, Lamp.BLUE}),
    "white": frozenset({Lamp.RED, Lamp.GREEN, Lamp.BLUE}),
    "left": frozenset({Lamp.LEFT}),
    "right": frozenset({Lamp.RIGHT}),
    "up": frozenset({Lamp.UP}),
    "down": frozenset({Lamp.DOWN}),
    "tone": frozenset({Lamp.BUZZER}),
}

EMITTER_COLOURS: dict[str, frozenset[str]] = {
    name: frozenset({name}) for name in ("red", "green", "blue", "white", "left", "right")
}  # of the light emitters, where white is a lamp of its own

Voice: TypeAlias = tuple[Pattern | None, float]  # what is to be seen, and since when

_SILENCE: Voice = (None, 0.0)
URGENT = frozenset({Indication.ALARM, Indication.HELD_WARNING})


class Indicator:
    """Chooses the pattern that is shown. `patterns` has one for every indication.

    An indication that was asked for is forgotten `forget_after_s` after it was asked for last, so that a service that
    died does not beckon for ever.
    """

    def __init__(self, patterns: Mapping[Indication, Pattern], *, is_silent: bool, forget_after_s: float) -> None:
        self._patterns = patterns
        self._is_silent = is_silent
        self._forget_after_s = forget_after_s
        self._standing = Indication.READY
        self._standing_since = 0.0
        self._asked: Indication | None = None
        self._asked_since = 0.0
        self._asked_last = 0.0
        self._panel_standing = _SILENCE
        self._panel_passing = _SILENCE
        self._panel_sound = _SILENCE

    def ask(self, indication: Indication, now: float) -> None:
        """The vision service wants `indication`. Asking again while it is shown changes nothing but its end.

        To ask for READY is to ask for nothing more: the door's standing is seen again.
        """
        if indication is Indication.READY:
            self._asked = None
            return
        if indication is not self._asked or self._asked_pattern(now) is None:
            self._asked, self._asked_since = indication, now
        self._asked_last = now

    def stand(self, standing: Indication, now: float) -> None:
        """What the door itself has to say from now on."""
        if standing is not self._standing:
            self._standing, self._standing_since = standing, now

    def light_panel(self, pattern: Pattern | None, now: float, *, is_temporary: bool) -> None:
        """The access control panel wants `pattern`, standing or for a while; None: not any more."""
        voice = (pattern, now)
        if is_temporary:
            self._panel_passing = voice
        else:
            self._panel_standing = voice

    def sound_panel(self, pattern: Pattern | None, now: float) -> None:
        """The access control panel wants to be heard, whatever is lit; None: no more."""
        self._panel_sound = (pattern, now)

    def shown(self, now: float) -> Indication:
        """Which indication is to be seen, the panel's own patterns apart."""
        if self._standing in URGENT or self._asked_pattern(now) is None or self._asked is None:
            return self._standing
        return self._asked

    def lit(self, now: float) -> frozenset[str]:
        """Which lamps are on now."""
        lit = _lit(self._current(now), now) or frozenset()
        if self._standing not in URGENT:
            lit |= _lit(self._panel_sound, now) or frozenset()
        return lit - {Lamp.BUZZER} if self._is_silent else lit

    def next_change(self, now: float) -> float | None:
        """When `lit` may change by itself, in monotonic seconds; None: never."""
        voices = (self._current(now), self._panel_sound)
        changes = [change for pattern, since in voices if (change := _change(pattern, since, now)) is not None]
        if self._asked_pattern(now) is not None:
            changes.append(self._asked_last + self._forget_after_s)
        return min(changes, default=None)

    def _current(self, now: float) -> Voice:
        """The loudest voice that has something to show. The panel's standing light is the least of all that ask."""
        asked: Voice = (self._asked_pattern(now), self._asked_since)
        voices = (self._panel_passing, asked, self._panel_standing)
        speaking = [voice for voice in voices if _lit(voice, now) is not None]
        if self._standing in URGENT or not speaking:
            return self._patterns[self._standing], self._standing_since
        return speaking[0]

    def _asked_pattern(self, now: float) -> Pattern | None:
        """The pattern of the asked indication while it counts."""
        if self._asked is None or now >= self._asked_last + self._forget_after_s:
            return None
        pattern = self._patterns[self._asked]
        return None if pattern.lit(now - self._asked_since) is None else pattern


def _lit(voice: Voice, now: float) -> frozenset[str] | None:
    pattern, since = voice
    return None if pattern is None else pattern.lit(now - since)


def _change(pattern: Pattern | None, since: float, now: float) -> float | None:
    change_s = None if pattern is None else pattern.next_change_s(now - since)
    return None if change_s is None else since + change_s
