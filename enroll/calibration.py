"""Making a network's range table from photos: for developers, when a converter or a weight file has changed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from device.types import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from device.config import Settings
    from models.manifest import Network
    from models.range_table import RangeTable

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png"}
SEED = 1


def calibrate(settings: Settings, name: str, folders: Sequence[Path], *, photos: int) -> RangeTable:
    """The ranges of the template network `name` over some `photos` photos below `folders`, seen as the door sees them.

    Photos without a face are passed over. Needs a store in which the network is installed. Raises ManifestError for a
    network that is not listed or makes no templates, ModelMissingError when it is not installed.
    """
    from models.convert import convert
    from models.quantize import measure_ranges
    from models.range_table import RangeTable
    from models.store import ModelStore

    store = ModelStore(settings.models_folder)
    network = store.manifest.network(name)
    model = convert(store.original(network), network=network)
    tensors = list(_inputs(settings, name, network, _chosen(folders, photos)))
    ranges = measure_ranges(model, network=network, inputs=tensors)
    source = f"{len(tensors)} photos of {', '.join(folder.name for folder in folders)}"
    return RangeTable(model_id=network.model_id, source=source, inputs=len(tensors), ranges=ranges)


class Recorder:
    """An InferenceSession that keeps what it is shown."""

    def __init__(self, network: Network) -> None:
        self.seen: list[NDArray[np.float32]] = []
        self._outputs = tuple(np.ones(output.shape, np.float32) for output in network.outputs)

    def infer(self, tensor: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """Keep a copy of `tensor` and return ones of the manifest's shapes."""
        self.seen.append(tensor.copy())
        return self._outputs


def _chosen(folders: Sequence[Path], photos: int) -> list[Path]:
    """As many photos of each folder, at random but always the same."""
    chosen = []
    for folder in folders:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PHOTO_SUFFIXES)
        chosen += random.Random(SEED).sample(files, min(len(files), photos // len(folders)))  # noqa: S311 (no secret)
    return chosen


def _inputs(settings: Settings, name: str, network: Network, files: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
    """What the door would show the network of each photo's largest face."""
    from device.app import build_detector, build_fitter
    from device.vision.template import AlignedExtractor
    from models.card import ModelCard
    from models.manifest import Precision, Role
    from models.store import ModelStore

    installed = ModelStore(settings.models_folder).installed()
    detector, fitter = build_detector(settings, installed, Role.DETECTOR), build_fitter(settings, installed)
    recorder = Recorder(network)
    extractor = AlignedExtractor(recorder, ModelCard(name, network, Precision.FLOAT, "", "calibration"))
    for file in files:
        image = _read(file)
        if faces := detector.detect(image):
            largest = max(faces, key=lambda face: face.box.area)
            extractor.extract(image, fitter.fit(image, largest))
            yield recorder.seen.pop()


def _read(file: Path) -> Image:
    from PIL import Image as Photo
    from PIL import ImageOps

    with Photo.open(file) as photo:
        rgb = np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))
    return np.ascontiguousarray(rgb[:, :, ::-1])
