"""Bringing every face to the same place: similarity transforms from points to a canonical layout."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from device.types import Image, Mesh, Points

# Mesh points: the eye corners (subject's right outer, inner; left inner, outer), nose tip, mouth corners, nose base.
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
NOSE_TIP, MOUTH_RIGHT, MOUTH_LEFT, NOSE_BASE = 1, 61, 291, 2


def five_points(mesh: Mesh) -> Points:
    """Right eye, left eye, nose tip, right and left mouth corner, as (5, 2)."""
    xy = mesh.points[:, :2]
    return np.stack(
        [xy[RIGHT_EYE, :].mean(axis=0), xy[LEFT_EYE, :].mean(axis=0), xy[NOSE_TIP], xy[MOUTH_RIGHT], xy[MOUTH_LEFT]]
    )


def eye_distance(mesh: Mesh) -> float:
    """Pixels between the eye centres."""
    right, left = five_points(mesh)[:2]
    return float(np.hypot(*(left - right)))


def similarity(source: Points, target: Points) -> NDArray[np.float32]:
    """The (2, 3) transform (scale, rotation, shift; no reflection) that takes `source` nearest to `target`.

    Both are (n, 2). Least squares in closed form: with points as complex numbers, target ≈ a · source + b.
    """
    p = source[:, 0] + 1j * source[:, 1]
    q = target[:, 0] + 1j * target[:, 1]
    p_mean, q_mean = p.mean(), q.mean()
    p, q = p - p_mean, q - q_mean
    a = np.vdot(p, q) / max(float(np.vdot(p, p).real), 1e-12)
    b = q_mean - a * p_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]], np.float32)


def warp(image: Image, transform: NDArray[np.float32], size_px: int) -> Image:
    """Cut a square of `size_px` out of `image` by a (2, 3) transform; beyond the edge the border repeats."""
    chip: Image = cv2.warpAffine(
        image, transform, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return chip
