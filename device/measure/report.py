"""Pictures for people: a sheet of annotated frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from device.types import Box, Image

Colour = tuple[int, int, int]  # blue, green, red in 0…255

PICTURE_WIDTH_PX = 400
MARGIN_PX = 20
STRIPE_PX = 6  # the coloured edge under a picture
LINE_PX = 24
PAPER: Colour = (250, 250, 248)
INK: Colour = (40, 36, 32)
FAINT: Colour = (120, 112, 104)


class Tone(Enum):
    """What the colour of a tile says."""

    GOOD = (86, 148, 46)
    BAD = (52, 52, 196)
    NEUTRAL = (150, 140, 130)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One frame with what there is to say about it."""

    image: Image  # (height, width, 3) uint8 BGR, of any size; all tiles get the shape of the first
    title: str
    lines: tuple[str, ...] = ()  # under the title, smaller
    tone: Tone = Tone.NEUTRAL
    box: Box | None = None  # drawn around the face, in pixels of `image`


def contact_sheet(tiles: Sequence[Tile], *, title: str, notes: Sequence[str] = (), columns: int = 3) -> Image:
    """All tiles on one page under a title, the notes at its foot: (height, width, 3) uint8 BGR.

    Text that is too long for its place is cut, and ends in "...". Raises ValueError without tiles or columns.
    """
    if not tiles or columns < 1:
        raise ValueError("a contact sheet needs at least one tile and one column")
    columns = min(columns, len(tiles))
    height, width = tiles[0].image.shape[:2]
    picture = (PICTURE_WIDTH_PX, round(PICTURE_WIDTH_PX * height / width))
    caption_px = STRIPE_PX + 40 + LINE_PX * max(len(tile.lines) for tile in tiles)
    cell_width, cell_height = picture[0] + MARGIN_PX, picture[1] + caption_px + MARGIN_PX
    head_px = 72
    page_width = MARGIN_PX + columns * cell_width
    page_height = head_px + math.ceil(len(tiles) / columns) * cell_height + LINE_PX * len(notes) + MARGIN_PX
    page = np.full((page_height, page_width, 3), PAPER, dtype=np.uint8)
    write_text(page, title, at=(MARGIN_PX, 46), size=1.0, colour=INK, width_px=page_width - 2 * MARGIN_PX)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        _place(page, tile, left=MARGIN_PX + column * cell_width, top=head_px + row * cell_height, picture=picture)
    foot = page_height - MARGIN_PX - LINE_PX * len(notes) + 14
    for number, note in enumerate(notes):
        place = (MARGIN_PX, foot + number * LINE_PX)
        write_text(page, note, at=place, size=0.5, colour=FAINT, width_px=page_width - 2 * MARGIN_PX)
    return page


def _place(page: Image, tile: Tile, *, left: int, top: int, picture: tuple[int, int]) -> None:
    """Draw one tile with its corner at (left, top); its picture is (width, height) pixels large."""
    import cv2

    width, height = picture
    shown = cv2.resize(tile.image, picture, interpolation=cv2.INTER_AREA)
    if tile.box is not None:
        scale_x, scale_y = width / tile.image.shape[1], height / tile.image.shape[0]
        corner = round(tile.box.left * scale_x), round(tile.box.top * scale_y)
        opposite = round(tile.box.right * scale_x), round(tile.box.bottom * scale_y)
        cv2.rectangle(shown, corner, opposite, (255, 255, 255), 4, cv2.LINE_AA)
        cv2.rectangle(shown, corner, opposite, tile.tone.value, 2, cv2.LINE_AA)
    page[top : top + height, left : left + width] = shown
    page[top + height : top + height + STRIPE_PX, left : left + width] = tile.tone.value
    baseline = top + height + STRIPE_PX + 27
    write_text(page, tile.title, at=(left, baseline), size=0.7, colour=tile.tone.value, width_px=width)
    for number, line in enumerate(tile.lines, start=1):
        write_text(page, line, at=(left, baseline + number * LINE_PX), size=0.5, colour=INK, width_px=width)


def write_text(page: Image, text: str, *, at: tuple[int, int], size: float, colour: Colour, width_px: int) -> None:
    """Write one line with its baseline starting at `at`, cut to `width_px`. `size` 1 is about 21 px tall."""
    import cv2

    font, weight = cv2.FONT_HERSHEY_SIMPLEX, 2 if size > 0.6 else 1
    shown = text
    while len(shown) > 4 and cv2.getTextSize(shown, font, size, weight)[0][0] > width_px:
        shown = shown[:-4].rstrip() + "..."
    cv2.putText(page, shown, at, font, size, colour, weight, cv2.LINE_AA)


def write_png(image: Image, file: Path) -> None:
    """Write a picture to `file`, making its folder. Raises OSError when the disk does not take it."""
    import cv2

    file.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", image)
    file.write_bytes(encoded.tobytes())
