"""How a simulated person stands and moves in front of the door."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Where the head is and what the face does. Angles are relative to the pose of the portrait, signs as in `Pose`."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    x_mm: float = 0.0  # to the right of the frame's centre, between the eyes
    y_mm: float = 0.0  # below the frame's centre
    distance_mm: float = 700.0
    eyes_closed: float = 0.0  # [0, 1]
    mouth_open: float = 0.0  # [0, 1]


Motion: TypeAlias = Callable[[float], Posture]  # seconds since the visitor appeared -> posture


@dataclass(frozen=True, slots=True)
class Sway:
    """A slow, never quite repeating movement, the sum of three sines with seeded phases."""

    phases: tuple[float, float, float]  # radians

    @classmethod
    def drawn(cls, source: random.Random) -> Sway:
        """A movement with phases from `source`."""
        return cls((source.uniform(0, 6.283), source.uniform(0, 6.283), source.uniform(0, 6.283)))

    def at(self, t_s: float) -> float:
        """In [-1, 1]."""
        return sum(math.sin(rate * t_s + phase) for rate, phase in zip((1.9, 3.1, 5.3), self.phases, strict=True)) / 3


def walk_up(
    seed: int, *, from_mm: float = 1700.0, to_mm: float = 620.0, walk_s: float = 2.5, turn_deg: float = 20.0
) -> Motion:
    """A person who walks up to the door, then looks left and right by `turn_deg` as people do while they wait.

    Deterministic in `seed` and time. Steps bob, the body sways by millimetres, the eyes blink every three to five
    seconds.
    """
    source = random.Random(seed)  # noqa: S311 (a simulated walk is not a secret)
    sway = [Sway.drawn(source) for _ in range(6)]
    blink_every_s = source.uniform(3.0, 5.0)
    first_turn = source.choice((-1.0, 1.0))
    turn_period_s = source.uniform(2.6, 3.4)
    aside_mm = source.uniform(-120.0, 120.0)

    def posture(t_s: float) -> Posture:
        walked = _ease(t_s / walk_s)
        waiting_s = max(0.0, t_s - walk_s)
        turning = first_turn * turn_deg * math.sin(2 * math.pi * waiting_s / turn_period_s) * _ease(waiting_s)
        bob = 14.0 * (1 - walked) * math.sin(2 * math.pi * 1.8 * t_s)
        return Posture(
            yaw_deg=turning + 5.0 * sway[0].at(t_s),
            pitch_deg=4.0 * sway[1].at(t_s),
            roll_deg=2.5 * sway[2].at(t_s),
            x_mm=aside_mm * (1 - walked) + 15.0 * sway[3].at(t_s),
            y_mm=-20.0 + bob + 6.0 * sway[4].at(t_s),
            distance_mm=from_mm + (to_mm - from_mm) * walked + 12.0 * sway[5].at(t_s),
            eyes_closed=_blink(t_s % blink_every_s),
        )

    return posture


def stand_still(*, distance_mm: float = 700.0) -> Motion:
    """A person who does not move at all, which nobody does: for tests of what must stay undecided."""
    return lambda _: Posture(distance_mm=distance_mm)


def _ease(share: float) -> float:
    """From 0 to 1 with a soft start and end; held outside."""
    held = min(1.0, max(0.0, share))
    return held * held * (3.0 - 2.0 * held)


def _blink(since_s: float) -> float:
    """How closed the eyes are `since_s` after a blink began; a blink takes about 0.25 s."""
    return max(0.0, 1.0 - abs(since_s - 0.125) / 0.125)
