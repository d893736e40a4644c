"""How fast the builds of a network are on this machine, and whether they agree."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.manifest import InputSpec, Precision
from models.session import InferenceSession

WARM_UP_RUNS = 5
TIMED_RUNS = 40

Probe: TypeAlias = NDArray[np.float32]  # of the manifest's input shape
Sessions: TypeAlias = Mapping[Precision, InferenceSession]


def time_builds(sessions: Sessions, *, probe: Probe) -> dict[Precision, float]:
    """Median milliseconds of one inference for each build.

    The builds take turns, so that a busy moment of the machine hits them all alike. Raises InferenceError.
    """
    for session in sessions.values():
        for _ in range(WARM_UP_RUNS):
            session.infer(probe)
    taken: dict[Precision, list[float]] = {precision: [] for precision in sessions}
    for _ in range(TIMED_RUNS):
        for precision, session in sessions.items():
            begun = time.perf_counter()
            session.infer(probe)
            taken[precision].append(time.perf_counter() - begun)
    return {precision: 1000.0 * float(np.median(times)) for precision, times in taken.items()}


def agreement(sessions: Sessions, *, probes: Sequence[Probe]) -> float:
    """The smallest cosine, over `probes`, between the first outputs of the float and the int8 build; in [-1, 1].

    NaN where an output is not finite, which is no agreement.
    """
    one, other = sessions[Precision.FLOAT], sessions[Precision.INT8]
    with np.errstate(all="ignore"):
        return float(np.min([_cosine(one.infer(probe)[0], other.infer(probe)[0]) for probe in probes]))


def make_probes(spec: InputSpec, *, count: int) -> list[Probe]:
    """Inputs that need no photo: smooth patches of skin-like brightness with some noise, the same on every machine.

    Each has the manifest's shape and normalisation. They wake a network's filters widely enough to time it and to see
    whether int8 arithmetic works on this processor; how well it recognises people they cannot tell.
    """
    generator = np.random.default_rng(20260105)
    return [_probe(spec, generator) for _ in range(count)]


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else 0.0


def _probe(spec: InputSpec, generator: np.random.Generator) -> Probe:
    rows = np.linspace(0.0, 1.0, spec.height_px)[:, None]
    columns = np.linspace(0.0, 1.0, spec.width_px)[None, :]
    picture = np.full((spec.height_px, spec.width_px, 3), 120.0)
    for _ in range(12):
        (y, x), spread, colour = generator.random(2), 0.05 + 0.3 * generator.random(), generator.normal(0, 50, 3)
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / spread**2)
        picture += blob[..., None] * colour
    picture = np.clip(picture + generator.normal(0, 4, picture.shape), 0, 255)
    tensor = ((picture - np.array(spec.mean)) / np.array(spec.std)).astype(np.float32)
    return np.ascontiguousarray((tensor.transpose(2, 0, 1) if spec.layout == "NCHW" else tensor)[None])
