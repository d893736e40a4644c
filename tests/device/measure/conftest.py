"""A public-domain portrait that matplotlib ships, and where its face mesh lies."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.measure.simulate.puppet import Puppet
from device.types import Image, Mesh


@pytest.fixture(scope="session")
def portrait() -> Image:
    cbook = pytest.importorskip(
        "matplotlib.cbook", reason="the portrait is part of matplotlib, a development dependency"
    )
    image = cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


@pytest.fixture(scope="session")
def portrait_mesh() -> Mesh:
    points = json.loads(Path(__file__).with_name("grace_hopper_mesh.json").read_text())
    return Mesh(np.array(points, dtype=np.float32), 1.0)


@pytest.fixture(scope="session")
def puppet(portrait: Image, portrait_mesh: Mesh) -> Puppet:
    return Puppet(portrait, portrait_mesh, seed=3)
