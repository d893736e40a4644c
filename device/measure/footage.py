"""Frames to measure with: a real clip, or a simulated visitor where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from device.app import build_detector, build_fitter
from device.config import Settings
from device.errors import NoFaceError
from device.measure.simulate.clip import Clip
from device.measure.simulate.portraits import grace_hopper
from device.measure.simulate.posture import walk_up
from device.measure.simulate.puppet import Puppet, PuppetVisitor
from device.measure.simulate.scenes import Visitor
from device.types import Image, Mesh
from models.manifest import Role
from models.store import Installed

PUPPET_S = 10.0  # after this a simulated visitor starts anew
PUPPET_SEED = 3


@dataclass(frozen=True, slots=True)
class Footage:
    """A visitor and for how long there is something to see."""

    name: str  # what it is, for reports; says so when it is simulated
    visitor: Visitor
    duration_s: float

    def frames(self, count: int, *, rate_hz: float = 15.0) -> Iterator[Image]:
        """`count` frames of 640 x 480 at `rate_hz`, from the start again when it ends."""
        for number in range(count):
            yield self.visitor.frame_at((number / rate_hz) % self.duration_s)


def open_footage(settings: Settings, installed: Installed, *, video: Path | None) -> Footage:
    """The clip in `video`, or a puppet where it is None.

    Raises VideoUnreadableError for a clip that cannot be read, PhotoUnreadableError where there is neither a clip nor
    the puppet's portrait, and ModelError when the networks that find its face are missing.
    """
    if video is not None:
        clip = Clip(video)
        return Footage(video.name, clip, max(clip.duration_s - 0.1, 1.0))
    image = grace_hopper()
    puppet = Puppet(image, fit_portrait(image, settings, installed), seed=PUPPET_SEED)
    visitor = PuppetVisitor(puppet, walk_up(PUPPET_SEED, from_mm=900.0, walk_s=1.0))
    return Footage("simulated visitor (puppet of a portrait)", visitor, PUPPET_S)


def fit_portrait(image: Image, settings: Settings, installed: Installed) -> Mesh:
    """The mesh of the largest face in a portrait. Raises NoFaceError when there is none."""
    faces = build_detector(settings, installed, Role.DETECTOR).detect(image)
    if not faces:
        raise NoFaceError("no face was found in the portrait")
    return build_fitter(settings, installed).fit(image, max(faces, key=lambda face: face.box.area))
