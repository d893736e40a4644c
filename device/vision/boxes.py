"""Rectangles: how much they share, and how several detections of one face become one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.types import Box

Rectangles = NDArray[np.float32]  # (n, 4): left, top, right, bottom


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.area + b.area - shared)


def bounding_box(points: NDArray[np.float32]) -> Box:
    """The smallest upright box around points of shape (n, 2 or more), at least a pixel on each side."""
    left, top = points[:, :2].min(axis=0)
    right, bottom = points[:, :2].max(axis=0)
    return Box(float(left), float(top), max(1.0, float(right - left)), max(1.0, float(bottom - top)))


def overlaps_with(rectangle: NDArray[np.float32], others: Rectangles) -> NDArray[np.float32]:
    """Intersection over union of one rectangle (4,) with each of `others` (n, 4), as (n,)."""
    low = np.maximum(rectangle[:2], others[:, :2])
    high = np.minimum(rectangle[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    union = np.prod(rectangle[2:] - rectangle[:2]) + areas - shared
    result: NDArray[np.float32] = shared / np.maximum(union, 1e-12)
    return result


def merge_detections(
    values: NDArray[np.floating], scores: NDArray[np.floating], *, min_overlap: float
) -> list[tuple[NDArray[np.float32], float]]:
    """Weighted non-maximum suppression: each group of overlapping detections becomes its score-weighted mean.

    `values` is (n, 4 + k): left, top, right, bottom and k numbers averaged along; `scores` is (n,) in [0, 1].
    Returns (value, best score) per group, the surest first. The method is BlazeFace's "blending" (Bazarevsky and
    others 2019, section 3.4), which makes boxes steadier from frame to frame than keeping only the best one.
    """
    merged = []
    order = np.argsort(-scores, kind="stable")
    while order.size:
        best = order[0]
        alike = overlaps_with(values[best, :4], values[order, :4]) >= min_overlap
        alike[0] = True  # a degenerate rectangle does not overlap itself
        group = order[alike]
        weights = scores[group, None]
        merged.append(((values[group] * weights).sum(axis=0) / weights.sum(), float(scores[best])))
        order = order[~alike]
    return merged
