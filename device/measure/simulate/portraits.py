"""Two public-domain portraits that packages of the `demo` extra ship, so that a demo needs no photo of anybody here.

Rear Admiral Grace Hopper (matplotlib) and the astronaut Eileen Collins (scikit-image), both photographed by or for the
United States government.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from device.errors import PhotoUnreadableError
from device.types import Image
from device.vision.photo import read_photo


def grace_hopper() -> Image:
    """Grace Hopper in uniform, (600, 512, 3) uint8 BGR. Raises PhotoUnreadableError without matplotlib."""
    try:
        from matplotlib import cbook
    except ImportError as error:
        raise PhotoUnreadableError("this portrait comes with matplotlib: install the `demo` extra") from error
    return read_photo(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


def eileen_collins() -> Image:
    """Eileen Collins in a space suit, (512, 512, 3) uint8 BGR. Raises PhotoUnreadableError without scikit-image."""
    try:
        from skimage import data
    except ImportError as error:
        raise PhotoUnreadableError("this portrait comes with scikit-image: install the `demo` extra") from error
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])
