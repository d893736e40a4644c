"""Texture: does one frame look like skin, or like paper and screens? The MiniFASNet pair.

What it stops: most prints and screens whose dots, edges or glare show. What it cannot: cut-outs and paper masks (they
scored 0.64 to 1.00 as bona fide), some replays, and any attack in a light it was not trained on. It never decides alone
about motion.
"""

from __future__ import annotations

import cv2
import numpy as np

from device.types import Box, Image
from models.card import ModelCard
from models.errors import ManifestError
from models.session import InferenceSession

INPUT_PX = 80
BONA_FIDE = 1  # index of "live" among the three classes; the others are two kinds of attack


class MiniFasNet:
    """One MiniFASNet (minivision Silent-Face-Anti-Spoofing): 80 × 80 BGR in 0…255 around the face, the
    probabilities of three classes.

    The card's `crop_scale` is how many times the face box the network wants to see: 2.7 for V2, 4.0 for V1SE.
    """

    def __init__(self, session: InferenceSession, card: ModelCard) -> None:
        if card.crop_scale is None:
            raise ManifestError(f"{card.name} has no crop_scale, so it is no texture network")
        self._session = session
        self._crop_scale = card.crop_scale
        self._tensor = np.empty((1, 3, INPUT_PX, INPUT_PX), np.float32)

    def bona_fide_score(self, image: Image, box: Box) -> float:
        """How much the face in `box` (as BlazeFace draws it) looks live, in [0, 1]."""
        left, top, right, bottom = crop_around(box, self._crop_scale, width=image.shape[1], height=image.shape[0])
        crop = cv2.resize(image[top : bottom + 1, left : right + 1], (INPUT_PX, INPUT_PX))
        self._tensor[0] = crop.transpose(2, 0, 1)
        return float(self._session.infer(self._tensor)[0].ravel()[BONA_FIDE])


class TexturePair:
    """The near and the far network; their mean is the score of a frame."""

    def __init__(self, near: MiniFasNet, far: MiniFasNet) -> None:
        self._near = near
        self._far = far

    def bona_fide_score(self, image: Image, box: Box) -> float:
        """How much the face in `box` looks live, in [0, 1]."""
        return (self._near.bona_fide_score(image, box) + self._far.bona_fide_score(image, box)) / 2


def crop_around(box: Box, scale: float, *, width: int, height: int) -> tuple[int, int, int, int]:
    """The rectangle (left, top, right, bottom; inclusive) `scale` times the box, shifted to lie inside the frame.

    The scale is limited so that the rectangle fits the frame, as in the networks' training.
    """
    scale = min((height - 1) / box.height, (width - 1) / box.width, scale)
    crop_width, crop_height = box.width * scale, box.height * scale
    x, y = box.centre
    left = min(max(x - crop_width / 2, 0.0), width - 1 - crop_width)
    top = min(max(y - crop_height / 2, 0.0), height - 1 - crop_height)
    right, bottom = min(left + crop_width, width - 1), min(top + crop_height, height - 1)
    return int(left), int(top), int(right), int(bottom)
