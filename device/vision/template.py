"""Extracting templates: an aligned face in, a vector of unit length out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from device.types import Image, Mesh, ModelId, Template
from device.vision.align import similarity, warp
from models.card import ModelCard
from models.errors import InferenceError, ManifestError
from models.session import InferenceSession


class AlignedExtractor:
    """Any template network that sees a face laid out as the manifest's alignment says.

    Raises ManifestError for a card without alignment or with another input than square NCHW.
    """

    def __init__(self, session: InferenceSession, card: ModelCard) -> None:
        alignment, wanted = card.alignment, card.input
        if alignment is None or wanted.layout != "NCHW" or wanted.width_px != wanted.height_px:
            raise ManifestError(f"{card.name} is not an aligned template network")
        self._session = session
        self._model_id = ModelId(card.model_id)
        self._size_px = wanted.width_px
        self._mesh_points = [list(points) for points in alignment.mesh_points]
        self._targets = np.array(alignment.targets_px, np.float32)
        self._step = -1 if wanted.colour == "RGB" else 1  # frames are BGR
        self._scale = (1 / np.array(wanted.std, np.float32))[:, None, None]
        self._shift = np.array(wanted.mean, np.float32)[:, None, None] * self._scale
        self._tensor = np.empty(wanted.shape, np.float32)

    @property
    def model_id(self) -> ModelId:
        """The model whose templates these are."""
        return self._model_id

    def extract(self, image: Image, mesh: Mesh) -> Template:
        """The template of the face under `mesh`.

        Raises InferenceError when the network's answer has no direction: zero, or not a number.
        """
        points = np.stack([mesh.points[indices, :2].mean(axis=0) for indices in self._mesh_points])
        chip = warp(image, similarity(points, self._targets), self._size_px)
        np.multiply(chip.transpose(2, 0, 1)[:: self._step], self._scale, out=self._tensor[0])
        self._tensor -= self._shift
        answer = self._session.infer(self._tensor)[0].ravel()
        try:
            return _unit(answer, self._model_id)
        except ValueError as error:
            raise InferenceError(f"{self._model_id} answered {error}") from error


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
