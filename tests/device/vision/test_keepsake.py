from __future__ import annotations

import contextlib
import io

import cv2
import numpy as np
import pytest
from builders import make_image, make_mesh
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from device.errors import PhotoUnreadableError
from device.types import Pose
from device.vision.keepsake import MAX_SIDE_PX, SIDE, make_keepsake, open_keepsake
from device.vision.mesh import face_box


def test_a_keepsake_shows_the_face_and_what_is_close_to_it() -> None:
    image = np.zeros((2000, 2000, 3), np.uint8)
    image[900:1100, 900:1100] = 255
    mesh = make_mesh(centre=(1000.0, 1000.0), width=150.0)
    kept = open_keepsake(make_keepsake(image, mesh))
    assert max(kept.shape[:2]) == pytest.approx(SIDE * face_box(mesh).height, abs=2)
    middle = kept.shape[0] // 2
    assert kept[middle, middle].tolist() == pytest.approx([255, 255, 255], abs=3)
    assert kept[4, 4].tolist() == pytest.approx([0, 0, 0], abs=3)


def test_a_large_face_is_kept_small() -> None:
    image = make_image(size=(3000, 2000))
    kept = open_keepsake(make_keepsake(image, make_mesh(centre=(1500.0, 1000.0), width=900.0)))
    assert max(kept.shape[:2]) == MAX_SIDE_PX
    assert kept.shape[1] == kept.shape[0] or min(kept.shape[:2]) < MAX_SIDE_PX


@given(
    x=st.floats(-500, 1500),
    y=st.floats(-500, 1500),
    width=st.floats(4, 3000),
    roll=st.floats(-80, 80),
)
def test_whatever_is_kept_opens_again_within_the_bounds(x: float, y: float, width: float, roll: float) -> None:
    mesh = make_mesh(centre=(x, y), width=width, pose=Pose(0.0, 0.0, roll))
    try:
        encoded = make_keepsake(make_image(), mesh)
    except ValueError:
        return  # outside the picture
    kept = open_keepsake(encoded)
    assert kept.dtype == np.uint8
    assert kept.ndim == 3
    assert 1 <= max(kept.shape[:2]) <= MAX_SIDE_PX


def test_a_face_outside_the_picture_has_no_keepsake() -> None:
    with pytest.raises(ValueError, match="outside"):
        make_keepsake(make_image(), make_mesh(centre=(5000.0, 240.0)))


def test_a_keepsake_has_no_metadata() -> None:
    encoded = make_keepsake(make_image(), make_mesh())
    picture = Pillow.open(io.BytesIO(encoded))
    assert picture.format == "WEBP"
    assert dict(picture.getexif()) == {}
    assert set(picture.info) <= {"loop", "background", "timestamp", "duration"}  # what Pillow makes up for any WebP
    assert {encoded[12:16]} == {b"VP8 "}  # the one form of the three that has no place for it


def with_exif() -> bytes:
    stream, exif = io.BytesIO(), Pillow.Exif()
    exif[0x010E] = "taken at home"
    Pillow.fromarray(make_image(size=(64, 64))).save(stream, "WEBP", exif=exif)
    return stream.getvalue()


def too_large() -> bytes:
    return cv2.imencode(".webp", make_image(size=(MAX_SIDE_PX + 1, 64)), [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        make_keepsake(make_image(), make_mesh())[:-1],
        make_keepsake(make_image(), make_mesh()) + b"hidden",
        cv2.imencode(".jpg", make_image())[1].tobytes(),
        with_exif(),
        too_large(),
    ],
    ids=["empty", "short", "cut", "longer", "jpeg", "metadata", "large"],
)
def test_what_is_no_keepsake_is_not_opened(content: bytes) -> None:
    with pytest.raises(PhotoUnreadableError):
        open_keepsake(content)


@given(st.data())
def test_a_damaged_keepsake_opens_or_is_refused_and_nothing_else(data: st.DataObject) -> None:
    encoded = bytearray(make_keepsake(make_image(), make_mesh()))
    for place in data.draw(st.lists(st.integers(0, len(encoded) - 1), min_size=1, max_size=8)):
        encoded[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PhotoUnreadableError):
        assert max(open_keepsake(bytes(encoded)).shape) <= MAX_SIDE_PX
