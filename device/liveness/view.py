"""A view: what is kept of one frame of a face so that later frames can be compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from device.liveness.canonical import Floats, rigid_points, sheet_terms
from device.types import Image, Mesh
from device.vision.align import eye_distance, five_points, similarity, warp

CHIP_PX = 160
CHIP_EYES_PX = 40.0  # eye distance on the chip: finer than most frames show a face
CHIP_CENTRE = 2.0  # the chip's origin, in eye distances from its top left corner; keeps flow coordinates near one
_LAYOUT = np.array([(60.0, 66.0), (100.0, 66.0), (80.0, 90.0), (64.0, 114.0), (96.0, 114.0)], np.float32)
_FACE = slice(30, 135), slice(30, 130)  # the part of the chip that shows face and little else
_SIGNATURE = (20, 21)  # pixels
_CORNERS = 80  # at most so many places on a chip are followed
_CORNER_QUALITY, _CORNER_APART_PX = 0.005, 5
_LIGHTING = 6.0  # pixels of the signature: what varies more slowly is lighting


@dataclass(frozen=True, eq=False)
class View:
    """One frame of one face, brought to the same size and place."""

    points: Floats  # (n, 2) rigid mesh points, centred, in eye distances
    chip: NDArray[np.uint8]  # (160, 160) grey, eyes and mouth where _LAYOUT wants them
    on_chip: NDArray[np.float32]  # (468, 2) where the mesh lies on the chip, pixels
    signature: NDArray[np.float32]  # (420,) unit length: what the face looks like, without lighting

    def likeness(self, other: View) -> float:
        """How alike two views look, in [-1, 1]: a mesh that slid off its face looks at something else."""
        return float(self.signature @ other.signature)

    @cached_property
    def corners(self) -> NDArray[np.float32]:
        """(n, 2) places of the face on the chip that can be followed, pixels."""
        mask = np.zeros((CHIP_PX, CHIP_PX), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(self.on_chip.astype(np.int32)), 255)
        mask = cv2.erode(mask, np.ones((7, 7), np.uint8))  # the outline of a head is background as much as head
        found = cv2.goodFeaturesToTrack(self.chip, _CORNERS, _CORNER_QUALITY, _CORNER_APART_PX, mask=mask)
        return np.empty((0, 2), np.float32) if found is None else np.asarray(found, np.float32).reshape(-1, 2)

    @cached_property
    def off_sheet(self) -> Floats:
        """The (n, n) matrix that leaves of values at the points what no bent sheet explains."""
        terms = sheet_terms(self.points)
        rest: Floats = np.eye(len(terms)) - terms @ np.linalg.pinv(terms)
        return rest


def look_at(image: Image, mesh: Mesh) -> View:
    """The view of the face under `mesh` in `image`, (height, width, 3) uint8 BGR."""
    to_chip = similarity(five_points(mesh), _LAYOUT)
    chip = cv2.cvtColor(warp(image, to_chip, CHIP_PX), cv2.COLOR_BGR2GRAY)
    on_chip = (mesh.points[:, :2] @ to_chip[:, :2].T + to_chip[:, 2]).astype(np.float32)
    rigid = mesh.points[rigid_points(), :2].astype(np.float64) / max(eye_distance(mesh), 1e-6)
    return View(rigid - rigid.mean(axis=0), np.asarray(chip, np.uint8), on_chip, _sign(chip))


def _sign(chip: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(chip[_FACE], _SIGNATURE, interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= cv2.GaussianBlur(small, (0, 0), _LIGHTING)
    small -= small.mean()
    signed: NDArray[np.float32] = (small / (np.linalg.norm(small) + 1e-6)).ravel()
    return signed
