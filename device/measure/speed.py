"""How long each stage of the path takes on this machine, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from device.config import LivenessSettings
from device.liveness.verdict import LivenessJudge
from device.ports import Audit, FaceDetector, Gallery, MeshFitter, TemplateExtractor, TextureScorer
from device.stopwatch import Stopwatch
from device.types import Decision, Evidence, Image, Match
from device.vision.align import five_points, similarity, warp
from device.vision.mesh import face_box
from device.vision.quality import QualityGate

WARM_UP_FRAMES = 10  # first inferences allocate
PEER_EVERY = 8  # frames; the peer takes tens of times as long, and comes last, so that it leaves the caches alone
VISIT_FRAMES = 30  # after so many frames liveness starts afresh, as for the next visitor
AUDIT_EVERY = 15  # frames; one decision a second would be a busy door
CHIP_PX = 112
CHIP_LAYOUT = np.array([(38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)], np.float32)


@dataclass(frozen=True, slots=True)
class Stages:
    """Everything between a frame and a recorded decision."""

    detector: FaceDetector
    fitter: MeshFitter
    gate: QualityGate
    extractor: TemplateExtractor
    textures: Sequence[tuple[str, TextureScorer]]  # stage name and network; empty where none is installed
    liveness: LivenessSettings
    gallery: Gallery
    decide: Callable[[Evidence], Decision]
    audit: Audit


class Peer(Protocol):
    """Another system's way from a frame to templates."""

    @property
    def name(self) -> str:
        """What it is, with its version."""
        ...

    def recognise(self, image: Image) -> int:
        """Find and encode the faces in `image`; how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Milliseconds."""

    p50_ms: float
    p95_ms: float

    @classmethod
    def of_seconds(cls, times: Sequence[float]) -> Quantiles:
        """The quantiles of `times` in seconds, at least one of them."""
        p50, p95 = np.percentile(np.array(times) * 1000, (50, 95))
        return cls(round(float(p50), 4), round(float(p95), 4))


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured, on frames with a face in them."""

    frames: int
    stages: dict[str, Quantiles]  # `template` includes `align`; `align` and `audit` are not part of `frame`
    frame: Quantiles  # the whole path: every stage on every frame, detection too
    followed_frame: Quantiles  # without detection, which rests while a face is followed
    peer: Quantiles | None

    @property
    def same_work_ms(self) -> float:
        """Our time for what the peer does, without quality, liveness, search and policy: the sum of three medians."""
        return sum(self.stages[stage].p50_ms for stage in ("detect", "mesh", "template"))


def measure_speed(stages: Stages, images: Iterable[Image], *, peer: Peer | None = None) -> Speed:
    """Run every stage on every image and, beside it, the peer on some. Raises ValueError when no image has a face."""
    stopwatch = Stopwatch()
    frames: list[float] = []
    followed: list[float] = []
    for_peer: list[Image] = []
    for number, image in enumerate(images):
        if number == WARM_UP_FRAMES:
            stopwatch.clear()
            frames, followed = [], []
        if number % VISIT_FRAMES == 0:
            judge = LivenessJudge(stages.liveness)
        if not _decide_on(image, stages, judge, stopwatch):
            continue
        newest = {stage: times[-1] for stage, times in stopwatch.times().items()}
        frames.append(newest["frame"])
        followed.append(newest["frame"] - newest["detect"])
        if number % AUDIT_EVERY == 0:
            with stopwatch.measure("audit"):
                stages.audit.append("decision.denied", {"reason": "not_enrolled", "number": number})
        if peer is not None and number % PEER_EVERY == 0:
            for_peer.append(image)
    if not frames:
        raise ValueError("no face was found in any frame")
    measured = {stage: Quantiles.of_seconds(times) for stage, times in stopwatch.times().items()}
    del measured["frame"]  # it counts frames without a face, too
    whole, resting = Quantiles.of_seconds(frames), Quantiles.of_seconds(followed)
    return Speed(len(frames), measured, whole, resting, None if peer is None else _time_peer(peer, for_peer))


def _time_peer(peer: Peer, images: Sequence[Image]) -> Quantiles:
    stopwatch = Stopwatch()
    peer.recognise(images[0])  # first calls allocate
    for image in images:
        with stopwatch.measure("peer"):
            peer.recognise(image)
    return Quantiles.of_seconds(stopwatch.times()["peer"])


def _decide_on(image: Image, stages: Stages, judge: LivenessJudge, stopwatch: Stopwatch) -> bool:
    """One frame all the way to a decision; False, and nothing timed but detection, when it shows no face."""
    with stopwatch.measure("frame"):
        with stopwatch.measure("detect"):
            faces = stages.detector.detect(image)
        if not faces:
            return False
        with stopwatch.measure("mesh"):
            mesh = stages.fitter.fit(image, faces[0])
        with stopwatch.measure("quality"):
            stages.gate.judge(image, mesh)
        with stopwatch.measure("template"):
            template = stages.extractor.extract(image, mesh)
        box, scores = face_box(mesh), []
        for name, network in stages.textures:
            with stopwatch.measure(name):
                scores.append(network.bona_fide_score(image, box))
        with stopwatch.measure("liveness"):
            judge.observe(image, mesh, texture_score=float(np.mean(scores)) if scores else None)
            pad = judge.verdict()
        with stopwatch.measure("search"):
            search = stages.gallery.search(template)
            person = stages.gallery.facts(search.person) if isinstance(search, Match) else None
        with stopwatch.measure("policy"):
            now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
            stages.decide(Evidence(search, person, pad, 5, 0.0, 0.0, now, clock_is_trusted=True))
    with stopwatch.measure("align"):
        warp(image, similarity(five_points(mesh), CHIP_LAYOUT), CHIP_PX)
    return True
