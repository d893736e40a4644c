"""The mean face: where the 468 mesh points lie on a head that looks straight ahead, and what follows from it.

`mean_face.json` is the median over the meshes of 262 frontal portraits of 214 people, each mesh turned upright and
scaled to the eye distance, made symmetric: (468, 3), origin between the eyes, x to the subject's left as the camera
sees it, y down, smaller z nearer.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from device.types import Mesh, Pose

Floats: TypeAlias = NDArray[Any]

MOUTH_CORNERS = (61, 291)
ABOVE_MOUTH = 0.15  # eye distances: what lies nearer to the mouth, or below it, moves when people talk
RIGHT_LIDS = (246, 161, 160, 159, 158, 157, 173, 7, 163, 144, 145, 153, 154, 155)
LEFT_LIDS = (398, 384, 385, 386, 387, 388, 466, 382, 381, 380, 374, 373, 390, 249)
LIDS = frozenset((*RIGHT_LIDS, *LEFT_LIDS))
BROWS = frozenset(
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
)  # people raise them


@cache
def mean_face() -> Floats:
    """(468, 3) float64 in eye distances; read-only."""
    rows = json.loads(files("device.liveness").joinpath("mean_face.json").read_text(encoding="utf-8"))
    face = np.array(rows, dtype=np.float64)
    face.setflags(write=False)
    return face


@cache
def rigid_points() -> NDArray[np.intp]:
    """The mesh points that neither talking, blinking nor frowning moves, about 270."""
    face = mean_face()
    mouth = face[list(MOUTH_CORNERS), 1].mean()
    return np.array(
        [i for i in range(len(face)) if face[i, 1] < mouth - ABOVE_MOUTH and i not in LIDS and i not in BROWS]
    )


@cache
def relief() -> Floats:
    """How far each mesh point stands out of the sheet that fits the face best, (468,) in eye distances.

    The sheet is a quadratic surface, which covers a plane, a cylinder about any axis, and their flexing: what is left
    is the nose (negative: nearer) and the hollows of the eyes, which no print has however it is bent.
    """
    face = mean_face()
    rest: Floats = face[:, 2] - onto_sheet(face[:, :2]) @ face[:, 2]
    rest.setflags(write=False)
    return rest


def sheet_terms(points: Floats) -> Floats:
    """The six terms of a quadratic surface at (n, 2) points: (n, 6)."""
    x, y = points[:, 0], points[:, 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def onto_sheet(points: Floats) -> Floats:
    """The (n, n) matrix that takes values at (n, 2) points to their best quadratic surface at the same points."""
    terms = sheet_terms(points)
    projection: Floats = terms @ np.linalg.pinv(terms)
    return projection


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a head points and how large it appears."""

    pose: Pose
    scale: float  # pixels for one eye distance, whichever way the head is turned


def place_head(mesh: Mesh) -> Placement:
    """Where the head points, in degrees, from the mean face laid over the rigid points of the mesh.

    The perspective-n-point problem under scaled orthography (POS of DeMenthon and Davis, 1995): at door distances a
    face is shallow against its distance, and no camera calibration is needed. Only x and y of the mesh are used. Good
    to about 3 degrees within 30 degrees of frontal; talking does not tilt it.
    """
    rows = _pose_solver() @ mesh.points[rigid_points(), :2].astype(np.float64)  # (3, 2)
    across, down = rows[:, 0], rows[:, 1]
    scale = float(np.linalg.norm(across) + np.linalg.norm(down)) / 2
    if not scale > 1e-9:
        return Placement(Pose(0.0, 0.0, 0.0), 0.0)  # every point in one place, or not a number
    first = across / np.linalg.norm(across)
    second = down - first * (down @ first)
    second /= np.linalg.norm(second)
    return Placement(_angles(np.stack([first, second, np.cross(first, second)])), scale)


@cache
def _pose_solver() -> Floats:
    """(3, n): times centred image points gives the two scaled rows of the rotation."""
    model = mean_face()[rigid_points()]
    centred = model - model.mean(axis=0)
    solver: Floats = np.linalg.pinv(centred) @ (np.eye(len(model)) - 1.0 / len(model))
    return solver


def _angles(turn: Floats) -> Pose:
    """Yaw, pitch and roll of a rotation that nods first, then turns, then tilts, as a neck does."""
    yaw = math.asin(max(-1.0, min(1.0, float(turn[2, 0]))))
    pitch = math.atan2(-float(turn[2, 1]), float(turn[2, 2]))
    roll = math.atan2(float(turn[1, 0]), float(turn[0, 0]))
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))
