"""What a face does in one frame, as a challenge asks for it: where it points, how open eyes and mouth are, how near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from device.liveness.canonical import place_head
from device.types import Mesh

if TYPE_CHECKING:
    from device.config import LivenessSettings

EYES = (((33, 133), ((160, 144), (159, 145), (158, 153))), ((362, 263), ((385, 380), (386, 374), (387, 373))))
MOUTH_WIDTH, LIPS = (78, 308), ((82, 87), (13, 14), (312, 317))  # inner lips: a closed mouth has no height


class Gesture(StrEnum):
    """What a person may be asked to do. Left, right, up and down are the person's own."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    LOOK_UP = "look_up"
    LOOK_DOWN = "look_down"
    BLINK = "blink"  # both eyes closed a little longer than people blink by themselves
    OPEN_MOUTH = "open_mouth"
    COME_CLOSER = "come_closer"


@dataclass(frozen=True, slots=True)
class Appearance:
    """One frame of a face. Angles in degrees with the signs of `device.types.Pose`."""

    yaw_deg: float
    pitch_deg: float
    eyes: float  # height of the eye openings by their width
    mouth: float  # height of the mouth opening by its width
    scale: float  # pixels for one eye distance, whichever way the head is turned


def appearance_of(mesh: Mesh) -> Appearance:
    """What the face under `mesh` does."""
    placed = place_head(mesh)
    points = mesh.points
    eyes = np.mean([_openness(points, corners, lids) for corners, lids in EYES])
    mouth = _openness(points, MOUTH_WIDTH, LIPS)
    return Appearance(placed.pose.yaw_deg, placed.pose.pitch_deg, float(eyes), mouth, placed.scale)


def typical(seen: Sequence[Appearance]) -> Appearance:
    """The median of several frames: a person's own neutral face. Raises ValueError for none."""
    if not seen:
        raise ValueError("a neutral face needs at least one frame")
    columns = zip(*((one.yaw_deg, one.pitch_deg, one.eyes, one.mouth, one.scale) for one in seen), strict=True)
    return Appearance(*(float(np.median(column)) for column in columns))


def strengths(neutral: Appearance, now: Appearance, settings: LivenessSettings) -> dict[Gesture, float]:
    """How far `now` is towards each gesture, against the person's own neutral face: 1 and more is the gesture."""
    yaw = (now.yaw_deg - neutral.yaw_deg) / settings.min_turn_deg
    pitch = (now.pitch_deg - neutral.pitch_deg) / settings.min_nod_deg
    closed = 1.0 - now.eyes / max(neutral.eyes, 1e-6)
    grown = now.scale / max(neutral.scale, 1e-6) - 1.0
    return {
        Gesture.TURN_LEFT: yaw,
        Gesture.TURN_RIGHT: -yaw,
        Gesture.LOOK_UP: pitch,
        Gesture.LOOK_DOWN: -pitch,
        Gesture.BLINK: closed / settings.min_eye_closure,
        Gesture.OPEN_MOUTH: (now.mouth - neutral.mouth) / settings.min_mouth_opening,
        Gesture.COME_CLOSER: grown / settings.min_approach,
    }


def _openness(
    points: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    corners: tuple[int, int],
    lids: tuple[tuple[int, int], ...],
) -> float:
    """Mean distance between upper and lower points by the distance between the corners, in three dimensions.

    The third dimension keeps a turned head from looking wide-eyed.
    """
    width = float(np.linalg.norm(points[corners[0]] - points[corners[1]]))
    heights = [float(np.linalg.norm(points[upper, :2] - points[lower, :2])) for upper, lower in lids]
    return sum(heights) / len(heights) / max(width, 1e-6)
