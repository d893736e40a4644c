"""How a face mesh deforms when an eye closes or the mouth opens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# FaceMesh point numbers along each lid and lip, from the subject's right to the left. The ends are the corners.
UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
FACE_POINTS = 468  # the first vertices of whatever is deformed are the face mesh
JAW_DROP = 0.16  # of the face height, how far the lower lip falls in a fully open mouth
INNER_LIPS = tuple(sorted({*INNER_UPPER_LIP, *INNER_LOWER_LIP}))

Offsets = NDArray[np.float32]  # (n, 2) float32, the units of the points they move


def close_eyes(points: NDArray[np.float32]) -> Offsets:
    """Where vertices go when both eyes close: the upper lids onto the lower ones.

    `points` is (n, 2 or more), the 468 of the face first.
    The skin between lid and brow follows, less the further it is from the lid.
    """
    offsets = np.zeros((len(points), 2), dtype=np.float32)
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        lid, target = points[list(upper), :2], points[list(lower), :2]
        drop = target - lid
        reach = 0.3 * float(np.linalg.norm(lid[-1] - lid[0]))
        distance = np.linalg.norm(points[:, None, :2] - lid[None, 1:-1], axis=2)
        nearest = distance.argmin(axis=1)
        pull = np.exp(-((distance.min(axis=1) / reach) ** 2))
        above = points[:, 1] <= lid[1:-1][nearest, 1]
        offsets += np.where(above, pull, 0.0)[:, None].astype(np.float32) * drop[1:-1][nearest]
        offsets[list(upper[1:-1])] = drop[1:-1]
        offsets[list(lower)] = 0.0
    return offsets


def open_mouth(points: NDArray[np.float32]) -> Offsets:
    """Where vertices go when the mouth opens fully: the lower lip and the jaw drop, the corners come in.

    `points` is (n, 2 or more), the 468 of the face first; what lies under the chin follows the less the lower it is.
    """
    face = points[:FACE_POINTS]
    height = float(np.ptp(face[:, 1]))
    right, left = points[61, :2], points[291, :2]
    middle, half = (right + left) / 2, float(np.linalg.norm(left - right)) / 2
    aside = np.abs(points[:, 0] - middle[0])
    below = np.clip((points[:, 1] - middle[1]) / (0.1 * height), 0.0, 1.0)
    neck = np.clip(1.0 - (points[:, 1] - face[:, 1].max()) / (0.5 * height), 0.0, 1.0)
    jaw = below * neck * np.clip(1.0 - (aside / (2.6 * half)) ** 2, 0.0, 1.0)
    offsets = np.zeros((len(points), 2), dtype=np.float32)
    offsets[:, 1] = JAW_DROP * height * 0.85 * jaw
    for lip, share in (
        (INNER_LOWER_LIP, 1.0),
        (OUTER_LOWER_LIP, 0.97),
        (INNER_UPPER_LIP, -0.1),
        (OUTER_UPPER_LIP, -0.08),
    ):
        along = np.clip(1.0 - (aside[list(lip)] / half) ** 2, 0.0, 1.0)
        offsets[list(lip), 1] = share * JAW_DROP * height * np.sqrt(along)
    offsets[[61, 78], 0] = 0.12 * half
    offsets[[291, 308], 0] = -0.12 * half
    return offsets
