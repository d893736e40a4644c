"""A small software rasteriser: textured triangles, far ones first, into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.measure.simulate.lens import Lens, Vertices
from device.types import Image

Floats = NDArray[np.float32]
SUBPIXEL_BITS = 4  # cv2.fillConvexPoly takes fixed-point corners
SMALLEST_LEVEL_PX = 32  # no texture level is smaller than this


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A picture with soft edges at several sizes, so that a distant surface does not flicker."""

    levels: tuple[NDArray[np.uint8], ...]  # (height, width, 4) uint8 BGRA, not premultiplied, each half the one before


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """What does not change while a surface moves: its triangles and where they lie in the texture."""

    texture: Texture
    uv: Floats  # (n, 2) float32 texels of level 0
    triangles: NDArray[
        np.int32
    ]  # (m, 3) indices of vertices, counter-clockwise or clockwise alike as seen from the front


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """Which texel each pixel of a region shows."""

    left: int
    top: int
    u: Floats  # (height, width) texels of level 0; -1 where nothing is
    v: Floats
    gain: Floats  # (height, width) brightness factor
    level: int  # which texture level fits the size on screen

    @property
    def region(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that this footprint covers."""
        height, width = self.u.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def build_texture(picture: NDArray[np.uint8]) -> Texture:
    """Make a texture of `picture`, (height, width, 4) uint8 BGRA."""
    import cv2

    levels = [picture]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL_PX:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return Texture(tuple(levels))


def rasterise(surface: Surface, vertices: Vertices, gain: Floats, lens: Lens) -> Footprint | None:
    """Where `surface` appears in the frame when its vertices are at `vertices`; None when out of view.

    `gain` is (m, 3), the brightness factor at each corner of each triangle. Interpolation is perspective-correct
    (linear in 1/z), so a flat surface moves exactly as a plane does. Back faces are left out.
    """
    corners = lens.project(vertices)[surface.triangles]  # (m, 3, 2)
    depths = np.maximum(vertices[:, 2], 10.0)[surface.triangles]  # (m, 3)
    low = corners.min(axis=(0, 1)).clip(0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=(0, 1))).astype(int) + 1, (lens.width_px, lens.height_px))
    if (high - low < 2).any():
        return None
    seen, slopes = _plane_equations(surface, corners, depths, gain)
    order = seen[np.argsort(-depths[seen].mean(axis=1), kind="stable")]
    owners = _paint_order(corners, order, low, high)
    return _resolve(owners, slopes, low, _fitting_level(surface, corners[order]))


def _plane_equations(
    surface: Surface, corners: Floats, depths: Floats, gain: Floats
) -> tuple[NDArray[np.int64], Floats]:
    """Front-facing triangles, and for every triangle how u/z, v/z, 1/z and gain/z run over the frame: (m, 4, 3)."""
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]
    inverse = 1.0 / depths
    uv = surface.uv[surface.triangles]
    values = np.stack([uv[..., 0] * inverse, uv[..., 1] * inverse, inverse, gain * inverse], axis=1)  # (m, 4, 3)
    rise_1, rise_2 = values[:, :, 1] - values[:, :, 0], values[:, :, 2] - values[:, :, 0]
    safe = np.where(np.abs(area) < 1e-6, 1.0, area)[:, None]
    along_x = (rise_1 * edge_2[:, 1:2] - rise_2 * edge_1[:, 1:2]) / safe
    along_y = (rise_2 * edge_1[:, 0:1] - rise_1 * edge_2[:, 0:1]) / safe
    offset = values[:, :, 0] - along_x * corners[:, 0, 0:1] - along_y * corners[:, 0, 1:2]
    return np.flatnonzero(area > 1e-3), np.stack([along_x, along_y, offset], axis=2).astype(np.float32)


def _paint_order(
    corners: Floats, order: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Which triangle each pixel belongs to, the nearest painted last; -1 where none."""
    import cv2

    owners = np.full((high[1] - low[1], high[0] - low[0]), -1, dtype=np.int32)
    fixed = np.round((corners - low) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    for index in order.tolist():
        cv2.fillConvexPoly(owners, fixed[index], index, lineType=cv2.LINE_8, shift=SUBPIXEL_BITS)
    return owners


def _fitting_level(surface: Surface, corners: Floats) -> int:
    """The texture level whose texels are about as large as the pixels."""
    first = surface.triangles[:1] if len(corners) == 0 else surface.triangles
    texels = np.ptp(surface.uv[first].reshape(-1, 2), axis=0).max()
    pixels = max(1.0, float(np.ptp(corners.reshape(-1, 2), axis=0).max())) if len(corners) else 1.0
    return int(np.clip(np.floor(np.log2(max(1.0, texels / pixels)) + 0.25), 0, len(surface.texture.levels) - 1))


def _resolve(owners: NDArray[np.int32], slopes: Floats, low: NDArray[np.int64], level: int) -> Footprint:
    """Turn triangle owners into texel positions."""
    rows, columns = np.nonzero(owners >= 0)
    mine = slopes.reshape(-1, 12)[owners[rows, columns]]  # (k, 12)
    x = (columns + low[0]).astype(np.float32)
    y = (rows + low[1]).astype(np.float32)
    over = [mine[:, 3 * i] * x + mine[:, 3 * i + 1] * y + mine[:, 3 * i + 2] for i in range(4)]
    planes = []
    for value, empty in ((over[0] / over[2], -1.0), (over[1] / over[2], -1.0), (over[3] / over[2], 1.0)):
        plane = np.full(owners.shape, empty, dtype=np.float32)
        plane[rows, columns] = value
        planes.append(plane)
    return Footprint(int(low[0]), int(low[1]), planes[0], planes[1], planes[2], level)


def sample(texture: Texture, footprint: Footprint) -> NDArray[np.uint8]:
    """The texels under a footprint: (height, width, 4) uint8 BGRA, transparent where nothing is."""
    import cv2

    level = texture.levels[footprint.level]
    scale = np.float32(0.5**footprint.level)
    u = (footprint.u + 0.5) * scale - 0.5
    v = (footprint.v + 0.5) * scale - 0.5
    texels: NDArray[np.uint8] = cv2.remap(level, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    texels[footprint.u < 0] = 0
    return texels


def composite(frame: Image, texels: NDArray[np.uint8], footprint: Footprint) -> None:
    """Lay `texels`, brightened by the footprint's gain, over its region of `frame`."""
    import cv2

    weight = texels[..., 3].astype(np.float32) / 255.0
    lit = cv2.multiply(texels[..., :3], cv2.merge([footprint.gain] * 3), dtype=cv2.CV_8U)
    behind = np.ascontiguousarray(frame[footprint.region])
    frame[footprint.region] = cv2.blendLinear(lit, behind, weight, 1.0 - weight)
