"""A flat or bent rectangle in the room: what a print and a screen have in common."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from device.measure.simulate.lens import Vertices, rotation
from device.measure.simulate.posture import Posture, Sway
from device.measure.simulate.raster import Surface, Texture

COLUMNS, ROWS = 25, 19  # vertices across and down; enough for a bend to look round


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """How a hand holds a rectangle: where its centre is, how it is turned, how much it is bent."""

    posture: Posture  # signs as for a head that looks out of the rectangle
    bend_deg: float = 0.0  # the arc it spans across its width; positive bulges towards the camera


Handling: TypeAlias = Callable[[float], Hold]  # seconds since it was shown -> how it is held


def wave(
    seed: int, *, near_mm: float = 380.0, tilt_deg: float = 22.0, bend_deg: float = 0.0, flex_deg: float = 0.0
) -> Handling:
    """A hand that brings the rectangle up, tilts it to and fro and trembles; deterministic in `seed` and time.

    `flex_deg` is how far the bend itself goes to and fro about `bend_deg`. Physiological hand tremor is 8 to 12 Hz
    (Elble and Randall, 1978); a tenth of a degree and 0.3 mm are what a relaxed arm shows.
    """
    source = random.Random(seed)  # noqa: S311 (a simulated hand is not a secret)
    sway = [Sway.drawn(source) for _ in range(6)]
    tremor_hz, tremor_phase = source.uniform(8.0, 12.0), source.uniform(0.0, 6.283)

    def hold(t_s: float) -> Hold:
        arriving = max(0.0, 1.0 - t_s / 1.5) ** 2
        tremor = math.sin(2 * math.pi * tremor_hz * t_s + tremor_phase)
        posture = Posture(
            yaw_deg=tilt_deg * 1.4 * sway[0].at(t_s) + 0.1 * tremor,
            pitch_deg=tilt_deg * 0.8 * sway[1].at(t_s),
            roll_deg=6.0 * sway[2].at(t_s),
            x_mm=25.0 * sway[3].at(t_s) + 0.3 * tremor,
            y_mm=18.0 * sway[4].at(t_s) + 260.0 * arriving,
            distance_mm=near_mm + 45.0 * sway[5].at(t_s) + 150.0 * arriving,
        )
        return Hold(posture=posture, bend_deg=bend_deg + flex_deg * math.sin(2.3 * t_s + tremor_phase))

    return hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """How far a hand turns a rectangle to either side of facing the camera, about each axis."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0


def swing(seed: int, how: Swing, *, near_mm: float = 380.0, bend_deg: float = 0.0, flex_deg: float = 0.0) -> Handling:
    """A hand that holds the rectangle up and turns it evenly to and fro, every 1.8 to 2.6 s as `seed` draws it."""
    source = random.Random(seed)  # noqa: S311 (a simulated hand is not a secret)
    every_s, phase = source.uniform(1.8, 2.6), source.uniform(0.0, 6.283)
    sway = [Sway.drawn(source) for _ in range(3)]

    def hold(t_s: float) -> Hold:
        share = math.sin(2 * math.pi * t_s / every_s + phase)
        posture = Posture(
            yaw_deg=how.yaw_deg * share,
            pitch_deg=how.pitch_deg * share,
            roll_deg=how.roll_deg * share,
            x_mm=15.0 * sway[0].at(t_s),
            y_mm=12.0 * sway[1].at(t_s),
            distance_mm=near_mm + 25.0 * sway[2].at(t_s),
        )
        return Hold(posture=posture, bend_deg=bend_deg + flex_deg * math.sin(2.3 * t_s + phase))

    return hold


def lay_sheet(texture: Texture) -> Surface:
    """Triangles over a whole texture."""
    height, width = texture.levels[0].shape[:2]
    u, v = np.meshgrid(np.linspace(0, width - 1, COLUMNS), np.linspace(0, height - 1, ROWS))
    corner = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
    upper = np.stack([corner, corner + 1, corner + COLUMNS], axis=1)
    lower = np.stack([corner + 1, corner + COLUMNS + 1, corner + COLUMNS], axis=1)
    uv = np.stack([u.ravel(), v.ravel()], axis=1).astype(np.float32)
    return Surface(texture, uv, np.concatenate([upper, lower]).astype(np.int32))


def hold_sheet(size_mm: tuple[float, float], hold: Hold) -> tuple[Vertices, Vertices]:
    """Vertices and outward normals, in camera coordinates, of a rectangle of (width, height) millimetres."""
    width_mm, height_mm = size_mm
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, COLUMNS) * width_mm, np.linspace(-0.5, 0.5, ROWS) * height_mm)
    arc = math.radians(hold.bend_deg)
    angle = arc * x / width_mm
    radius = width_mm / arc if abs(arc) > 1e-4 else None
    across = x if radius is None else radius * np.sin(angle)
    depth = np.zeros_like(x) if radius is None else radius * (1.0 - np.cos(angle))
    flat = np.stack([across, y, depth], axis=-1).reshape(-1, 3)
    outward = np.stack([np.sin(angle), np.zeros_like(x), -np.cos(angle)], axis=-1).reshape(-1, 3)
    posture = hold.posture
    turn = rotation(yaw_deg=posture.yaw_deg, pitch_deg=posture.pitch_deg, roll_deg=posture.roll_deg)
    place = np.array([posture.x_mm, posture.y_mm, posture.distance_mm])
    return (flat @ turn.T + place).astype(np.float32), (outward @ turn.T).astype(np.float32)


def shine_on(
    vertices: Vertices, normals: Vertices, *, light: NDArray[np.float32], sharpness: float
) -> NDArray[np.float32]:
    """The mirror-like share of the light at each vertex, (ROWS, COLUMNS) in [0, 1], after Blinn and Phong."""
    towards_eye = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    half = towards_eye + light
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    facing = np.maximum((normals * half).sum(axis=1), 0.0).reshape(ROWS, COLUMNS)
    shine: NDArray[np.float32] = (facing**sharpness).astype(np.float32)
    return shine
