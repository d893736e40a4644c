"""The first person at a cold door should not wait for tables that libraries build when they are first asked."""

from __future__ import annotations

import numpy as np

from device.ports import TemplateExtractor, TextureScorer
from device.types import Mesh
from device.vision.mesh import face_box
from device.vision.quality import QualityGate


def warm_up(gate: QualityGate, extractor: TemplateExtractor, texture: TextureScorer | None) -> None:
    """Let every stage after the mesh look at a grey frame once: 0.2 s of the first face's time, mostly OpenCV's."""
    image = np.full((480, 640, 3), 128, np.uint8)
    turns = np.linspace(0.0, 40.0 * np.pi, 468)  # a spiral has extent in every direction, which alignment needs
    spread = np.linspace(5.0, 80.0, 468)
    points = np.stack([320 + spread * np.cos(turns), 240 + spread * np.sin(turns), np.zeros(468)], axis=1)
    mesh = Mesh(points.astype(np.float32), presence=1.0)
    gate.judge(image, mesh)
    extractor.extract(image, mesh)
    if texture is not None:
        texture.bona_fide_score(image, face_box(mesh))
