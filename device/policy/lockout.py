"""Slowing a door down for those who try again and again. Pure; the exit and the fire release do not know it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from device.types import DenyReason, TrackId

NOT_THEIR_DOING = frozenset(
    {
        DenyReason.AUDIT_UNAVAILABLE,
        DenyReason.CLOCK_UNTRUSTED,
        DenyReason.DOOR_REFUSED,
        DenyReason.DOOR_UNREACHABLE,
        DenyReason.FAULT,
        DenyReason.LOCKED_OUT,
        DenyReason.MODEL_MISSING,
        DenyReason.SECOND_FACTOR_BLOCKED,
        DenyReason.SECOND_FACTOR_UNAVAILABLE,
    }
)
NEVER = float("-inf")
FORGIVEN_AFTER_WINDOWS = 10  # so many windows without a pause, and the next one is the first again


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutSettings:
    """When and how much. Raises ValueError for values that would never slow anybody down, or for ever."""

    max_denials: int = 10  # in one window; the next denial pauses the door
    window_s: float = 60.0
    pause_s: float = 5.0  # the first pause; each further one doubles
    pause_at_most_s: float = 30.0  # also the longest rest of one track

    def __post_init__(self) -> None:
        if self.max_denials < 1:
            raise ValueError("max_denials must be 1 or more")
        if not 0.0 < self.window_s <= 3600.0:
            raise ValueError("window_s must lie in (0, 3600]")
        if not 0.0 < self.pause_s <= self.pause_at_most_s <= 3600.0:
            raise ValueError("pause_s must lie in (0, pause_at_most_s], and that be 3600 at most")


class Lockout:
    """Counts denials at one door, whatever their score. Times are monotonic seconds.

    More than `max_denials` within a window pause the door: it begins to look at nobody for a while, longer each time.
    Who stays after a denial is looked at again after a rest that doubles. A grant takes nothing back: a friend inside
    must not buy a stranger more tries.
    """

    def __init__(self, settings: LockoutSettings | None = None) -> None:
        self._settings = settings or LockoutSettings()
        self._denied_at: deque[float] = deque()
        self._tries: dict[TrackId, int] = {}
        self._pauses = 0
        self._paused_until = NEVER

    def is_paused(self, at: float) -> bool:
        """Whether the door begins to look at nobody now."""
        return at < self._paused_until

    def note_denial(self, track: TrackId, reason: DenyReason, *, at: float) -> float:
        """Count a denial; for how many seconds the door pauses because of it, 0 for not at all."""
        if reason in NOT_THEIR_DOING:
            return 0.0
        self._tries[track] = self._tries.get(track, 0) + 1
        self._denied_at.append(at)
        while self._denied_at[0] <= at - self._settings.window_s:
            self._denied_at.popleft()
        if len(self._denied_at) <= self._settings.max_denials:
            return 0.0
        if at - self._paused_until > FORGIVEN_AFTER_WINDOWS * self._settings.window_s:
            self._pauses = 0
        pause_s = min(self._settings.pause_s * 2.0 ** min(self._pauses, 32), self._settings.pause_at_most_s)
        self._pauses += 1
        self._denied_at.clear()
        self._paused_until = max(self._paused_until, at + pause_s)
        return pause_s

    def rest_s(self, track: TrackId, *, usual_s: float) -> float:
        """How long a track that was denied rests: `usual_s` at first, then doubling. Never less than usual."""
        tries = min(self._tries.get(track, 1), 32)
        return max(usual_s, min(usual_s * 2.0 ** (tries - 1), self._settings.pause_at_most_s))

    def forget(self, present: set[TrackId]) -> None:
        """Let go of tracks that left; the door's own count stays."""
        self._tries = {track: tries for track, tries in self._tries.items() if track in present}

    def clear(self) -> None:
        """An operator vouches for whoever is there: end the pause and count from nothing."""
        self._denied_at.clear()
        self._tries.clear()
        self._pauses = 0
        self._paused_until = NEVER
