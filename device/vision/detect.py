"""Finding faces: BlazeFace, short or full range."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from device.types import Box, Face, Image
from device.vision.boxes import merge_detections
from models.session import InferenceSession

MERGE_OVERLAP = 0.3  # MediaPipe's min_suppression_threshold for both ranges
LOGIT_LIMIT = 100.0  # MediaPipe clips logits here before the sigmoid; exp() of a double stays finite


@dataclass(frozen=True, slots=True)
class AnchorLayout:
    """Where a BlazeFace looks: its input size, and its grids as (cells per side, anchors per cell)."""

    input_px: int
    grids: tuple[tuple[int, int], ...]


SHORT_RANGE = AnchorLayout(128, ((16, 2), (8, 6)))  # 896 anchors, faces within about 2 m
FULL_RANGE = AnchorLayout(192, ((48, 1),))  # 2,304 anchors, faces within about 5 m


class BlazeFaceDetector:
    """BlazeFace (Bazarevsky and others 2019) on any InferenceSession.

    The session takes (1, size, size, 3) RGB in [-1, 1] and returns (1, n, 16) box and key point offsets and (1, n, 1)
    logits, as the two MediaPipe networks do. `min_score` in [0, 1] is the score below which nothing is reported.
    """

    def __init__(
        self, session: InferenceSession, *, layout: AnchorLayout = SHORT_RANGE, min_score: float = 0.5
    ) -> None:
        self._session = session
        self._size = layout.input_px
        self._anchors = anchor_centres(layout)
        self._min_logit = logit_of(min_score)
        self._tensor = np.zeros((1, self._size, self._size, 3), np.float32)

    def detect(self, image: Image) -> list[Face]:
        """Every face in `image`, the surest first."""
        scale, left, top = self._letterbox(image)
        offsets, logits = self._session.infer(self._tensor)
        candidates = (logits[0, :, 0] >= self._min_logit) & np.isfinite(offsets[0]).all(axis=1)
        if not candidates.any():
            return []
        raw = offsets[0][candidates] / self._size
        sure = np.clip(logits[0][candidates, 0].astype(np.float64), -LOGIT_LIMIT, LOGIT_LIMIT)
        scores = 1.0 / (1.0 + np.exp(-sure))
        values = _decode(raw, self._anchors[candidates])
        values = (values * self._size - np.tile(np.array([left, top], np.float32), 8)) / scale
        merged = merge_detections(values, scores, min_overlap=MERGE_OVERLAP)
        return [_face(value, score) for value, score in merged if value[2] > value[0] and value[3] > value[1]]

    def _letterbox(self, image: Image) -> tuple[float, int, int]:
        """Fill the input tensor with the frame, centred on black; returns the scale and the left and top border."""
        height, width = image.shape[:2]
        scale = self._size / max(height, width)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, (inner_width, inner_height), interpolation=method)
        left, top = (self._size - inner_width) // 2, (self._size - inner_height) // 2
        self._tensor.fill(-1.0)
        inside = self._tensor[0, top : top + inner_height, left : left + inner_width]
        np.multiply(small[:, :, ::-1], np.float32(1 / 127.5), out=inside, casting="unsafe")
        inside -= 1.0
        return scale, left, top


def logit_of(score: float) -> float:
    """The logit from which a score in [0, 1] is reached, within ±LOGIT_LIMIT: no finite one reaches 1."""
    if 0 < score < 1:
        return math.log(score / (1 - score))
    return LOGIT_LIMIT if score >= 1 else -LOGIT_LIMIT


def anchor_centres(layout: AnchorLayout) -> NDArray[np.float32]:
    """The centres of all anchors, (n, 2) in [0, 1], in the order of the network's outputs."""
    grids = []
    for cells, per_cell in layout.grids:
        line = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        xs, ys = np.meshgrid(line, line)
        grids.append(np.repeat(np.stack([xs.ravel(), ys.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(grids)


def _decode(raw: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Offsets (n, 16) as fractions of the input → (n, 16): left, top, right, bottom and six key points."""
    centre = raw[:, 0:2] + anchors
    half = raw[:, 2:4] / 2
    points = raw[:, 4:16] + np.tile(anchors, 6)
    return np.concatenate([centre - half, centre + half, points], axis=1)


def _face(value: NDArray[np.float32], score: float) -> Face:
    left, top, right, bottom = (float(v) for v in value[:4])
    return Face(Box(left, top, right - left, bottom - top), value[4:16].reshape(6, 2).astype(np.float32), score)
