"""The pinhole camera that all simulated visitors stand in front of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vertices = NDArray[np.float32]  # (n, 3) float32 millimetres: x to the right, y down, z away from the camera


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A distortion-free camera at the origin, looking along z. Raises ValueError for an impossible one."""

    width_px: int = 640
    height_px: int = 480
    view_deg: float = 60.0  # horizontal angle of view; webcams and door cameras have 55 to 80

    def __post_init__(self) -> None:
        if self.width_px < 16 or self.height_px < 16:
            raise ValueError(f"a frame needs at least 16 x 16 pixels, got {self.width_px} x {self.height_px}")
        if not 10.0 <= self.view_deg <= 150.0:
            raise ValueError(f"the angle of view must be between 10 and 150 degrees, got {self.view_deg}")

    @property
    def focal_px(self) -> float:
        """The focal length in pixels: half the width over the tangent of half the angle of view."""
        return self.width_px / 2 / math.tan(math.radians(self.view_deg) / 2)

    def project(self, vertices: Vertices) -> NDArray[np.float32]:
        """The pixels of `vertices`: (n, 2) float32. Whatever is nearer than 10 mm is held at 10 mm."""
        depth = np.maximum(vertices[:, 2:3], 10.0)
        centre = np.array([self.width_px / 2, self.height_px / 2], dtype=np.float32)
        pixels: NDArray[np.float32] = (vertices[:, :2] * self.focal_px / depth + centre).astype(np.float32)
        return pixels


def rotation(*, yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float32]:
    """The (3, 3) matrix that turns camera-facing vertices to a pose, with the signs of `device.types.Pose`.

    The head nods first, then turns, then tilts, as a neck does.
    """
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    turn = [[math.cos(yaw), 0.0, -math.sin(yaw)], [0.0, 1.0, 0.0], [math.sin(yaw), 0.0, math.cos(yaw)]]
    nod = [[1.0, 0.0, 0.0], [0.0, math.cos(pitch), math.sin(pitch)], [0.0, -math.sin(pitch), math.cos(pitch)]]
    tilt = [[math.cos(roll), -math.sin(roll), 0.0], [math.sin(roll), math.cos(roll), 0.0], [0.0, 0.0, 1.0]]
    matrix: NDArray[np.float32] = (np.array(tilt) @ np.array(turn) @ np.array(nod)).astype(np.float32)
    return matrix
