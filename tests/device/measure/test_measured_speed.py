"""What is timed, what is left out, and how times become figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from device.config import LivenessSettings, QualitySettings, Settings, decode_settings
from device.measure.footprint import as_toml
from device.measure.latency import ReplayClock
from device.measure.speed import PEER_EVERY, WARM_UP_FRAMES, Quantiles, Stages, measure_speed
from device.types import (
    Box,
    Decision,
    Deny,
    DenyReason,
    Evidence,
    Face,
    Image,
    Mesh,
    ModelId,
    NonMatch,
    PersonFacts,
    PersonId,
    SearchOutcome,
    Template,
    Threshold,
)
from device.vision.quality import QualityGate

DARK, BRIGHT = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 200, np.uint8)


class World:
    """Every stage at once, with known answers: a face is wherever the picture is bright."""

    model_id = ModelId("known")

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self.decided: list[Evidence] = []
        self.recorded: list[str] = []

    def detect(self, image: Image) -> list[Face]:
        return [Face(Box(0, 0, 40, 40), np.zeros((6, 2), np.float32), 0.9)] if image.mean() > 50 else []

    def fit(self, image: Image, eyes_and_box: Face | Mesh) -> Mesh:
        del image, eyes_and_box
        return self._mesh

    def extract(self, image: Image, mesh: Mesh) -> Template:
        del image, mesh
        return Template(np.array([1.0, 0.0], np.float32), self.model_id)

    def bona_fide_score(self, image: Image, box: Box) -> float:
        del image, box
        return 0.9

    def search(self, probe: Template) -> SearchOutcome:
        return NonMatch(0.1, Threshold(0.5, 1e-5, probe.model_id))

    def facts(self, person: PersonId) -> PersonFacts | None:
        return PersonFacts(person)

    def decide(self, evidence: Evidence) -> Decision:
        self.decided.append(evidence)
        return Deny(DenyReason.NOT_ENROLLED)

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        del facts
        self.recorded.append(kind)
        return len(self.recorded)


class CountingPeer:
    name = "a peer"

    def __init__(self) -> None:
        self.seen = 0

    def recognise(self, image: Image) -> int:
        del image
        self.seen += 1
        return 1


@pytest.fixture
def world(portrait_mesh: Mesh) -> World:
    return World(portrait_mesh)


def stages(world: World) -> Stages:
    return Stages(
        detector=world,
        fitter=world,
        gate=QualityGate(QualitySettings()),
        extractor=world,
        textures=[("texture_near", world), ("texture_far", world)],
        liveness=LivenessSettings(),
        gallery=world,
        decide=world.decide,
        audit=world,
    )


def test_every_stage_of_the_path_is_timed(world: World) -> None:
    speed = measure_speed(stages(world), [BRIGHT] * 40)
    path = ["detect", "mesh", "quality", "template", "texture_near", "texture_far", "liveness", "search", "policy"]
    assert list(speed.stages) == [*path, "align", "audit"]
    assert speed.peer is None


def test_the_first_frames_warm_up_and_do_not_count(world: World) -> None:
    assert measure_speed(stages(world), [BRIGHT] * 40).frames == 40 - WARM_UP_FRAMES


def test_a_frame_without_a_face_does_not_count(world: World) -> None:
    speed = measure_speed(stages(world), [BRIGHT] * WARM_UP_FRAMES + [DARK, BRIGHT] * 10)
    assert speed.frames == 10


def test_a_frame_takes_at_least_as_long_as_the_same_frame_without_detection(world: World) -> None:
    speed = measure_speed(stages(world), [BRIGHT] * 40)
    assert speed.frame.p50_ms >= speed.followed_frame.p50_ms > 0


def test_the_decision_is_made_on_what_was_searched_and_seen(world: World) -> None:
    measure_speed(stages(world), [BRIGHT] * 12)
    assert isinstance(world.decided[-1].search, NonMatch)
    assert world.recorded == ["decision.denied"]


def test_the_peer_sees_some_of_the_same_frames(world: World) -> None:
    peer = CountingPeer()
    speed = measure_speed(stages(world), [BRIGHT] * 40, peer=peer)
    assert peer.seen == 40 // PEER_EVERY + 1  # and one to warm up
    assert speed.peer is not None


def test_footage_without_a_face_gives_no_figures(world: World) -> None:
    with pytest.raises(ValueError, match="no face"):
        measure_speed(stages(world), [DARK] * 20)


def test_quantiles_are_milliseconds() -> None:
    assert Quantiles.of_seconds([number / 1000 for number in range(101)]) == Quantiles(50.0, 95.0)


def test_a_replay_clock_jumps_over_waits_and_never_goes_back() -> None:
    clock = ReplayClock()
    before = clock.monotonic()
    clock.sleep(3600.0)
    clock.sleep(-5.0)
    assert clock.monotonic() >= before + 3600.0


def test_a_configuration_written_as_toml_reads_as_the_same_settings() -> None:
    settings = decode_settings(b'[site]\nname = "Eingang \\"S\\u00fcd\\""\n[policy]\nfreshness_s = 0.25\n')
    assert decode_settings(as_toml(settings).encode()) == settings
    assert decode_settings(as_toml(Settings()).encode()) == Settings()
