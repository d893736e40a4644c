"""Cutting the person out of a portrait, so that the same person can stand in another room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.types import Image, Mesh

Mask = NDArray[np.uint8]
WORKING_HEIGHT_PX = 300  # GrabCut's time grows with pixels and its outline does not improve beyond this
ROUNDS = 4  # of GrabCut; the outline stands still after three or four on portraits


def cut_out(image: Image, mesh: Mesh) -> NDArray[np.uint8]:
    """`image` with the person opaque and the rest transparent: (height, width, 4) uint8 BGRA, soft edges.

    The outline is GrabCut's (Rother et al., 2004), told by the mesh where the face is and, by the proportions of a
    bust portrait, where head and shoulders may be. The face itself is always opaque. Colours just outside the outline
    are those of the person, so that the old background does not shine through the soft edge.
    """
    import cv2

    scale = min(1.0, WORKING_HEIGHT_PX / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hints = _hints(small.shape[:2], mesh.points[:, :2] * scale)
    cv2.setRNGSeed(0)  # GrabCut clusters colours from random starts; the same portrait must give the same puppet
    cv2.grabCut(small, hints, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = _whole_person(
        ((hints == cv2.GC_FGD) | (hints == cv2.GC_PR_FGD)).astype(np.uint8), mesh.points[1, :2] * scale
    )
    full = cv2.resize(person * 255, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(full, (0, 0), 1.0 / scale)
    alpha = np.clip((soft.astype(np.float32) - 110.0) * (255.0 / 110.0), 0, 255).astype(np.uint8)
    return np.dstack([_bleed(image, alpha), alpha])


def _hints(shape: tuple[int, int], points: NDArray[np.float32]) -> Mask:
    """What GrabCut is told: sure and probable person and background."""
    import cv2

    low, high = points.min(axis=0), points.max(axis=0)
    (width, height), (x, y) = high - low, (low + high) / 2
    hints = np.full(shape, cv2.GC_BGD, dtype=np.uint8)
    bottom = shape[0] + 1

    def ellipse(centre_y: float, half_width: float, half_height: float, label: int) -> None:
        axes = (round(float(half_width)), round(float(half_height)))
        cv2.ellipse(hints, (round(float(x)), round(float(centre_y))), axes, 0, 0, 360, label, -1)

    def bust(top: float, half_top: float, half_bottom: float, label: int) -> None:
        slope = min(bottom, top + 1.4 * height)
        outline = [(x - half_top, top), (x + half_top, top), (x + half_bottom, slope), (x + half_bottom, bottom)]
        outline += [(x - half_bottom, bottom), (x - half_bottom, slope)]
        cv2.fillPoly(hints, [np.array(outline, dtype=np.int32)], label)

    ellipse(y - 0.15 * height, 1.15 * width, 1.25 * height, cv2.GC_PR_BGD)
    bust(y + 0.2 * height, 1.2 * width, 3.0 * width, cv2.GC_PR_BGD)
    ellipse(y - 0.2 * height, 0.62 * width, 0.85 * height, cv2.GC_PR_FGD)
    bust(y + 0.75 * height, 0.7 * width, 1.7 * width, cv2.GC_PR_FGD)
    bust(y + 0.3 * height, 0.25 * width, 0.55 * width, cv2.GC_FGD)
    cv2.fillConvexPoly(hints, cv2.convexHull(points.astype(np.int32)), cv2.GC_FGD)
    return hints


def _whole_person(mask: Mask, nose: NDArray[np.float32]) -> Mask:
    """The connected piece of `mask` under the nose, without holes and frayed edges."""
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    smooth = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    _, labels = cv2.connectedComponents(smooth)
    person = (labels == labels[round(float(nose[1])), round(float(nose[0]))]).astype(np.uint8)
    outlines, _ = cv2.findContours(person, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled: Mask = cv2.drawContours(person, outlines, -1, 1, -1)
    return filled


def _bleed(image: Image, alpha: Mask) -> Image:
    """Continue the person's colours a little beyond the outline."""
    import cv2

    inside = (alpha > 250).astype(np.float32)
    spread = cv2.GaussianBlur(image.astype(np.float32) * inside[..., None], (0, 0), 4)
    share = cv2.GaussianBlur(inside, (0, 0), 4)
    beyond = (inside == 0) & (share > 1e-3)
    bled = image.copy()
    bled[beyond] = np.clip(spread[beyond] / share[beyond][:, None], 0, 255).astype(np.uint8)
    return bled
