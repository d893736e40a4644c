from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer

from device.audit.log import AuditLog
from device.clock import SystemClock
from device.collection.gallery import Gallery
from device.collection.people import Reference
from device.collection.store import open_collection
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.types import ModelId, Template

MODEL = ModelId("model-a")
POLICY = ThresholdPolicy(MODEL, (OperatingPoint(1e-3, 0.333), OperatingPoint(1e-6, 0.58)), target_fpir=0.05)


@pytest.mark.slow
def test_how_long_a_denial_takes_does_not_tell_how_near_it_was(tmp_path: Path) -> None:
    """Printed with -s: medians of search and audit for a score of 0.0 and one just under the threshold."""
    source = np.random.default_rng(3)
    vectors = source.standard_normal((2000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near, far = [], []
    with (
        open_collection(tmp_path / "collection.db") as collection,
        AuditLog(tmp_path / "audit.db", clock=SystemClock()) as audit,
    ):
        with collection.changing():
            for number, vector in enumerate(vectors):
                reference = Reference(Template(vector.copy(), MODEL))
                collection.add_person(make_newcomer(f"person {number}", [reference]), at=SystemClock().now())
        gallery = Gallery(collection, thresholds=POLICY)
        below = gallery.refresh().score - 0.02
        for number in range(300):
            noise = source.standard_normal(128).astype(np.float32)
            noise -= (noise @ vectors[number]) * vectors[number]
            noise /= np.linalg.norm(noise)
            for score, times in ((below, near), (0.0, far)):
                vector = (score * vectors[number] + np.sqrt(1 - score**2) * noise).astype(np.float32)
                started = time.perf_counter()
                outcome = gallery.search(Template(vector, MODEL))
                audit.append("decision.denied", {"reason": "not_enrolled", "score": str(type(outcome))})
                times.append(time.perf_counter() - started)
    print(f"near {np.median(near) * 1e3:.3f} ms, far {np.median(far) * 1e3:.3f} ms")  # noqa: T201 (the figure)
    assert len(near) == len(far) == 300
