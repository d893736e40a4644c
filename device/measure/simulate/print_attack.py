"""A paper print of a photo, held in front of the camera by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.measure.simulate.lens import Lens
from device.measure.simulate.raster import Footprint, build_texture, composite, rasterise, sample
from device.measure.simulate.room import LIGHT, Sensor, paint_room
from device.measure.simulate.sheet import COLUMNS, ROWS, Handling, hold_sheet, lay_sheet, shine_on, wave
from device.types import Image, Mesh

PRINTED_PX = 1000  # the longer side of a print in texels; no simulated frame shows more detail
INK_BLACK, PAPER_WHITE = 38.0, 232.0  # levels of 0 to 255: office prints reflect some 4 % to 80 % of the light
GAMUT = 0.82  # saturation that office inks keep of a screen's
DOT_CONTRAST = 9.0  # levels; the halftone of an office printer as a camera half resolves it
DOT_TEXELS = 3.1  # distance between halftone dots
GLOSS = 120.0  # Phong exponent of coated paper
GLARE = 90.0  # levels at the centre of a highlight


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The sheet: how wide it is printed. Its height follows the photo."""

    width_mm: float = 200.0  # A4 in portrait format is 210 wide
    border: float = 0.04  # white margin as a share of the width


class PrintAttack:
    """A simulation of a printed photo, flat or bent, waved in front of the camera.

    It moves exactly as paper does: a plane, or a cylinder, in perspective. It does not model the hand and the person
    behind it, paper fibres, folds, cut-out eyes or masks, shadows, motion blur or white balance; its colours and
    dots are those of no real printer. It says something about parallax, little about texture networks.
    """

    def __init__(
        self,
        image: Image,
        handling: Handling | None = None,
        *,
        paper: Paper | None = None,
        lens: Lens | None = None,
        seed: int = 0,
    ) -> None:
        """Print `image`, (height, width, 3) uint8 BGR; `handling` is a flat, waved print unless given."""
        self._lens, paper = lens or Lens(), paper or Paper()
        picture = print_on_paper(image, border=paper.border, seed=seed)
        self._surface = lay_sheet(build_texture(picture))
        self._size_mm = (paper.width_mm, paper.width_mm * picture.shape[0] / picture.shape[1])
        self._handling = handling or wave(seed)
        self._room = paint_room(self._lens, seed=seed)
        self._sensor = Sensor(self._lens, seed=seed)

    def frame_at(self, t_s: float) -> Image:
        """The camera's picture `t_s` seconds after the print was shown."""
        scene = self._room.copy()
        vertices, normals = hold_sheet(self._size_mm, self._handling(t_s))
        light = 0.65 + 0.45 * np.maximum(normals @ LIGHT, 0.0)
        footprint = rasterise(self._surface, vertices, light[self._surface.triangles].astype(np.float32), self._lens)
        if footprint is not None:
            composite(scene, sample(self._surface.texture, footprint), footprint)
            glare = GLARE * shine_on(vertices, normals, light=LIGHT, sharpness=GLOSS)
            self._shine(scene, footprint, glare)
        return self._sensor.expose(scene, t_s)

    def _shine(self, scene: Image, footprint: Footprint, glare: NDArray[np.float32]) -> None:
        """Add the highlight, in levels at each vertex of the sheet, to the frame."""
        import cv2

        height, width = self._surface.texture.levels[0].shape[:2]
        across, down = footprint.u * ((COLUMNS - 1) / (width - 1)), footprint.v * ((ROWS - 1) / (height - 1))
        spread = cv2.remap(glare, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        spread[footprint.u < 0] = 0.0
        lit = np.ascontiguousarray(scene[footprint.region])
        scene[footprint.region] = cv2.add(lit, cv2.merge([spread] * 3), dtype=cv2.CV_8U)


def crop_to_face(image: Image, mesh: Mesh, *, widths: float = 2.4) -> Image:
    """What an attacker prints: `widths` face widths about the face under `mesh`, in the proportion of A4 at most."""
    low, high = mesh.points[:, :2].min(axis=0), mesh.points[:, :2].max(axis=0)
    (width, height), (x, y) = high - low, (low + high) / 2
    half = np.array([widths * width / 2, max(widths * width / np.sqrt(2), 0.8 * height)])
    left, top = (np.array([x, y]) - half).clip(0).astype(int)
    right, bottom = (np.array([x, y]) + half).astype(int)
    return np.ascontiguousarray(image[top : bottom + 1, left : right + 1])


def print_on_paper(image: Image, *, border: float, seed: int) -> NDArray[np.uint8]:
    """What a print of `image` looks like in even light: (height, width, 4) uint8 BGRA, opaque."""
    import cv2

    scale = PRINTED_PX / max(image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=method).astype(np.float32)
    grey = cv2.cvtColor(scaled, cv2.COLOR_BGR2GRAY)[..., None]
    inks = grey + GAMUT * (scaled - grey)
    inks += _halftone(inks.shape[:2], seed=seed)[..., None] * (inks * (255.0 - inks) / 127.5**2)
    soft = cv2.GaussianBlur(inks, (0, 0), 1.0)
    paper = INK_BLACK + (PAPER_WHITE - INK_BLACK) * np.clip(soft / 255.0, 0.0, 1.0)
    margin = round(border * image.shape[1] * scale)
    white = (PAPER_WHITE - 4, PAPER_WHITE, PAPER_WHITE)
    framed = cv2.copyMakeBorder(paper, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=white)
    opaque = np.full(framed.shape[:2], 255, dtype=np.uint8)
    return np.dstack([framed.astype(np.uint8), opaque])


def _halftone(shape: tuple[int, int], *, seed: int) -> NDArray[np.float32]:
    """Dots at 45 degrees with uneven ink, levels around zero."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) * np.float32(2 * np.pi / DOT_TEXELS / np.sqrt(2))
    uneven = np.random.default_rng(seed).normal(0.0, 0.3, shape)
    dots: NDArray[np.float32] = (DOT_CONTRAST * (np.cos(x + y) * np.cos(x - y) + uneven)).astype(np.float32)
    return dots
