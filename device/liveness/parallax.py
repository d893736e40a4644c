"""Parallax: does the face move like a head or like a flat thing?

When a head turns, its nose and its ears move against each other in a way that no plane can. When a picture is waved, a
homography explains everything. What it stops: flat prints and flat screens that show a still. What it cannot: a screen
that replays a turning head looks exactly like the head; a person who holds still gives nothing to measure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from device.config import LivenessSettings
from device.types import Mesh
from device.vision.align import eye_distance

POINTS = slice(0, 468, 4)  # 117 points tell the same as 468 at a quarter of the cost
VIEWS_KEPT = 12  # older views to compare with, spread over about two seconds
VIEW_EVERY = 3  # frames
WITNESSES = 2  # earlier views that must have seen a motion

Views: TypeAlias = NDArray[Any]  # (n, 2) or (v, n, 2) mesh points, centred, in eye distances


class Shape(Enum):
    """What the motion so far says about the thing in front of the camera."""

    SOLID = "solid"  # moves like a head
    FLAT = "flat"  # moves, but like a plane
    UNKNOWN = "unknown"  # has not moved enough to tell


@dataclass(frozen=True, slots=True)
class Motion:
    """How the mesh changed between two frames, in eye distances (root mean square over its points)."""

    change: float  # what no shift, turn or zoom explains
    depth: float  # what no movement of a plane explains: at most about `change`

    @property
    def solidity(self) -> float:
        """The share of the change that a plane cannot explain, in [0, about 1]."""
        return self.depth / self.change if self.change > 0 else 0.0


class Parallax:
    """Accumulates the strongest evidence of one track, for and against depth."""

    def __init__(self) -> None:
        self._views: deque[Views] = deque(maxlen=VIEWS_KEPT)
        self._frames = 0
        self.strongest = Motion(0.0, 0.0)

    def observe(self, mesh: Mesh) -> None:
        """Compare the newest mesh of the track with the earlier views of it."""
        view = mesh.points[POINTS, :2] / eye_distance(mesh)
        view = view - view.mean(axis=0)
        if len(self._views) >= WITNESSES:
            moved = strongest_motion(np.stack(self._views), view)
            if moved.change > self.strongest.change:
                self.strongest = moved
        if self._frames % VIEW_EVERY == 0:
            self._views.append(view)
        self._frames += 1

    def shape(self, settings: LivenessSettings) -> Shape:
        """What the strongest motion says: a head has depth and solidity, a moved plane has change without them."""
        moved = self.strongest
        if moved.depth >= settings.min_depth and moved.solidity >= settings.min_solidity:
            return Shape.SOLID
        if moved.change >= settings.min_change and moved.solidity <= settings.max_flat_solidity:
            return Shape.FLAT
        return Shape.UNKNOWN


def strongest_motion(earlier: Views, now: Views) -> Motion:
    """The motion from the view of `earlier` (v, n, 2) that differs second most from the view `now` (n, 2).

    Second most: one view in which the mesh did not fit is not believed.

    Views are centred and in eye distances. What remains after the best similarity transform is `change`; what remains
    after the best homography is `depth`. The homography is the linear solution of the eight-parameter system (Hartley
    and Zisserman, Multiple View Geometry, section 4.1, with h33 = 1), refined once by dividing each row by its depth.
    """
    changes = _rms(_nearest_similarity(earlier, now) - now)
    most = int(np.argsort(changes)[-WITNESSES])
    source = earlier[most]
    weights = np.ones(len(now))
    for _ in range(2):
        homography = _homography(source, now, weights)
        weights = 1.0 / (source @ homography[2, :2] + 1.0)
    flat = (source @ homography[:2, :2].T + homography[:2, 2]) * weights[:, None]
    return Motion(float(changes[most]), float(_rms(flat - now)))


def _nearest_similarity(earlier: Views, now: Views) -> Views:
    """Each earlier view, turned and scaled to lie nearest to `now`; all are centred, so no shift remains."""
    p = earlier[..., 0] + 1j * earlier[..., 1]
    q = now[:, 0] + 1j * now[:, 1]
    turn = (p.conj() @ q) / (np.abs(p) ** 2).sum(axis=-1)
    turned = turn[:, None] * p
    return np.stack([turned.real, turned.imag], axis=-1)


def _homography(source: Views, target: Views, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (3, 3) homography, h33 = 1, that takes `source` nearest to `target`, each row scaled by its weight."""
    x, y = source.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    u, v = target.T
    rows_u = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=1)
    rows_v = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=1)
    system = np.concatenate([rows_u * weights[:, None], rows_v * weights[:, None]])
    wanted = np.concatenate([u * weights, v * weights])
    normal = system.T @ system + np.eye(8) * 1e-9  # the ridge keeps a degenerate view solvable
    return np.append(np.linalg.solve(normal, system.T @ wanted), 1.0).reshape(3, 3)


def _rms(difference: Views) -> Any:
    """Root mean square length of (…, n, 2) differences over the points."""
    return np.sqrt((difference**2).sum(axis=-1).mean(axis=-1))
