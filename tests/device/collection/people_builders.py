"""People and templates for tests, all from a seed."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from device.collection.people import Reference
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.types import ModelId, Template

MODEL = ModelId("model-a")
OTHER_MODEL = ModelId("model-b")
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
POINTS = (
    OperatingPoint(1e-3, 0.333),
    OperatingPoint(1e-4, 0.403),
    OperatingPoint(1e-5, 0.465),
    OperatingPoint(1e-6, 0.58),
)
THRESHOLDS = ThresholdPolicy(MODEL, POINTS, target_fpir=0.003)


def template(seed: int, *, model_id: ModelId = MODEL, dimensions: int = 128) -> Template:
    """A random direction; two seeds give nearly orthogonal ones."""
    vector = np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)
    return Template(vector / np.linalg.norm(vector), model_id)


def near(other: Template, *, seed: int, noise: float) -> Template:
    """A template of the same person: `other` and some noise, of length `noise` before normalising."""
    vector = other.vector + noise * template(seed, dimensions=len(other.vector)).vector
    return Template((vector / np.linalg.norm(vector)).astype(np.float32), other.model_id)


def reference(seed: int, *, model_id: ModelId = MODEL) -> Reference:
    return Reference(template(seed, model_id=model_id))
