"""The contact sheet shows every tile, whole, in its colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device.measure.report import MARGIN_PX, PAPER, PICTURE_WIDTH_PX, Tile, Tone, contact_sheet, write_png, write_text
from device.types import Box, Image


def plain(level: int, *, height: int = 120, width: int = 160) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def has_colour(page: Image, colour: tuple[int, int, int]) -> bool:
    return bool((page == np.array(colour, np.uint8)).all(axis=2).any())


def test_every_tile_is_on_the_page_with_its_colour() -> None:
    page = contact_sheet([Tile(plain(10), "a", tone=Tone.GOOD), Tile(plain(90), "b", tone=Tone.BAD)], title="Two")
    for level in (10, 90):
        assert (page == level).all(axis=2).sum() >= PICTURE_WIDTH_PX * 250
    assert has_colour(page, Tone.GOOD.value)
    assert has_colour(page, Tone.BAD.value)
    assert not has_colour(page, Tone.NEUTRAL.value)


def test_tiles_fill_rows_from_the_left() -> None:
    one_row = contact_sheet([Tile(plain(10), "a")] * 3, title="x")
    two_rows = contact_sheet([Tile(plain(10), "a")] * 4, title="x")
    assert one_row.shape[1] == two_rows.shape[1]
    assert two_rows.shape[0] > one_row.shape[0] + 300
    assert (two_rows[-60:, PICTURE_WIDTH_PX + 2 * MARGIN_PX :] == PAPER).all()


def test_fewer_tiles_than_columns_make_a_narrower_page() -> None:
    assert contact_sheet([Tile(plain(10), "a")], title="x").shape[1] == PICTURE_WIDTH_PX + 2 * MARGIN_PX


def test_a_box_is_drawn_where_the_face_is() -> None:
    tile = Tile(plain(10), "a", tone=Tone.GOOD, box=Box(40, 30, 80, 60))
    page = contact_sheet([tile], title="x")
    scale = PICTURE_WIDTH_PX / 160
    x, y = MARGIN_PX + round(40 * scale), 72 + round(60 * scale)
    assert (np.abs(page[y, x - 1 : x + 2].astype(int) - Tone.GOOD.value).max(axis=1) < 40).any()


def test_pictures_of_other_shapes_get_the_shape_of_the_first() -> None:
    page = contact_sheet([Tile(plain(10), "a"), Tile(plain(90, height=999, width=50), "b")], title="x")
    rows = (page == 90).all(axis=2)
    assert rows.any(axis=0).sum() == PICTURE_WIDTH_PX


def test_text_that_is_too_long_stays_within_its_place() -> None:
    page = np.zeros((60, 400, 3), np.uint8)
    write_text(page, "a very long sentence " * 20, at=(10, 40), size=0.7, colour=(255, 255, 255), width_px=200)
    assert page[:, 10:210].any()
    assert not page[:, 215:].any()


def test_notes_and_lines_make_the_page_longer() -> None:
    short = contact_sheet([Tile(plain(10), "a")], title="x")
    longer = contact_sheet([Tile(plain(10), "a", ("one", "two"))], title="x", notes=("simulated",))
    assert longer.shape[0] > short.shape[0]


@pytest.mark.parametrize("columns", [0, -1])
def test_a_sheet_needs_a_column(columns: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([Tile(plain(10), "a")], title="x", columns=columns)


def test_a_sheet_needs_a_tile() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], title="x")


def test_a_picture_is_written_as_it_is_with_its_folder(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    file = tmp_path / "build" / "sheet.png"
    write_png(picture, file)
    assert np.array_equal(cv2.imread(str(file)), picture)
