"""A screen that replays a clip in front of the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.measure.simulate.lens import Lens
from device.measure.simulate.raster import Footprint, build_texture, composite, rasterise, sample
from device.measure.simulate.room import Sensor, paint_room
from device.measure.simulate.sheet import Handling, hold_sheet, lay_sheet, wave
from device.types import Image

SHOWN_PX = 800  # the longer side of the shown picture in texels
BLACK_LEVEL = 16.0  # of 0 to 255: what a screen that shows black still reflects of the room
CONTRAST_GAMMA = 1.15  # a screen photographed again gains contrast
TINT = (1.04, 1.0, 0.95)  # blue, green, red: a 6500 K screen in a warmer room
SUBPIXEL_PHASES = (2 / 3, 1 / 3, 0.0)  # of a pixel's width, where blue, green and red stripes lie


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The device that shows the clip: by default a 10-inch tablet held upright before the camera."""

    width_mm: float = 215.0
    pitch_mm: float = 0.1  # between pixels; a phone has 0.06, a tablet 0.1, a monitor 0.28
    bezel: float = 0.05  # dark rim as a share of the width
    moire: float = 0.05  # contrast of the interference between the pixels of screen and camera, [0, 1]
    flicker: float = 0.05  # contrast of the bands that a rolling shutter makes of the backlight's pulses, [0, 1]
    flicker_hz: float = 0.7  # how fast the bands wander


class ReplayAttack:
    """A simulation of a clip that is replayed on a screen in front of the camera.

    The shown face turns as the recorded one did, so that parallax sees a head: only texture, a random challenge or
    coded light can stop it. It models bezel, tone curve, moire, bands and the screen's motion. It does not model the
    hand that holds it, reflections of the room in the glass, automatic exposure, lens blur or video compression.
    """

    def __init__(
        self,
        clip: Callable[[float], Image],
        handling: Handling | None = None,
        *,
        screen: Screen | None = None,
        lens: Lens | None = None,
        seed: int = 0,
    ) -> None:
        """`clip` gives the recorded picture at a time in seconds, for example `frame_at` of another visitor."""
        self._clip, self._screen, self._lens = clip, screen or Screen(), lens or Lens()
        self._handling = handling or wave(seed, near_mm=240.0, tilt_deg=5.0)
        self._room = paint_room(self._lens, seed=seed)
        self._sensor = Sensor(self._lens, seed=seed)

    def frame_at(self, t_s: float) -> Image:
        """The camera's picture `t_s` seconds after the screen was shown."""
        scene = self._room.copy()
        picture = show_on_screen(self._clip(t_s), bezel=self._screen.bezel)
        surface = lay_sheet(build_texture(picture))
        size_mm = (self._screen.width_mm, self._screen.width_mm * picture.shape[0] / picture.shape[1])
        vertices, _ = hold_sheet(size_mm, self._handling(t_s))
        even = np.ones(surface.triangles.shape, dtype=np.float32)
        footprint = rasterise(surface, vertices, even, self._lens)
        if footprint is not None:
            texels = sample(surface.texture, footprint)
            texels[..., :3] = self._interfere(texels[..., :3], footprint, picture.shape[1], t_s)
            composite(scene, texels, footprint)
        return self._sensor.expose(scene, t_s)

    def _interfere(self, shown: Image, footprint: Footprint, width_texels: int, t_s: float) -> Image:
        """Moire and refresh bands: the screen's pixel grid, sampled at the camera's pixels, aliases."""
        pixels = self._screen.width_mm / self._screen.pitch_mm
        across, down = (plane * np.float32(pixels / width_texels) for plane in (footprint.u, footprint.v))
        rows = (footprint.top + np.arange(len(footprint.u), dtype=np.float32)) / self._lens.height_px
        bands = 1.0 + self._screen.flicker * np.cos(2 * np.pi * (2.5 * rows + self._screen.flicker_hz * t_s))
        grid = np.cos(2 * np.pi * (down % 1.0))
        factors = [
            bands[:, None] * (1.0 + self._screen.moire * (np.cos(2 * np.pi * ((across + phase) % 1.0)) + 0.5 * grid))
            for phase in SUBPIXEL_PHASES
        ]
        seen: Image = np.clip(shown * np.stack(factors, axis=-1), 0, 255).astype(np.uint8)
        return seen


def show_on_screen(image: Image, *, bezel: float) -> NDArray[np.uint8]:
    """What a screen that shows `image` emits: (height, width, 4) uint8 BGRA, with a dark rim."""
    import cv2

    scale = SHOWN_PX / max(image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    levels = np.arange(256) / 255.0
    curve = BLACK_LEVEL + (250.0 - BLACK_LEVEL) * levels**CONTRAST_GAMMA
    table = np.clip(curve[:, None] * TINT, 0, 255).astype(np.uint8).reshape(1, 256, 3)
    shown = cv2.LUT(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), table)
    rim = round(bezel * shown.shape[1])
    framed = cv2.copyMakeBorder(shown, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(22, 21, 20))
    return np.dstack([framed, np.full(framed.shape[:2], 255, dtype=np.uint8)])
