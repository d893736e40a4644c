"""Warming up before the first face."""

from __future__ import annotations

from builders import make_template
from fakes import FakeTexture

from device.config import QualitySettings
from device.types import Image, Mesh, ModelId, Template
from device.vision.quality import QualityGate
from device.vision.warmup import warm_up


class CountingExtractor:
    model_id = ModelId("counted")

    def __init__(self) -> None:
        self.calls = 0

    def extract(self, image: Image, mesh: Mesh) -> Template:  # noqa: ARG002 (the port's signature)
        self.calls += 1
        return make_template()


def test_every_stage_after_the_mesh_runs_once() -> None:
    extractor = CountingExtractor()
    warm_up(QualityGate(QualitySettings()), extractor, FakeTexture())
    assert extractor.calls == 1


def test_a_door_without_texture_networks_warms_up_too() -> None:
    extractor = CountingExtractor()
    warm_up(QualityGate(QualitySettings()), extractor, None)
    assert extractor.calls == 1
