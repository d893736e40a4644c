"""Reference photos: what is kept of a picture so that another network can make references from it one day.

Only the face and what surrounds it closely, small, and as a simple WebP file, a form that has no room for metadata
(WebP container specification, "simple file format"). The collection seals it.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from device.errors import PhotoUnreadableError
from device.types import Image, Mesh
from device.vision.mesh import face_box

SIDE = 2.5  # of the face box: with less around it, detectors draw another box and templates drift (docs/migration.md)
MAX_SIDE_PX = 640  # then the face has 256 pixels; the networks of today look at 112 to 192
QUALITY = 90  # of WebP, 1…100; on badge portraits better ones move no template further than the crop does
SIMPLE_FORM = struct.Struct("<4sI4s4sI6sHH")  # RIFF, bytes after it, WEBP, VP8, its bytes, key frame, width, height
SIZE_BITS = 0x3FFF  # width and height have 14; the upper two ask for scaling (RFC 6386, 9.1)
RIFF_HEAD_BYTES = 8


def make_keepsake(image: Image, mesh: Mesh) -> bytes:
    """The face under `mesh`, cut out of `image`, (height, width, 3) uint8 BGR, as a WebP file without metadata.

    A square of 2.5 face boxes, less where the picture ends, its longer side at most 640 px. On badge portraits it has
    40 kB. Raises ValueError when the face lies outside the picture.
    """
    height, width = image.shape[:2]
    box = face_box(mesh)
    reach = SIDE * max(box.width, box.height) / 2
    x, y = box.centre
    left, right = (min(max(0, round(edge)), width) for edge in (x - reach, x + reach))
    top, bottom = (min(max(0, round(edge)), height) for edge in (y - reach, y + reach))
    if left >= right or top >= bottom:
        raise ValueError("the face lies outside the picture")
    cut = image[top:bottom, left:right]
    shrink = MAX_SIDE_PX / max(cut.shape[:2])
    if shrink < 1:
        size = (max(1, round(cut.shape[1] * shrink)), max(1, round(cut.shape[0] * shrink)))
        cut = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    is_made, encoded = cv2.imencode(".webp", cut, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not is_made:
        raise ValueError("the picture cannot be encoded")
    return encoded.tobytes()


def open_keepsake(encoded: bytes) -> Image:
    """The picture in what `make_keepsake` made, as (height, width, 3) uint8 BGR.

    Raises PhotoUnreadableError for anything else, before it is decoded: another form, one with metadata, a larger
    picture, or bytes behind it.
    """
    if not _is_simple_webp(encoded):
        raise PhotoUnreadableError("a reference photo is not in the form in which Lintel keeps them")
    image: Image | None = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise PhotoUnreadableError("a reference photo is damaged")
    return image


def _is_simple_webp(encoded: bytes) -> bool:
    if len(encoded) < SIMPLE_FORM.size:
        return False
    riff, size, webp, kind, _, _, width, height = SIMPLE_FORM.unpack_from(encoded)
    is_whole = len(encoded) == size + RIFF_HEAD_BYTES
    is_small = 0 < width & SIZE_BITS <= MAX_SIDE_PX and 0 < height & SIZE_BITS <= MAX_SIDE_PX
    return (riff, webp, kind) == (b"RIFF", b"WEBP", b"VP8 ") and is_whole and is_small
