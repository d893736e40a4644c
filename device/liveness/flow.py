"""How the picture of a face moved between two views, measured on its pixels and not on its mesh.

The mesh network expects a head and sees a little relief even on paper. Pixels do not: between two views of a print,
however bent, all of it moves as one smooth sheet; on a head the nose moves against the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from device.liveness.canonical import Floats, relief, sheet_terms
from device.liveness.view import CHIP_CENTRE, CHIP_EYES_PX, CHIP_PX, View

CORNERS_AT_LEAST = 16
RETURN_PX = 0.6  # a place that is followed there and back must return this near to where it began
WINDOW_PX, LEVELS, STEPS = (15, 15), 2, (3, 12, 0.02)  # of Lucas and Kanade's search, pyramidal (Bouguet, 2000)
OUTLIER = 0.05  # eye distances: residuals beyond count less and less (Cauchy weights' square root)
RELIEF_AT_LEAST = 0.03  # rms over the places: too few on nose and eye hollows say nothing about relief
ROUNDS = 4  # of reweighting
_TO_UNITS = np.array([[1 / CHIP_EYES_PX, 0, -CHIP_CENTRE], [0, 1 / CHIP_EYES_PX, -CHIP_CENTRE], [0, 0, 1.0]])
_TO_PIXELS = np.linalg.inv(_TO_UNITS)


@dataclass(frozen=True, slots=True)
class ImageMotion:
    """How the picture moved between two views, in eye distances."""

    change: float  # median over the places: what no shift, turn or zoom explains
    remainder: float  # median over the places: what no sheet that moves and flexes explains either
    relief: float  # what moved as the relief of a face does against the sheet behind it


def follow(before: View, now: View) -> ImageMotion | None:
    """How the picture moved from `before` to `now`; None when too little of it can be followed."""
    places = before.corners
    if len(places) < CORNERS_AT_LEAST:
        return None
    followed, is_sure = _match(before, now, places)
    if is_sure.sum() < CORNERS_AT_LEAST:
        return None
    nearest = ((places[is_sure, None] - before.on_chip[None]) ** 2).sum(axis=2).argmin(axis=1)
    source, target = (kept[is_sure] / CHIP_EYES_PX - CHIP_CENTRE for kept in (places, followed))
    return _measure(source.astype(np.float64), target.astype(np.float64), relief()[nearest])


def _match(before: View, now: View, places: Floats) -> tuple[Floats, Floats]:
    """Where the places are now, in pixels of the chip, and which were found there and back.

    The older chip is first laid over the newer one by the homography between the meshes, so that turning does not
    distort the small windows that are compared. A mesh that errs does not matter: it is only where the search starts.
    """
    source, target = (view.on_chip[::4] / CHIP_EYES_PX - CHIP_CENTRE for view in (before, now))
    over = _TO_PIXELS @ homography(source.astype(np.float64), target.astype(np.float64)) @ _TO_UNITS
    laid = cv2.warpPerspective(before.chip, over, (CHIP_PX, CHIP_PX), borderMode=cv2.BORDER_REPLICATE)
    start = cv2.perspectiveTransform(places[None], over)[0].astype(np.float32)
    there, found = _search(laid, now.chip, start)
    back, found_back = _search(now.chip, laid, there)
    returned = np.hypot(*(back - start).T) < RETURN_PX
    return there, found & found_back & returned


def _search(before: Floats, now: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Lucas and Kanade's search for each place, (n, 2); and whether it was found, (n,)."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        now,
        places,
        np.empty_like(places),
        winSize=WINDOW_PX,
        maxLevel=LEVELS,
        criteria=STEPS,
    )
    return np.asarray(there), np.asarray(found).ravel() == 1


def _measure(source: Floats, target: Floats, stands_out: Floats) -> ImageMotion | None:
    """Compare (n, 2) places before and after with how far each stands out of the sheet, (n,)."""
    terms = _tilted_terms(source)
    expected = stands_out - terms @ np.linalg.lstsq(terms, stands_out, rcond=None)[0]
    strength = float(np.sqrt((expected**2).mean()))
    if strength < RELIEF_AT_LEAST:
        return None
    change = float(np.median(np.hypot(*(target - _nearest_similarity(source, target)).T)))
    rest = target - _nearest_sheet(terms, target)
    weights = _trust(rest)[:, None]
    along = (weights * rest * (expected / strength)[:, None]).sum(axis=0) / weights.sum()
    return ImageMotion(change, float(np.median(np.hypot(*rest.T))), float(np.hypot(*along)))


def _tilted_terms(points: Floats) -> Floats:
    """The ten terms of a cubic at (n, 2) points, (n, 10): a near sheet that tilts converges."""
    x, y = points.T
    return np.column_stack([sheet_terms(points), x**3, x * x * y, x * y * y, y**3])


def _trust(rest: Floats) -> Floats:
    """The weight of each place, from its residual (n, 2)."""
    weights: Floats = 1.0 / np.sqrt(1.0 + (np.hypot(*rest.T) / OUTLIER) ** 2)
    return weights


def _nearest_similarity(source: Floats, target: Floats) -> Floats:
    """`source`, (n, 2), shifted, turned and scaled to lie nearest to `target`, robustly."""
    p, q = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    weights = np.ones(len(p))
    placed = target
    for _ in range(ROUNDS):
        share = weights / weights.sum()
        p_mean, q_mean = (share * p).sum(), (share * q).sum()
        turn = (share * (p - p_mean).conj() * (q - q_mean)).sum() / (share * np.abs(p - p_mean) ** 2).sum()
        moved = turn * (p - p_mean) + q_mean
        placed = np.stack([moved.real, moved.imag], axis=1)
        weights = _trust(target - placed)
    return placed


def _nearest_sheet(terms: Floats, target: Floats) -> Floats:
    """Where a flexing sheet with these terms, (n, 10), would lie nearest to `target`, (n, 2), robustly."""
    weights = np.ones(len(target))
    placed = target
    for _ in range(ROUNDS):
        root = np.sqrt(weights)[:, None]
        placed = terms @ np.linalg.lstsq(terms * root, target * root, rcond=None)[0]
        weights = _trust(target - placed) ** 2
    return placed


def homography(source: Floats, target: Floats) -> Floats:
    """The (3, 3) homography, h33 = 1, that takes `source` nearest to `target`, both (n, 2) around one in size.

    The linear solution of the eight-parameter system (Hartley and Zisserman, Multiple View Geometry, section 4.1),
    refined once by dividing each row by its depth.
    """
    x, y = source.T
    u, v = target.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    system = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=1),
        ]
    )
    wanted, weights, found = np.concatenate([u, v]), np.ones(2 * len(x)), np.eye(3)
    for _ in range(2):
        rows = system * weights[:, None]
        normal = rows.T @ rows + np.eye(8) * 1e-9  # the ridge keeps a degenerate view solvable
        found = np.append(np.linalg.solve(normal, rows.T @ (wanted * weights)), 1.0).reshape(3, 3)
        weights = np.tile(1.0 / (source @ found[2, :2] + 1.0), 2)
    return found
