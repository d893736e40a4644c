"""The pose grid: which of five views of a head a frame shows, how good it is, and how alike two templates are."""

from __future__ import annotations

from enum import StrEnum

from device.types import Pose, Quality, Template

FRAMES_PER_POSE = 3  # the best of so many is kept
# Poses are told apart against the person's own straight one, because cameras hang high or low and foreheads differ.
# The door's gates end at 35 degrees of yaw and 30 of pitch. A turn of 12 and a nod of 10 degrees are above what people
# do while they look straight (STEADY_DEG of a challenge is 6), and puppets of 34 portraits that were turned by 22 and
# tilted by 17 degrees all measured 13 to 25.
STRAIGHT_YAW_DEG, STRAIGHT_PITCH_DEG = 10.0, 15.0  # absolute: where "straight" may lie
TURN_DEG, NOD_DEG = 12.0, 10.0
ASIDE_WHILE_TURNED_DEG, ASIDE_WHILE_NODDING_DEG = 15.0, 10.0  # along the other axis


class PoseBin(StrEnum):
    """A place of the pose grid; left and right are the person's own."""

    STRAIGHT = "straight"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


def bin_of(pose: Pose, *, neutral: Pose) -> PoseBin | None:
    """The place of the grid for a pose, against the person's own straight one; None: between two places."""
    yaw, pitch = pose.yaw_deg - neutral.yaw_deg, pose.pitch_deg - neutral.pitch_deg
    if abs(yaw) < TURN_DEG and abs(pitch) < NOD_DEG:
        return PoseBin.STRAIGHT if abs(yaw) <= STRAIGHT_YAW_DEG else None
    if abs(yaw) >= TURN_DEG and abs(pitch) <= ASIDE_WHILE_TURNED_DEG:
        return PoseBin.LEFT if yaw > 0 else PoseBin.RIGHT
    if abs(pitch) >= NOD_DEG and abs(yaw) <= ASIDE_WHILE_NODDING_DEG:
        return PoseBin.UP if pitch > 0 else PoseBin.DOWN
    return None


def merit_of(quality: Quality) -> float:
    """How good a frame is within its pose, in [0, 1]: surely a face, large, and sharp, so not caught in motion."""
    sharp = quality.sharpness / (quality.sharpness + 200.0)
    return quality.presence * min(1.0, quality.face_height_px / 112.0) * sharp


def score_of(one: Template, other: Template) -> float:
    """The comparison score of two templates of one model; below every threshold where it is no number."""
    score = float(one.vector @ other.vector)
    return score if score == score else -1.0


def mean_pose(poses: list[Pose]) -> Pose:
    """The pose half way between several. Raises ZeroDivisionError for none."""
    count = len(poses)
    return Pose(
        sum(pose.yaw_deg for pose in poses) / count,
        sum(pose.pitch_deg for pose in poses) / count,
        sum(pose.roll_deg for pose in poses) / count,
    )
