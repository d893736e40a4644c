"""The portrait of the simulators, for liveness too."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.measure.simulate.puppet import Puppet
from device.types import Image, Mesh

MESH = Path(__file__).parents[1] / "measure" / "grace_hopper_mesh.json"


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
    return Mesh(np.array(json.loads(MESH.read_text()), dtype=np.float32), 1.0)


@pytest.fixture(scope="session")
def puppet(portrait: Image, portrait_mesh: Mesh) -> Puppet:
    return Puppet(portrait, portrait_mesh, seed=3)
