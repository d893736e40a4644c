"""Extracting templates: an aligned face in, a vector of unit length out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device.types import Image, Mesh, ModelId, Template
from device.vision.align import LEFT_EYE, NOSE_BASE, RIGHT_EYE, five_points, similarity, warp
from models.session import InferenceSession

# The five-point layout of the 112 × 112 crop that MobileFaceNet (foamliu) was trained on.
MOBILEFACENET_LAYOUT: Final = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)], np.float32
)
# dlib's five-point chip: left eye outer and inner, right eye outer and inner corner, nose base; padding 0.25.
DLIB_LAYOUT: Final = np.array(
    [(0.8596, 0.2135), (0.6461, 0.2290), (0.1206, 0.2137), (0.3341, 0.2291), (0.4901, 0.6278)], np.float32
)
IMAGENET_MEAN: Final = np.array((0.485, 0.456, 0.406), np.float32)  # RGB, of pixels in [0, 1]
IMAGENET_STD: Final = np.array((0.229, 0.224, 0.225), np.float32)
DLIB_MEAN: Final = np.array((122.782, 117.001, 104.298), np.float32)  # RGB, of pixels in [0, 255]


class MobileFaceNetExtractor:
    """MobileFaceNet: 112 × 112 RGB, ImageNet-normalised; 128 numbers."""

    def __init__(self, session: InferenceSession, *, model_id: ModelId) -> None:
        self._session = session
        self.model_id = model_id
        self._tensor = np.empty((1, 3, 112, 112), np.float32)
        self._scale = (1 / 255 / IMAGENET_STD)[:, None, None]
        self._shift = (IMAGENET_MEAN / IMAGENET_STD)[:, None, None]

    def extract(self, image: Image, mesh: Mesh) -> Template:
        """The template of the face under `mesh`."""
        chip = warp(image, similarity(five_points(mesh), MOBILEFACENET_LAYOUT), 112)
        np.multiply(chip.transpose(2, 0, 1)[::-1], self._scale, out=self._tensor[0])
        self._tensor -= self._shift
        return _unit(self._session.infer(self._tensor)[0].ravel(), self.model_id)


class DlibResNetExtractor:
    """The dlib ResNet: 150 × 150 RGB, mean subtracted; 128 numbers, here brought to unit length."""

    def __init__(self, session: InferenceSession, *, model_id: ModelId) -> None:
        self._session = session
        self.model_id = model_id
        self._tensor = np.empty((1, 3, 150, 150), np.float32)
        self._layout = (DLIB_LAYOUT + 0.25) / 1.5 * 150

    def extract(self, image: Image, mesh: Mesh) -> Template:
        """The template of the face under `mesh`."""
        corners = mesh.points[[LEFT_EYE[1], LEFT_EYE[0], RIGHT_EYE[0], RIGHT_EYE[1], NOSE_BASE], :2]
        chip = warp(image, similarity(corners, self._layout), 150)
        np.subtract(chip.transpose(2, 0, 1)[::-1], DLIB_MEAN[:, None, None], out=self._tensor[0])
        self._tensor *= 1 / 256
        return _unit(self._session.infer(self._tensor)[0].ravel(), self.model_id)


def fuse(templates: Sequence[Template], weights: Sequence[float]) -> Template:
    """One template from several of the same face and model: the weighted mean, brought back to unit length.

    Raises ValueError when there is none, when models differ or when the templates cancel out.
    """
    models = {template.model_id for template in templates}
    if len(models) != 1:
        raise ValueError(f"templates of one model are needed, got {sorted(models)}")
    mean = np.average([template.vector for template in templates], axis=0, weights=list(weights))
    return _unit(mean, models.pop())


def _unit(vector: NDArray[np.float32], model_id: ModelId) -> Template:
    """Raises ValueError for a vector without direction (zero or not finite); Template checks the rest."""
    length = float(np.linalg.norm(vector))
    if not 0 < length < np.inf:
        raise ValueError("a template without direction")
    return Template((vector / length).astype(np.float32), model_id)
