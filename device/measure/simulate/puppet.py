"""The puppet: a portrait as a 3D head that turns, blinks and opens its mouth in front of the camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.measure.simulate.bust import build_bust
from device.measure.simulate.expression import FACE_POINTS, INNER_LIPS, close_eyes, open_mouth
from device.measure.simulate.lens import Lens, Vertices, rotation
from device.measure.simulate.posture import Motion, Posture
from device.measure.simulate.raster import composite, rasterise, sample
from device.measure.simulate.room import LIGHT, Sensor, paint_room
from device.types import Image, Mesh

AMBIENT = 0.6  # share of the light that comes from everywhere
BODY_FOLLOWS = 0.15  # shoulders take this share of the head's turn


class Puppet:
    """A simulation of a live person, made of one still portrait: a head in 3D before a painted room.

    It moves like a head, which is what the parallax cue and the challenge measure. It does not model skin: texture,
    hair, shadows and reflections are those of the photo, so that it proves nothing about texture networks, and the
    sides of the head that the photo does not show are guessed.
    """

    def __init__(self, image: Image, mesh: Mesh, *, lens: Lens | None = None, seed: int = 0) -> None:
        """Model the person of `image`, (height, width, 3) uint8 BGR, whose face lies under `mesh`.

        `seed` chooses room and sensor noise. Building takes some tenths of a second.
        """
        self.lens = lens or Lens()
        self._bust = build_bust(image, mesh)
        self._closed, self._opened = close_eyes(self._bust.vertices), open_mouth(self._bust.vertices)
        self._throat = np.isin(self._bust.surface.triangles, INNER_LIPS).all(axis=1)
        self._at_rest = self._lambert(self._bust.normals)
        self._room = paint_room(self.lens, seed=seed)
        self._sensor = Sensor(self.lens, seed=seed)

    def render(self, posture: Posture, *, t_s: float = 0.0) -> Image:
        """The camera's picture of the puppet in `posture`, (height, width, 3) uint8 BGR; `t_s` picks the noise."""
        scene = self._room.copy()
        vertices, normals = self._pose(posture)
        print_ = rasterise(self._bust.surface, vertices, self._gain(normals, posture), self.lens)
        if print_ is not None:
            composite(scene, sample(self._bust.surface.texture, print_), print_)
        return self._sensor.expose(scene, t_s)

    def empty_room(self, *, t_s: float = 0.0) -> Image:
        """The same camera with nobody before it."""
        return self._sensor.expose(self._room, t_s)

    def face_points(self, posture: Posture) -> NDArray[np.float32]:
        """Where the 468 face vertices truly are in the frame, (468, 2) float32 pixels: ground truth for tests."""
        return self.lens.project(self._pose(posture)[0][:FACE_POINTS])

    def _pose(self, posture: Posture) -> tuple[Vertices, Vertices]:
        """Vertices and normals in camera coordinates."""
        bust = self._bust
        shaped = bust.vertices.copy()
        shaped[:, :2] += posture.eyes_closed * self._closed + posture.mouth_open * self._opened
        head = rotation(yaw_deg=posture.yaw_deg, pitch_deg=posture.pitch_deg, roll_deg=posture.roll_deg)
        body = rotation(yaw_deg=BODY_FOLLOWS * posture.yaw_deg, pitch_deg=0.0, roll_deg=0.0)
        share = bust.follows[:, None]
        about = shaped - bust.pivot
        turned = share * (about @ head.T) + (1 - share) * (about @ body.T) + bust.pivot
        normals = share * (bust.normals @ head.T) + (1 - share) * (bust.normals @ body.T)
        place = np.array([posture.x_mm, posture.y_mm, posture.distance_mm], dtype=np.float32)
        return (turned + place).astype(np.float32), normals.astype(np.float32)

    def _gain(self, normals: Vertices, posture: Posture) -> NDArray[np.float32]:
        """How much brighter or darker each corner of each triangle is than in the photo, (m, 3)."""
        change = np.clip(self._lambert(normals) / self._at_rest, 0.75, 1.3)
        gain: NDArray[np.float32] = change[self._bust.surface.triangles].astype(np.float32)
        gain[self._throat] *= 1.0 - 0.8 * posture.mouth_open
        return gain

    def _lambert(self, normals: Vertices) -> NDArray[np.float32]:
        lit: NDArray[np.float32] = AMBIENT + (1 - AMBIENT) * np.maximum(normals @ LIGHT, 0.0)
        return lit


class PuppetVisitor:
    """A puppet that follows a motion."""

    def __init__(self, puppet: Puppet, motion: Motion) -> None:
        self._puppet, self._motion = puppet, motion

    def frame_at(self, t_s: float) -> Image:
        """The camera's picture `t_s` seconds after the visitor appeared."""
        return self._puppet.render(self._motion(t_s), t_s=t_s)
