"""What every runtime checks about the tensors that go in and out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.errors import InferenceError
from models.manifest import Network

Shape = tuple[int, ...]


def check_input(tensor: NDArray[np.float32], *, network: Network) -> None:
    """Raises InferenceError unless `tensor` is float32 of exactly the manifest's shape."""
    if tensor.dtype != np.float32 or tensor.shape != network.input.shape:
        raise InferenceError(
            f"{network.model_id} takes float32 {network.input.shape}, got {tensor.dtype} {tensor.shape}"
        )


def check_signature(inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], *, network: Network) -> None:
    """Raises InferenceError unless a loaded network has the manifest's one input and at least its outputs."""
    expected_inputs = {network.input.name: network.input.shape}
    if dict(inputs) != expected_inputs:
        raise InferenceError(f"{network.model_id} should take {expected_inputs}, but takes {dict(inputs)}")
    for output in network.outputs:
        if outputs.get(output.name) != output.shape:
            raise InferenceError(
                f"{network.model_id} should give {output.name} {output.shape}, but gives {dict(outputs)}"
            )
