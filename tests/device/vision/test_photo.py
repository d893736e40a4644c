from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from device.errors import PhotoError, PhotoTooLargeError, PhotoUnreadableError
from device.vision.photo import MAX_SIDE_PX, read_photo


def gradient(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A picture without symmetry: red grows downwards, green to the right, blue is low with one bright corner."""
    down, right = np.mgrid[0:height, 0:width]
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[..., 0] = down * 255 // height
    picture[..., 1] = right * 255 // width
    picture[: height // 4, : width // 4, 2] = 200
    return picture


def encoded(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


RGB = Pillow.fromarray(gradient())
BGR = gradient()[:, :, ::-1]


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean absolute difference of two pictures of one size, in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


LOSSLESS = {
    "png": encoded(RGB, "PNG"),
    "bmp": encoded(RGB, "BMP"),
    "webp": encoded(RGB, "WEBP", lossless=True),
    "opaque alpha": encoded(RGB.convert("RGBA"), "PNG"),
}
LOSSY = {
    "jpeg": encoded(RGB, "JPEG", quality=97, subsampling=0),
    "progressive": encoded(RGB, "JPEG", quality=97, subsampling=0, progressive=True),
    "cmyk": encoded(RGB.convert("CMYK"), "JPEG", quality=97),
    "webp": encoded(RGB, "WEBP", quality=97),
    "mpo": encoded(RGB, "MPO", quality=97, save_all=True, append_images=[RGB.rotate(180)]),
    "palette": encoded(RGB.quantize(256, dither=Pillow.Dither.NONE), "PNG"),
    "gif": encoded(RGB.quantize(256, dither=Pillow.Dither.NONE), "GIF"),
}


@pytest.mark.parametrize("content", LOSSLESS.values(), ids=LOSSLESS.keys())
def test_a_lossless_photo_is_read_as_it_is_in_bgr(tmp_path: Path, content: bytes) -> None:
    image = read_photo(saved(tmp_path / "photo", content))
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.array_equal(image, BGR)


@pytest.mark.parametrize("content", LOSSY.values(), ids=LOSSY.keys())
def test_a_lossy_photo_is_read_nearly_as_it_was_in_bgr(tmp_path: Path, content: bytes) -> None:
    assert difference(read_photo(saved(tmp_path / "photo", content)), BGR) < 8


def test_a_grey_photo_has_three_equal_channels(tmp_path: Path) -> None:
    for mode in ("L", "LA", "1"):
        image = read_photo(saved(tmp_path / "photo", encoded(RGB.convert(mode), "PNG")))
        assert image.shape == (48, 64, 3)
        assert np.array_equal(image[..., 0], image[..., 1])
        assert np.array_equal(image[..., 1], image[..., 2])


def test_a_16_bit_grey_photo_keeps_its_upper_8_bits(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(48, 64)
    image = read_photo(saved(tmp_path / "photo", encoded(Pillow.fromarray(deep), "PNG")))
    assert np.array_equal(image[..., 0], (deep >> 8).astype(np.uint8))


def png(width: int, height: int, *, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG made by hand, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_16_bit_colour_photo_keeps_its_upper_8_bits(tmp_path: Path) -> None:
    deep = (gradient().astype(np.uint16) << 8) | 0x7F
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in deep)
    content = png(64, 48, depth=16, colour=2, rows=rows)
    assert np.array_equal(read_photo(saved(tmp_path / "photo.png", content)), BGR)


def test_transparent_parts_are_shown_on_white(tmp_path: Path) -> None:
    see_through = np.dstack([gradient(), np.full((48, 64), 255, dtype=np.uint8)])
    see_through[:, :32, 3] = 0
    image = read_photo(saved(tmp_path / "photo", encoded(Pillow.fromarray(see_through), "PNG")))
    assert (image[:, :32] == 255).all()
    assert np.array_equal(image[:, 32:], BGR[:, 32:])


def test_a_transparent_palette_colour_is_shown_on_white(tmp_path: Path) -> None:
    two = Pillow.new("P", (8, 8), 0)
    two.putpalette([10, 20, 30, 200, 100, 50])
    two.paste(1, (0, 0, 4, 8))
    for kind in ("PNG", "GIF"):
        image = read_photo(saved(tmp_path / "photo", encoded(two, kind, transparency=0)))
        assert (image[:, 4:] == 255).all()
        assert (image[:, :4] == (50, 100, 200)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_taken_with_a_turned_camera_comes_out_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    turned = {  # what the sensor saw, so that the note says how to make it upright
        1: RGB,
        2: RGB.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT),
        3: RGB.transpose(Pillow.Transpose.ROTATE_180),
        4: RGB.transpose(Pillow.Transpose.FLIP_TOP_BOTTOM),
        5: RGB.transpose(Pillow.Transpose.TRANSPOSE),
        6: RGB.transpose(Pillow.Transpose.ROTATE_90),
        7: RGB.transpose(Pillow.Transpose.TRANSVERSE),
        8: RGB.transpose(Pillow.Transpose.ROTATE_270),
    }[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    image = read_photo(saved(tmp_path / "photo", encoded(turned, kind, exif=exif, quality=97)))
    assert difference(image, BGR) < 8


def test_an_orientation_that_does_not_exist_is_ignored(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 77
    assert difference(read_photo(saved(tmp_path / "photo", encoded(RGB, "JPEG", exif=exif))), BGR) < 8


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path, kind: str) -> None:
    first, second = Pillow.new("RGB", (16, 12), (250, 0, 0)), Pillow.new("RGB", (16, 12), (0, 0, 250))
    content = encoded(first, kind, save_all=True, append_images=[second], duration=100)
    image = read_photo(saved(tmp_path / "photo", content))
    assert image[6, 8, 2] > 240
    assert image[6, 8, 0] < 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_photo_is_scaled_down_and_keeps_its_proportions(tmp_path: Path, kind: str) -> None:
    content = encoded(RGB.resize((6000, 3000)), kind)
    image = read_photo(saved(tmp_path / "photo", content))
    assert max(image.shape) <= MAX_SIDE_PX
    assert abs(image.shape[1] / image.shape[0] - 2.0) < 0.01
    assert difference(np.asarray(Pillow.fromarray(image).resize((64, 48))), BGR) < 8


@pytest.mark.parametrize("size", [(9000, 1), (1, 9000)])
def test_a_photo_may_be_as_thin_as_a_line(tmp_path: Path, size: tuple[int, int]) -> None:
    image = read_photo(saved(tmp_path / "photo", encoded(RGB.resize(size), "JPEG")))
    assert sorted(image.shape) == [1, 3, MAX_SIDE_PX]


def test_a_photo_of_one_pixel_is_a_photo(tmp_path: Path) -> None:
    assert read_photo(saved(tmp_path / "photo", encoded(Pillow.new("RGB", (1, 1), (1, 2, 3)), "PNG"))).tolist() == [
        [[3, 2, 1]]
    ]


def refusal(path: Path) -> PhotoError:
    """The one sentence about `path`, which it names."""
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path)[:150])
    assert "\n" not in sentence
    return caught.value


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "No such file" in str(refusal(tmp_path / "missing.jpg"))


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    assert "this is a folder or a device" in str(refusal(tmp_path))


def test_an_empty_file_is_no_photo(tmp_path: Path) -> None:
    assert "empty" in str(refusal(saved(tmp_path / "photo.jpg", b"")))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "this is a folder or a device" in str(refusal(tmp_path / "pipe.jpg"))


def test_a_device_is_refused_and_not_read_without_end() -> None:
    assert "this is a folder or a device" in str(refusal(Path("/dev/zero")))


def test_a_name_that_no_file_can_have_is_refused() -> None:
    assert "name" in str(refusal(Path("a\x00b.jpg")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "photo.jpg", LOSSY["jpeg"])
    path.chmod(0)
    assert "Permission denied" in str(refusal(path))


@pytest.mark.parametrize(
    "content",
    [b"\x00", b"hello, this is no picture", b"%PDF-1.4\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ" * 50],
)
def test_what_is_no_picture_is_told_what_would_be(tmp_path: Path, content: bytes) -> None:
    assert "not a JPEG, PNG, WebP, GIF, BMP or HEIC" in str(refusal(saved(tmp_path / "photo.jpg", content)))


def test_formats_that_nobody_uses_for_photos_are_not_even_tried(tmp_path: Path) -> None:
    for kind in ("TIFF", "PPM", "ICO", "TGA", "EPS"):
        assert isinstance(refusal(saved(tmp_path / f"photo.{kind}", encoded(RGB, kind))), PhotoUnreadableError)


def test_a_file_of_too_many_bytes_is_refused_without_decoding(tmp_path: Path) -> None:
    path = saved(tmp_path / "photo.jpg", LOSSY["jpeg"])
    os.truncate(path, 65 * 2**20)
    error = refusal(path)
    assert isinstance(error, PhotoTooLargeError)
    assert "64 MiB" in str(error)


BOMBS = {
    "png": png(60_000, 60_000, depth=1, colour=0, rows=bytes(1000)),
    "png under the library's own limit": png(6000, 6000, depth=8, colour=2, rows=bytes(1000)),
    "png without end": png(2**31 - 1, 2**31 - 1, depth=16, colour=6, rows=bytes(1000)),
    "gif": b"GIF89a"
    + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    + b","
    + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0),
    "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, content: bytes) -> None:
    assert isinstance(refusal(saved(tmp_path / "photo", content)), PhotoError)


READ_IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from PIL import Image, PngImagePlugin, JpegImagePlugin, GifImagePlugin, BmpImagePlugin, WebPImagePlugin
from device.errors import PhotoError
from device.vision.photo import read_photo
Image.init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    try:
        read_photo(Path(name))
    except PhotoError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    paths = [saved(tmp_path / str(number), content) for number, content in enumerate(BOMBS.values())]
    command = [sys.executable, "-c", READ_IN_LITTLE_MEMORY, *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert int(said.stdout) < 32 * 1024, "KiB"


SOUND = {**{f"lossless {name}": content for name, content in LOSSLESS.items()}, **LOSSY}


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND.keys())
def test_a_photo_cut_off_anywhere_is_refused_or_read_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo"
    refused = 0
    for length in {*range(1, len(content), max(1, len(content) // 60)), len(content) - 1, len(content) - 2}:
        saved(path, content[:length])
        try:
            assert read_photo(path).shape == (48, 64, 3)
        except PhotoUnreadableError:
            refused += 1
    assert refused > 10


@given(st.sampled_from(sorted(SOUND)), st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_photo_with_flipped_bits_is_refused_or_read_and_nothing_else(
    tmp_path: Path, name: str, seed: int, flips: int
) -> None:
    content = bytearray(SOUND[name])
    dice = random.Random(seed)
    for _ in range(flips):
        reach = len(content) if dice.random() < 0.5 else min(64, len(content))  # headers matter most
        content[dice.randrange(reach)] ^= 1 << dice.randrange(8)
    try:
        image = read_photo(saved(tmp_path / "photo", bytes(content)))
    except PhotoError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


@given(
    st.sampled_from([b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\x20\x00\x00\x00WEBPVP8 "]),
    st.binary(),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_header_followed_by_anything_is_refused_or_read(tmp_path: Path, header: bytes, rest: bytes) -> None:
    try:
        read_photo(saved(tmp_path / "photo", header + rest))
    except PhotoError as error:
        assert str(error).startswith(str(tmp_path))  # noqa: PT017 (a photo may be read, too)
