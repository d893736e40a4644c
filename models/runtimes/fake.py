"""A runtime without a network: the same input always gives the same output. For tests and for bench work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InferenceError
from models.manifest import Network
from models.runtimes.tensors import check_input
from models.session import RuntimeOptions

MAGIC = b"lintel fake network\n"  # what the file of a fake network begins with; the rest seeds its weights


class FakeSession:
    """A fixed random projection of the input to each output, so that equal inputs agree and others differ.

    Inputs are seen through 64 averages of equal stretches: a small change of the input is a small change of the output.
    """

    STRETCHES = 64

    def __init__(self, model: bytes, *, network: Network, options: RuntimeOptions) -> None:  # noqa: ARG002 (the factory's signature)
        """Raises InferenceError unless `model` begins with MAGIC."""
        if not model.startswith(MAGIC):
            raise InferenceError(f"{network.model_id} is not a fake network")
        generator = np.random.default_rng(list(model))
        self._network = network
        self._weights = [
            generator.standard_normal((self.STRETCHES, int(np.prod(output.shape)))) / self.STRETCHES**0.5
            for output in network.outputs
        ]

    def infer(self, tensor: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """See InferenceSession.infer; the outputs are the caller's own."""
        check_input(tensor, network=self._network)
        stretches = np.array_split(tensor.ravel(), self.STRETCHES)
        seen = np.array([stretch.mean() if stretch.size else 0.0 for stretch in stretches])
        return tuple(
            (seen @ weights).astype(np.float32).reshape(output.shape)
            for weights, output in zip(self._weights, self._network.outputs, strict=True)
        )
