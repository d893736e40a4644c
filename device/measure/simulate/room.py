"""The room behind a simulated visitor, and the sensor that sees both."""

from __future__ import annotations

import numpy as np

from device.measure.simulate.lens import Lens
from device.types import Image

LIGHT = np.array(
    [-0.35, -0.55, -0.76], dtype=np.float32
)  # unit, towards the lamp: above the camera, a little to its left


def paint_room(lens: Lens, *, seed: int) -> Image:
    """A corridor wall with a window, a door frame and a picture, out of focus; the same for the same seed."""
    import cv2

    source = np.random.default_rng(seed)
    width, height = lens.width_px, lens.height_px
    # Warm paint only: before a mauve wall the near texture network calls the same puppet an attack (0.1 instead of
    # 0.9), and a simulation must not depend on that.
    wall = source.uniform(158, 184) + np.array([-10.0, 0.0, 10.0]) + source.uniform(-3, 3, 3)
    across = np.linspace(0.82, 1.08, width) if source.random() < 0.5 else np.linspace(1.08, 0.82, width)
    down = np.linspace(1.06, 0.9, height)
    room = (wall * (down[:, None, None] * across[None, :, None])).clip(0, 255).astype(np.uint8)

    def block(left: float, top: float, right: float, bottom: float, colour: tuple[float, float, float]) -> None:
        corners = [(round(x * width), round(y * height)) for x, y in ((left, top), (right, bottom))]
        cv2.rectangle(room, corners[0], corners[1], colour, -1)

    shift = float(source.uniform(-0.06, 0.06))
    block(0.0, 0.86, 1.0, 1.0, (70, 84, 96))
    block(0.0, 0.845, 1.0, 0.86, (206, 210, 212))
    block(0.05 + shift, 0.12, 0.24 + shift, 0.5, (205, 222, 226))
    block(0.065 + shift, 0.14, 0.225 + shift, 0.48, (235, 226, 205))
    block(0.143 + shift, 0.14, 0.15 + shift, 0.48, (205, 222, 226))
    block(0.78 + shift, 0.2, 0.99 + shift, 1.0, (66, 92, 128))
    block(0.8 + shift, 0.23, 0.97 + shift, 1.0, (84, 116, 156))
    block(0.58 + shift, 0.2, 0.68 + shift, 0.34, (60, 70, 60))
    block(0.59 + shift, 0.215, 0.67 + shift, 0.325, tuple(source.uniform(60, 190, 3)))
    blurred: Image = cv2.GaussianBlur(room, (0, 0), width / 110)
    return blurred


SHARPENING = 0.5  # of the detail under one pixel, as webcams sharpen by default


class Sensor:
    """A webcam's noise and sharpening: the same for the same seed and time, different from frame to frame."""

    def __init__(self, lens: Lens, *, seed: int, noise: float = 2.0) -> None:
        """`noise` is the standard deviation in levels of 0 to 255; 2 is a webcam indoors."""
        self._margin = 64
        shape = (lens.height_px + self._margin, lens.width_px + self._margin, 3)
        self._grain = np.random.default_rng(seed).normal(0.0, noise, shape).round().astype(np.int8)

    def expose(self, scene: Image, t_s: float) -> Image:
        """`scene` as the sensor sees it at `t_s`."""
        import cv2

        step = round(t_s * 1000)
        top, left = (step * 7919) % self._margin, (step * 104729) % self._margin
        height, width = scene.shape[:2]
        grain = self._grain[top : top + height, left : left + width]
        noisy = cv2.add(scene, grain, dtype=cv2.CV_8U)
        exposed: Image = cv2.addWeighted(noisy, 1 + SHARPENING, cv2.GaussianBlur(noisy, (5, 5), 1.0), -SHARPENING, 0)
        return exposed
