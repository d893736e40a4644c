"""Photos from files: whatever a file holds, an upright BGR picture comes out, or one sentence that names the file.

Photos come from phones, scanners, badge systems and sometimes from somebody with bad intentions. So the bytes and
pixels are limited before anything is decoded, only formats that people use for photos are tried, and every fault of the
decoder is a PhotoError.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from device.errors import PhotoTooLargeError, PhotoUnreadableError
from device.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_FILE_BYTES = 64 * 2**20  # an uncompressed 20 megapixel picture; photos of phones have 3 to 15 MB
MAX_JPEG_PIXELS = 2**26  # 67 megapixels: phones offer 50, and a JPEG is decoded at a fraction of its size
MAX_OTHER_PIXELS = 25_000_000  # the others are decoded whole, 12 bytes a pixel at worst
MAX_SIDE_PX = 2000  # half of what phones make; detectors look at 192 px, so no face that they find gets too small
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # JPEG includes MPO: some phones put a depth map behind the picture
HEIC = "HEIF"  # what Pillow calls it once pillow-heif is at hand
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})  # ISO/IEC 23008-12, annex B
EXIF_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4 A
UPRIGHT = {  # orientation -> the name of Pillow's operation that makes the picture upright
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
PALETTE = frozenset({"1", "P", "PA"})
WITH_ALPHA = frozenset({"RGBA", "LA"})
SCALABLE = frozenset({"L", "RGB", "CMYK", "YCbCr"}) | WITH_ALPHA
DECODER_FAULTS = (  # what Pillow's decoders raise for malformed files, beside OSError
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
)


ONE_AT_A_TIME = threading.Lock()  # of several threads one decodes: warnings are caught for all, memory is for one


def read_photo(path: Path) -> Image:
    """The photo in `path` as (height, width, 3) uint8 BGR, upright, its longer side at most 2000 px.

    Raises PhotoUnreadableError for a file that cannot be read or is no photo, and PhotoTooLargeError for one of more
    than 64 MiB, or than 67 megapixels for JPEG and 25 for the others; see `decode_photo`.
    """
    return decode_photo(read_photo_file(path), name=str(path))


def read_photo_file(path: Path) -> bytes:
    """The bytes of a photo that is a regular file within the limit.

    Raises PhotoUnreadableError for one that is empty, no file or cannot be read, PhotoTooLargeError above 64 MiB.
    """
    try:
        content = _regular_content(path)
    except OSError as error:
        raise PhotoUnreadableError(f"{path}: the photo cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise PhotoUnreadableError(f"{path!s:.200}: no file can have this name") from error
    if content is None:
        raise PhotoUnreadableError(f"{path}: this is a folder or a device, not a file")
    refuse_size(len(content), name=str(path))
    return content


def refuse_size(size: int, *, name: str) -> None:
    """Raises PhotoUnreadableError for no bytes at all and PhotoTooLargeError for more than a photo may have."""
    if not size:
        raise PhotoUnreadableError(f"{name}: the file is empty")
    if size > MAX_FILE_BYTES:
        raise PhotoTooLargeError(f"{name}: a photo may have {MAX_FILE_BYTES // 2**20} MiB, this file has more")


def decode_photo(content: bytes, *, name: str) -> Image:
    """The photo in `content` as (height, width, 3) uint8 BGR, upright, its longer side at most 2000 px.

    The camera's orientation note is obeyed; nothing else of a photo's metadata is looked at. Of an animation the first
    picture is taken. Transparent parts are shown on white, as a badge printer would. 16-bit pictures keep their upper
    8 bits; colour profiles are ignored. Several threads may call, and one decodes at a time. Takes 50 MB for a usual
    photo of a phone, and up to 400 MB for a moment for the largest. Raises PhotoUnreadableError and PhotoTooLargeError,
    which name it `name`.
    """
    refuse_size(len(content), name=name)
    with ONE_AT_A_TIME, _decoder_faults(name):
        picture = _open(content, name)
        return _as_bgr(picture, name)


def _regular_content(path: Path) -> bytes | None:
    """At most one byte more than the limit; None for what is no regular file: a pipe blocks, a device may never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)


@contextmanager
def _decoder_faults(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises or warns of into ours, keeping the cause."""
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what a decoder has doubts about is not for a door to guess
            yield
    except (PhotoUnreadableError, PhotoTooLargeError):
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning, MemoryError) as error:
        raise PhotoTooLargeError(f"{name}: the picture has too many pixels") from error
    except DECODER_FAULTS as error:
        raise PhotoUnreadableError(f"{name}: the photo is damaged: {error}") from error


def _open(content: bytes, name: str) -> Picture:
    """The picture with its pixels decoded, large JPEGs at a fraction of their size."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        picture = Pillow.open(io.BytesIO(content), formats=_formats(content, name))
    except UnidentifiedImageError as error:
        raise PhotoUnreadableError(f"{name}: this is not a JPEG, PNG, WebP, GIF, BMP or HEIC picture") from error
    limit = MAX_JPEG_PIXELS if isinstance(picture, JpegImageFile) else MAX_OTHER_PIXELS
    if picture.width * picture.height > limit:
        size = f"{picture.width} x {picture.height}"
        raise PhotoTooLargeError(f"{name}: such a photo may have {limit / 1e6:.0f} megapixels, this has {size} pixels")
    shrink = max(1.0, max(picture.size) / MAX_SIDE_PX)
    picture.draft(None, (max(1, int(picture.width / shrink)), max(1, int(picture.height / shrink))))
    picture.load()
    return picture


def _formats(content: bytes, name: str) -> tuple[str, ...]:
    """What is tried: HEIC alone where the file says that it is one, and never where it does not."""
    if content[4:8] != b"ftyp" or content[8:12] not in HEIC_BRANDS:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise PhotoUnreadableError(
            f"{name}: this is a HEIC picture, and HEIC is read with the `heic` extra only: pip install 'lintel[heic]'"
        ) from error
    register_heif_opener(thumbnails=False)
    return (HEIC,)


def _as_bgr(picture: Picture, name: str) -> Image:
    from PIL import Image as Pillow

    small = _eight_bits(picture, name)
    small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    if small.mode in WITH_ALPHA:
        opaque = Pillow.new("RGBA", small.size, "white")
        opaque.alpha_composite(small.convert("RGBA"))
        small = opaque
    turn = UPRIGHT.get(picture.getexif().get(EXIF_ORIENTATION, 1))
    if turn is not None:
        small = small.transpose(Pillow.Transpose[turn])
    return np.ascontiguousarray(np.asarray(small.convert("RGB"))[:, :, ::-1])


def _eight_bits(picture: Picture, name: str) -> Picture:
    """The picture with 8 bits a channel and no palette, so that it can be scaled."""
    from PIL import Image as Pillow

    mode = picture.mode
    if mode in SIXTEEN_BIT:
        return Pillow.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    if mode not in WITH_ALPHA and "transparency" in picture.info:  # one colour or palette entry is transparent
        return picture.convert("RGBA")
    if mode in PALETTE:
        return picture.convert("RGBA" if mode == "PA" else "RGB")
    if mode in SCALABLE:
        return picture
    raise PhotoUnreadableError(f"{name}: pictures of mode {mode} are not photos")
