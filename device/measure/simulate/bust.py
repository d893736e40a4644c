"""A head and shoulders in 3D, built from one portrait and its face mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.measure.simulate.cutout import cut_out
from device.measure.simulate.expression import open_mouth
from device.measure.simulate.lens import Vertices
from device.measure.simulate.raster import Surface, build_texture
from device.types import Image, Mesh

EYE_DISTANCE_MM = 63.0  # mean distance between the pupils of adults (Dodgson, 2004)
RIGHT_EYE_CORNERS = (33, 133)  # FaceMesh point numbers, as MODELS.md names them for alignment
LEFT_EYE_CORNERS = (362, 263)
CHIN = 152
LARGEST_FACE_PX = 400.0  # a larger portrait is reduced: no simulated frame shows more detail
GRID_STEP = 0.11  # of the face width, between the vertices outside the face
FINE_GRID_REACH = 0.8  # face widths around the face; further out every third vertex in each direction suffices
BELOW_PHOTO = 3.0  # face widths of clothing continued under the photo, for a person who stands further away


@dataclass(frozen=True, slots=True, eq=False)
class Bust:
    """A portrait as a textured surface in millimetres, at rest: origin between the eyes, facing the camera.

    The first 468 vertices are the face mesh; the others form a grid over the rest of the person, curved backwards from
    the outline of the face. `follows` says how much of the head's rotation each vertex takes part in.
    """

    surface: Surface
    vertices: Vertices  # (n, 3) float32 mm
    normals: Vertices  # (n, 3) unit length, pointing outwards
    follows: NDArray[np.float32]  # (n,) [0, 1]: 1 on the head, falling to 0 on the shoulders
    pivot: NDArray[np.float32]  # (3,) mm, where the neck turns


def build_bust(image: Image, mesh: Mesh) -> Bust:
    """Model the person of `image`, (height, width, 3) uint8 BGR, under `mesh`.

    The triangles are laid out with the mouth open, or lips that touch in the portrait could never part.
    """
    image, points = _reduce(image, mesh.points)
    picture = _extend(cut_out(image, Mesh(points, mesh.presence)), float(np.ptp(points[:, 0])))
    grid = _grid(picture[..., 3], points)
    scale = EYE_DISTANCE_MM / _eye_distance(points)
    flat = np.vstack([points, _lift(grid, points)])
    triangles = _keep_visible(_delaunay(flat[:, :2] + open_mouth(flat)), flat[:, :2], picture[..., 3])
    origin = _between_eyes(points)
    vertices = ((flat - origin) * scale).astype(np.float32)
    head = vertices[: len(points)]
    surface = Surface(build_texture(picture), flat[:, :2].astype(np.float32), triangles)
    pivot = np.array([head[CHIN, 0], head[CHIN, 1] * 0.9, np.percentile(head[:, 2], 95)], dtype=np.float32)
    return Bust(surface, vertices, normals_of(vertices, triangles), _follow(vertices, head), pivot)


def _between_eyes(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle between the eyes, (3,)."""
    middle: NDArray[np.float32] = points[list(RIGHT_EYE_CORNERS + LEFT_EYE_CORNERS)].mean(axis=0)
    return middle


def _eye_distance(points: NDArray[np.float32]) -> float:
    right, left = points[list(RIGHT_EYE_CORNERS)].mean(axis=0), points[list(LEFT_EYE_CORNERS)].mean(axis=0)
    return float(np.linalg.norm(left - right))


def _reduce(image: Image, points: NDArray[np.float32]) -> tuple[Image, NDArray[np.float32]]:
    """Shrink an image whose face is larger than any simulated frame shows."""
    import cv2

    scale = LARGEST_FACE_PX / float(np.ptp(points[:, 1]))
    if scale >= 1.0:
        return image, points.astype(np.float32)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return small, (points * scale).astype(np.float32)


def _extend(picture: NDArray[np.uint8], face_width: float) -> NDArray[np.uint8]:
    """Continue the clothing under the photo."""
    import cv2

    rows = round(BELOW_PHOTO * face_width)
    hem = picture[-8:].mean(axis=0, keepdims=True).astype(np.uint8)
    hem[..., :3] = cv2.GaussianBlur(hem[..., :3], (0, 0), 0.15 * face_width, borderType=cv2.BORDER_REPLICATE)
    blend = np.linspace(0.0, 1.0, 12)[:, None, None]
    seam = picture[:-13:-1] * (1 - blend) + hem * blend  # the last rows mirrored, so that the seam is no edge
    return np.vstack([picture, seam.astype(np.uint8), np.repeat(hem, rows - len(seam), axis=0)])


def _grid(alpha: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vertices over the person outside the face, (n, 2) pixels, and around its outline."""
    import cv2

    step = GRID_STEP * float(np.ptp(points[:, 0]))
    height, width = alpha.shape
    columns = np.linspace(0, width - 1, max(2, round(width / step)))
    rows = np.linspace(0, height - 1, max(2, round(height / step)))
    lattice = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).astype(np.float32)
    near = cv2.dilate(alpha, np.ones((2 * round(step) + 1,) * 2, np.uint8))
    beyond = _beyond(lattice, points)
    coarse = np.add.outer(np.arange(len(rows)) % 3, np.arange(len(columns)) % 3).ravel() == 0
    x, y = lattice.round().astype(int).T
    wanted = (near[y, x] > 0) & (beyond > 0.5 * step) & (coarse | (beyond < FINE_GRID_REACH * np.ptp(points[:, 0])))
    grid: NDArray[np.float32] = lattice[wanted]
    return grid


def _beyond(places: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each of `places` lies outside the outline of the face, in pixels; negative inside."""
    import cv2

    outline = cv2.convexHull(np.ascontiguousarray(points[:, :2]))
    inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=True) for x, y in places]
    return -np.array(inside, dtype=np.float32)


def _lift(grid: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give grid vertices a depth: that of the nearest outline of the face, then back as a skull curves, (n, 3)."""
    import cv2

    width = float(np.ptp(points[:, 0]))
    ring = points[cv2.convexHull(np.ascontiguousarray(points[:, :2]), returnPoints=False).ravel()]
    dense = np.concatenate(
        [np.linspace(a, b, 8, endpoint=False) for a, b in zip(ring, np.roll(ring, -1, 0), strict=True)]
    )
    away = grid[:, None] - dense[None, :, :2]
    distance = np.sqrt((away**2).sum(axis=2)) / width
    share = 1.0 / (distance + 0.02) ** 3  # smooth nearest neighbour: no crease where two edges are equally near
    rim = (share * dense[None, :, 2]).sum(axis=1) / share.sum(axis=1)
    nearest = distance.min(axis=1)
    depth = rim + width * 0.45 * (1.0 - np.exp(-nearest / 0.35))
    return np.column_stack([grid, depth]).astype(np.float32)


def _delaunay(layout: NDArray[np.float32]) -> NDArray[np.int32]:
    """Triangles over `layout`, (m, 3) indices."""
    import cv2

    low, high = np.floor(layout.min(axis=0)) - 10, np.ceil(layout.max(axis=0)) + 10
    plane = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])))
    plane.insert([(float(x), float(y)) for x, y in layout])
    corners = np.asarray(plane.getTriangleList()).reshape(-1, 3, 2)
    where = {(float(x), float(y)): index for index, (x, y) in enumerate(layout)}
    indices = [[where.get((float(x), float(y)), -1) for x, y in triangle] for triangle in corners]
    found = np.array([row for row in indices if min(row) >= 0], dtype=np.int32)
    edge_1, edge_2 = layout[found[:, 1]] - layout[found[:, 0]], layout[found[:, 2]] - layout[found[:, 0]]
    clockwise = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0] > 0
    triangles: NDArray[np.int32] = np.where(clockwise[:, None], found, found[:, [0, 2, 1]])
    return triangles


def _keep_visible(
    triangles: NDArray[np.int32], layout: NDArray[np.float32], alpha: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Leave out triangles that show nothing of the person."""
    height, width = alpha.shape
    weights = np.array([[a, b, 1 - a - b] for a in (0.0, 0.25, 0.5, 0.75, 1.0) for b in np.arange(0, 1.01 - a, 0.25)])
    probes = np.einsum("kc,mcd->mkd", weights, layout[triangles])
    x = probes[..., 0].round().astype(int).clip(0, width - 1)
    y = probes[..., 1].round().astype(int).clip(0, height - 1)
    visible: NDArray[np.int32] = triangles[(alpha[y, x] > 0).any(axis=1)]
    return visible


def _follow(vertices: Vertices, head: Vertices) -> NDArray[np.float32]:
    """How much each vertex turns with the head: all of it down to the jaw, less along the neck."""
    width, height, chin = np.ptp(head[:, 0]), np.ptp(head[:, 1]), head[CHIN, 1]
    middle = (head[:, 0].max() + head[:, 0].min()) / 2
    down = (vertices[:, 1] - (chin - 0.08 * height)) / (0.75 * height)
    aside = (np.abs(vertices[:, 0] - middle) - 0.95 * width) / (0.8 * width)
    reach = np.clip(np.maximum(down, aside), 0.0, 1.0)
    smooth: NDArray[np.float32] = (1.0 - reach * reach * (3.0 - 2.0 * reach)).astype(np.float32)
    smooth[: len(head)] = 1.0
    return smooth


def normals_of(vertices: Vertices, triangles: NDArray[np.int32]) -> Vertices:
    """The outward normal at each vertex, (n, 3) unit length: the mean over its triangles, by area."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    faces = np.cross(c - a, b - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, triangles[:, i], faces)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: Vertices = (normals / np.maximum(length, 1e-9)).astype(np.float32)
    return unit
