"""How a face, a print, a screen and an injected picture answer the door's own lamps. A simulation of light only."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from device.liveness.light import LightCode
from device.measure.simulate.bust import EYE_DISTANCE_MM, build_bust
from device.measure.simulate.expression import FACE_POINTS
from device.measure.simulate.lens import Lens, Vertices, rotation
from device.measure.simulate.posture import Posture
from device.measure.simulate.print_attack import print_on_paper
from device.measure.simulate.raster import Surface, build_texture, rasterise, sample
from device.measure.simulate.room import paint_room
from device.measure.simulate.sheet import COLUMNS, ROWS, Hold, hold_sheet, lay_sheet
from device.types import Image, Mesh
from device.vision.align import eye_distance

GAMMA = 2.2  # between light and levels, as cameras encode it
WALL_MM = 2200.0  # how far the room behind the visitor is
GLASS = 0.03  # share of the lamps' light that a screen sends back, spread out: dark glass with a matt coat
BEND_DEG = 60.0  # the arc of a bent print across its width

Light = NDArray[np.float32]  # (height, width, 3) linear, 1 is what ambient light makes of white


class Subject(StrEnum):
    """What stands before the door."""

    FACE = "face"
    FLAT_PRINT = "flat_print"
    BENT_PRINT = "bent_print"
    SCREEN = "screen"
    INJECTION = "injection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The light at one attempt."""

    lamp: float = 0.25  # a lamp's light on a face at 600 mm, by the ambient light there
    exposure: float = 0.6  # white under ambient light, of the sensor's full scale
    noise: float = 2.0  # levels, standard deviation of one pixel
    sway_mm: float = 8.0
    shutter_s: float = 0.02
    readout_s: float = 0.02  # of a rolling shutter, top row to bottom row
    latency_s: float = 0.0  # between the lamp's switching and what the door believes
    lamps_mm: float = 110.0  # each lamp's distance from the camera's axis, left and right


@dataclass(frozen=True, slots=True, eq=False)
class Lit:
    """What the camera would see: under ambient light alone, and what each lamp adds."""

    ambient: Light
    left: Light
    right: Light
    points: NDArray[np.float32]  # (468, 2) the mesh, true


def light_up(image: Image, mesh: Mesh, *, subject: Subject, posture: Posture, conditions: Conditions) -> Lit:
    """Light the person of `image`, or a print or a screen that shows them, by ambient light and by two lamps.

    Lambert's law, lamps as points, distance squared; no cast shadows, no specular reflection, no light that skin
    scatters: a real nose throws a shadow that makes the shape clearer than here.
    """
    lens = Lens(width_px=480, height_px=360)
    if subject is Subject.FACE:
        surface, vertices, normals, points = _pose_bust(image, mesh, posture)
    else:
        surface, vertices, normals, points = _pose_sheet(image, mesh, posture, is_bent=subject is Subject.BENT_PRINT)
    room = _linear(paint_room(lens, seed=7))
    even = np.ones(len(vertices), np.float32)
    ambient = _render(surface, vertices, even, lens, room)
    echo = {Subject.SCREEN: GLASS, Subject.INJECTION: 0.0}.get(subject, 1.0)
    wall = 0.0 if subject is Subject.INJECTION else conditions.lamp * (600.0 / WALL_MM) ** 2
    sides = []
    for side in (1.0, -1.0):  # the subject's left is on the picture's right
        lamp = np.array([side * conditions.lamps_mm, 0.0, 0.0], np.float32)
        gain = conditions.lamp * echo * _irradiance(vertices, normals, lamp)
        sides.append(_render(surface, vertices, gain, lens, room * np.float32(wall)))
    return Lit(ambient, sides[0], sides[1], lens.project(points))


class LampCamera:
    """The camera of a door with two lamps, before which `lit` stands and sways. One frame at a time, in order."""

    def __init__(self, lit: Lit, *, conditions: Conditions, seed: int) -> None:
        self._lit, self._conditions = lit, conditions
        self._source = random.Random(seed)  # noqa: S311 (a simulated visitor is not a secret)
        self._grain = np.random.default_rng(seed)
        self._phases = [self._source.uniform(0, 6.28) for _ in range(4)]
        self._rows = np.arange(lit.ambient.shape[0]) / lit.ambient.shape[0]
        self._code: LightCode | None = None
        self._began_at = 0.0

    def flash(self, code: LightCode, began_at: float) -> float:
        """The lamps begin the code; returns when the door believes that they began, seconds."""
        self._code, self._began_at = code, began_at
        return began_at

    def shoot(self, due_s: float) -> tuple[float, Image, Mesh]:
        """The frame due at `due_s`: when it was captured, its picture, (360, 480, 3) uint8 BGR, and the true mesh."""
        import cv2

        at = due_s + self._source.uniform(-0.003, 0.003)
        levels = 255.0 * np.clip(self._scene(at) * self._conditions.exposure, 0.0, 1.0) ** (1 / GAMMA)
        x, y = (self._conditions.sway_mm * 0.7 * np.sin(1.9 * at * (1 + i / 3) + self._phases[i]) for i in (0, 1))
        moved = cv2.warpAffine(
            levels.astype(np.float32),
            np.array([[1, 0, x], [0, 1, y]], np.float32),
            levels.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        noisy = moved + self._grain.normal(0.0, self._conditions.noise, moved.shape)
        seen = self._lit.points + np.array([x, y]) + self._grain.normal(0, 0.3, (1, 2))
        points = np.column_stack([seen, np.zeros(FACE_POINTS)])
        return at, np.clip(noisy, 0, 255).astype(np.uint8), Mesh(points.astype(np.float32), 1.0)

    def _scene(self, at: float) -> Light:
        """The light that falls on each row while it is exposed."""
        if self._code is None:
            return self._lit.ambient
        starts = at + self._rows * self._conditions.readout_s - self._conditions.latency_s - self._began_at
        shutter_s = self._conditions.shutter_s
        shares = [_lit_share(self._code, starts, shutter_s, side)[:, None, None] for side in (0, 1)]
        scene: Light = self._lit.ambient + shares[0] * self._lit.left + shares[1] * self._lit.right
        return scene


def film(
    lit: Lit, code: LightCode, *, conditions: Conditions, rate_hz: float, seed: int
) -> list[tuple[float, Image, Mesh]]:
    """The camera's frames while the code runs from time 0 on: capture time, picture, mesh."""
    camera = LampCamera(lit, conditions=conditions, seed=seed)
    camera.flash(code, 0.0)
    return [camera.shoot(number / rate_hz) for number in range(int((code.duration_s + code.step_s) * rate_hz))]


def _lit_share(code: LightCode, starts: NDArray[np.float64], shutter_s: float, side: int) -> NDArray[np.float32]:
    """The share of each row's exposure during which the lamp was lit, sampled at eight moments."""
    moments = starts[:, None] + np.linspace(0.0, shutter_s, 8)
    steps = np.floor(moments / code.step_s).astype(int)
    lit = np.array([one[side] for one in code.lit] + [False])
    seen = lit[np.where((steps < 0) | (steps >= len(code.lit)), len(code.lit), steps)]
    shares: NDArray[np.float32] = seen.mean(axis=1).astype(np.float32)
    return shares


def _irradiance(vertices: Vertices, normals: Vertices, lamp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light of a lamp at `lamp` on each vertex, 1 at 600 mm straight on."""
    towards = lamp - vertices
    distance = np.linalg.norm(towards, axis=1)
    facing = np.maximum((normals * towards).sum(axis=1) / distance, 0.0)
    falls: NDArray[np.float32] = (facing * (600.0 / distance) ** 2).astype(np.float32)
    return falls


def _pose_bust(image: Image, mesh: Mesh, posture: Posture) -> tuple[Surface, Vertices, Vertices, Vertices]:
    bust = build_bust(image, mesh)
    turn = rotation(yaw_deg=posture.yaw_deg, pitch_deg=posture.pitch_deg, roll_deg=posture.roll_deg)
    place = np.array([posture.x_mm, posture.y_mm, posture.distance_mm], np.float32)
    vertices = ((bust.vertices - bust.pivot) @ turn.T + bust.pivot + place).astype(np.float32)
    return bust.surface, vertices, (bust.normals @ turn.T).astype(np.float32), vertices[:FACE_POINTS]


def _pose_sheet(
    image: Image, mesh: Mesh, posture: Posture, *, is_bent: bool
) -> tuple[Surface, Vertices, Vertices, Vertices]:
    """A print or a screen on which the face is as large as life, and where the face lies on it."""
    import cv2

    picture = print_on_paper(image, border=0.0, seed=1)
    surface = lay_sheet(build_texture(picture))
    width_mm = EYE_DISTANCE_MM / eye_distance(mesh) * image.shape[1]
    size = (width_mm, width_mm * image.shape[0] / image.shape[1])
    vertices, normals = hold_sheet(size, Hold(posture=posture, bend_deg=BEND_DEG if is_bent else 0.0))
    at = mesh.points[:, :2] / np.array(image.shape[1::-1], np.float32) * (COLUMNS - 1, ROWS - 1)
    grid = vertices.reshape(ROWS, COLUMNS, 3)
    across, down = (np.ascontiguousarray(at[:, i : i + 1], np.float32) for i in (0, 1))
    points = cv2.remap(grid, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    return surface, vertices, normals, points


def _render(surface: Surface, vertices: Vertices, gain: NDArray[np.float32], lens: Lens, behind: Light) -> Light:
    """What a camera sees of a surface whose vertices are lit by `gain`, before `behind`; linear."""
    seen = rasterise(surface, vertices, gain[surface.triangles].astype(np.float32), lens)
    scene = behind.copy()
    if seen is None:
        return scene
    texels = sample(surface.texture, seen)
    cover = texels[..., 3:].astype(np.float32) / 255.0
    lit = _linear(texels[..., :3]) * seen.gain[..., None]
    scene[seen.region] = cover * lit + (1.0 - cover) * scene[seen.region]
    return scene


def _linear(picture: Image) -> Light:
    linear: Light = ((picture.astype(np.float32) / 255.0) ** GAMMA).astype(np.float32)
    return linear
