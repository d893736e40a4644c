"""Judging a face before it is compared: how large, bright, sharp, frontal and visible it is.

The same gates serve the door and enrolment, so a person hears the same reason at both.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from device.config import QualitySettings
from device.types import Image, Mesh, Points, Pose, Quality, QualityIssue
from device.vision.align import eye_distance, five_points, similarity, warp
from device.vision.mesh import face_box

CHIP_PX = 64  # brightness and sharpness are measured on a chip of this size, so they do not depend on distance
_CHIP_LAYOUT = np.array([(20.0, 25.0), (44.0, 25.0), (32.0, 39.0), (23.0, 52.0), (41.0, 52.0)], np.float32)
_RIGHT_EDGE, _LEFT_EDGE = (33, 234), (263, 454)  # outer eye corner and cheek edge on the subject's own right and left
_FOREHEAD, _CHIN = 10, 152
_NEUTRAL_PITCH_DEG = -7.0  # forehead to chin of a level head is not quite upright; median over 880 photos
# Where skin shows on an uncovered face: brow and nose bridge, the lower face, the right and the left half.
_UPPER, _LOWER = (151, 108, 337, 6), (164, 14, 199, 175)
_RIGHT_HALF, _LEFT_HALF = (50, 205, 136), (280, 425, 365)
_PATCH = 0.06  # half the side of a skin patch, in eye distances
# Differences of colour below which 99.4 % of 1,181 photos (portraits and LFW) stay, in Lab units of OpenCV's 8-bit
# scale: colour of the lower face against the upper, of the right half against the left, how much darker the lower is.
_LOWER_COLOUR, _HALF_COLOUR, _LOWER_DARKER = 34.0, 32.0, 150.0


class QualityGate:
    """Measures a face and names every objection to it."""

    def __init__(self, settings: QualitySettings) -> None:
        self._settings = settings

    def judge(self, image: Image, mesh: Mesh) -> Quality:
        """What was measured on the face under `mesh`, and what the gates object to."""
        points = five_points(mesh)
        chip = cv2.cvtColor(warp(image, similarity(points, _CHIP_LAYOUT), CHIP_PX), cv2.COLOR_BGR2GRAY)
        measured = Quality(
            face_height_px=face_height(mesh),
            brightness=float(np.median(chip)) / 255,
            sharpness=float(cv2.Laplacian(chip, cv2.CV_32F).var()),
            pose=head_pose(mesh),
            presence=mesh.presence,
            cover=face_cover(image, mesh),
            issues=(),
        )
        is_inside = _is_inside(points, image.shape[1], image.shape[0])
        return replace(measured, issues=_objections(measured, self._settings, is_inside=is_inside))


def face_height(mesh: Mesh) -> float:
    """The height in pixels of the box that a detector would draw around the face."""
    return face_box(mesh).height


def head_pose(mesh: Mesh) -> Pose:
    """Yaw, pitch and roll in degrees from the mesh's own depth, good to a few degrees within ±40°.

    The line between the subject's right and left face edge gives yaw and roll, the line from forehead to chin gives
    pitch. The depth of a FaceMesh is in the scale of x (weak perspective), so no camera model is needed.
    """
    across = mesh.points[_LEFT_EDGE, :].mean(axis=0) - mesh.points[_RIGHT_EDGE, :].mean(axis=0)
    roll = math.atan2(float(across[1]), float(across[0]))
    yaw = math.atan2(float(across[2]), math.hypot(float(across[0]), float(across[1])))
    down = mesh.points[_CHIN] - mesh.points[_FOREHEAD]
    pitch = math.atan2(-float(down[2]), math.hypot(float(down[0]), float(down[1])))
    return Pose(math.degrees(yaw), math.degrees(pitch) - _NEUTRAL_PITCH_DEG, math.degrees(roll))


def face_cover(image: Image, mesh: Mesh) -> float:
    """How differently coloured the lower face or one half is; from 1 on the face counts as covered.

    A mask, a scarf or a hand has another colour than the brow. Over 86 portraits with a painted mask this found 74 %
    of surgical-blue, 21 % of white and 91 % of black ones, and hardly any in the colour of skin; it objects to 0.6 % of
    1,181 uncovered faces. To a grey camera only dark masks show.
    """
    reach = max(1, round(eye_distance(mesh) * _PATCH))
    height, width = image.shape[:2]
    centres = mesh.points[(*_UPPER, *_LOWER, *_RIGHT_HALF, *_LEFT_HALF), :2].astype(int)
    xs = np.clip(centres[:, 0], reach, max(reach, width - reach - 1))
    ys = np.clip(centres[:, 1], reach, max(reach, height - reach - 1))
    size = 2 * reach + 1
    patches = [image[y : y + size, x : x + size] for x, y in zip(xs - reach, ys - reach, strict=True)]
    colours = np.median(np.stack(patches).reshape(len(patches), -1, 3), axis=1).astype(np.uint8)[None]
    lab = cv2.cvtColor(colours, cv2.COLOR_BGR2LAB)[0].astype(np.float32)
    upper, lower = np.median(lab[:4], axis=0), np.median(lab[4:8], axis=0)
    right, left = np.median(lab[8:11], axis=0), np.median(lab[11:14], axis=0)
    return max(
        float(np.hypot(*(lower - upper)[1:])) / _LOWER_COLOUR,
        float(np.hypot(*(right - left)[1:])) / _HALF_COLOUR,
        float((upper - lower)[0]) / _LOWER_DARKER,
    )


def _is_inside(points: Points, width: int, height: int) -> bool:
    """Whether eyes, nose and mouth, with a border of half an eye distance, lie within the frame."""
    border = float(np.hypot(*(points[1] - points[0]))) / 2
    low, high = points.min(axis=0) - border, points.max(axis=0) + border
    return bool((low >= 0).all() and high[0] <= width and high[1] <= height)


def _objections(measured: Quality, gates: QualitySettings, *, is_inside: bool) -> tuple[QualityIssue, ...]:
    pose = measured.pose
    is_frontal = abs(pose.yaw_deg) <= gates.max_yaw_deg and abs(pose.pitch_deg) <= gates.max_pitch_deg
    objections = {
        QualityIssue.TOO_SMALL: not measured.face_height_px >= gates.min_face_height_px,
        QualityIssue.CUT_OFF: not is_inside,
        QualityIssue.TOO_DARK: not measured.brightness >= gates.min_brightness,
        QualityIssue.TOO_BRIGHT: not measured.brightness <= gates.max_brightness,
        QualityIssue.BLURRED: not measured.sharpness >= gates.min_sharpness,
        QualityIssue.TURNED_AWAY: not is_frontal,
        QualityIssue.OCCLUDED: not (measured.presence >= gates.min_presence and measured.cover <= gates.max_cover),
    }
    return tuple(issue for issue, objects in objections.items() if objects)
