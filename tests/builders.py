"""Values for tests: each is plausible and good unless it is told otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from device.collection.people import Consent, Newcomer, Reference
from device.types import (
    Box,
    Face,
    Frame,
    Image,
    Match,
    Mesh,
    ModelId,
    NonMatch,
    PersonFacts,
    PersonId,
    Pose,
    Quality,
    Template,
    Threshold,
)
from device.vision.mesh import KEY_POINTS, face_box

MODEL = ModelId("model-a")
ADA, GRACE = PersonId("p-00000000000000ad"), PersonId("p-00000000000000be")
THRESHOLD = Threshold(0.4, 1e-4, MODEL)
FRONTAL = Pose(0.0, 0.0, 0.0)
SIZE = (640, 480)
CONSENT = Consent("1", "en", "signed form", datetime(2026, 7, 1, 9, 0, tzinfo=UTC))

# Where the points that code asks for by number lie on a head, in half head widths: x to the subject's left (the right
# of the frame), y down, z away from the camera.
LANDMARKS = {
    33: (-0.62, -0.25, -0.55),
    133: (-0.28, -0.25, -0.62),
    362: (0.28, -0.25, -0.62),
    263: (0.62, -0.25, -0.55),
    6: (0.0, -0.25, -0.85),
    1: (0.0, 0.15, -1.25),
    2: (0.0, 0.3, -1.05),
    61: (-0.35, 0.55, -0.75),
    291: (0.35, 0.55, -0.75),
    14: (0.0, 0.55, -0.9),
    10: (0.0, -1.1, -0.25),
    151: (0.0, -0.8, -0.6),
    152: (0.0, 1.2, 0.03),  # 7 degrees behind the forehead, as the chin of a level head is
    234: (-1.0, -0.1, 0.25),
    454: (1.0, -0.1, 0.25),
    50: (-0.6, 0.2, -0.6),
    280: (0.6, 0.2, -0.6),
    108: (-0.25, -0.75, -0.6),
    337: (0.25, -0.75, -0.6),
    164: (0.0, 0.42, -0.95),
    199: (0.0, 0.95, -0.75),
    175: (0.0, 1.05, -0.65),
    205: (-0.5, 0.45, -0.65),
    425: (0.5, 0.45, -0.65),
    136: (-0.65, 0.8, -0.4),
    365: (0.65, 0.8, -0.4),
}


def head() -> np.ndarray:
    """A solid head of 468 points, in half head widths: an egg, with the landmarks where they belong."""
    source = np.random.default_rng(4)
    across, down = source.uniform(-1.2, 1.2, 468), source.uniform(-1.1, 1.1, 468)
    points = np.stack([np.sin(across), 1.15 * np.sin(down), -0.9 * np.cos(across) * np.cos(down)], axis=1)
    for number, place in LANDMARKS.items():
        points[number] = place
    return points


def make_mesh(
    *,
    centre: tuple[float, float] = (320.0, 240.0),
    width: float = 150.0,
    pose: Pose = FRONTAL,
    presence: float = 1.0,
) -> Mesh:
    """A head of `width` pixels about `centre`, turned to `pose` without perspective."""
    yaw, pitch, roll = (math.radians(angle) for angle in (pose.yaw_deg, pose.pitch_deg, pose.roll_deg))
    x, y, z = head().T
    y, z = y * math.cos(pitch) + z * math.sin(pitch), -y * math.sin(pitch) + z * math.cos(pitch)
    x, z = x * math.cos(yaw) - z * math.sin(yaw), x * math.sin(yaw) + z * math.cos(yaw)
    x, y = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    points = np.stack([x, y, z], axis=1) * width / 2 + [*centre, 0.0]
    return Mesh(points.astype(np.float32), presence)


def make_image(*, level: int = 128, grain: int = 30, size: tuple[int, int] = SIZE) -> Image:
    """A grey picture with so much grain that no face in it looks blurred."""
    width, height = size
    noise = np.random.default_rng(1).integers(-grain, grain + 1, (height, width, 1))
    return np.broadcast_to(np.clip(level + noise, 0, 255), (height, width, 3)).astype(np.uint8)


def make_frame(*, at: float = 1000.0, sequence: int = 0, image: Image | None = None) -> Frame:
    return Frame(make_image() if image is None else image, at, sequence)


def make_face(box: Box | None = None, *, score: float = 0.9) -> Face:
    """A level face that fills `box`."""
    box = box or Box(245.0, 165.0, 150.0, 150.0)
    places = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.5, 0.75), (0.1, 0.45), (0.9, 0.45)])
    points = places * (box.width, box.height) + (box.left, box.top)
    return Face(box, points.astype(np.float32), score)


def as_detected(mesh: Mesh) -> Face:
    """What a detector that errs nowhere says of the face under `mesh`."""
    marked = [mesh.points[list(points), :2].mean(axis=0) for points in KEY_POINTS]
    points = np.stack([*marked, *mesh.points[[234, 454], :2]])
    return Face(face_box(mesh), points.astype(np.float32), 0.9)


def make_template(seed: int = 1, *, model_id: ModelId = MODEL) -> Template:
    """A random direction; two seeds give nearly orthogonal ones."""
    vector = np.random.default_rng(seed).normal(size=128)
    return Template((vector / np.linalg.norm(vector)).astype(np.float32), model_id)


def make_quality(**changes: Any) -> Quality:
    good = {
        "face_height_px": 150.0,
        "brightness": 0.5,
        "sharpness": 90.0,
        "pose": FRONTAL,
        "presence": 1.0,
        "cover": 0.1,
        "issues": (),
    }
    return Quality(**{**good, **changes})


def make_match(person: PersonId = ADA, *, score: float = 0.8, margin: float = 0.5) -> Match:
    return Match(person, score, margin, THRESHOLD)


def make_nonmatch(score: float | None = 0.1) -> NonMatch:
    return NonMatch(score, THRESHOLD)


def make_person(person: PersonId = ADA, **facts: Any) -> PersonFacts:
    return PersonFacts(person, **facts)


def make_newcomer(name: str, references: Sequence[Reference], *, consent: Consent = CONSENT, **more: Any) -> Newcomer:
    return Newcomer(name=name, references=references, consent=consent, **more)
