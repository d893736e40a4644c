"""Foreign weights into ONNX: the readers are our own, no code of a weight file is ever executed."""

from __future__ import annotations

import numpy as np

from models.convert.dlib_resnet import convert_dlib_resnet
from models.convert.minifasnet import convert_minifasnet
from models.errors import WeightsError
from models.manifest import Network

CONVERTERS = {"dlib-resnet": convert_dlib_resnet, "minifasnet": convert_minifasnet}


def convert(weights: bytes, *, network: Network) -> bytes:
    """The file that the network's runtime loads, made from the file that its authors published.

    Raises WeightsError when `weights` does not have the structure its format promises.
    """
    if network.conversion == "none":
        return weights
    try:
        with np.errstate(all="ignore"):  # GraphBuilder refuses whatever is not a finite number, damaged or overflown
            return CONVERTERS[network.conversion](weights, network=network)
    except WeightsError as error:
        raise WeightsError(f"{network.file}: {error}") from error
