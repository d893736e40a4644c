"""The one way to run a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOptions:
    """How a runtime may use this machine."""

    threads: int = 1  # per network
    providers: tuple[str, ...] = ("CPUExecutionProvider",)  # ONNX Runtime execution providers, tried strictly in order
    delegate: str | None = None  # LiteRT: file name of a delegate library, such as libedgetpu.so.1


class InferenceSession(Protocol):
    """A loaded network, for one thread at a time. Outputs may be reused: copy what must outlive the next call."""

    def infer(self, tensor: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """Run the network on its single input and return its outputs in the manifest's order.

        `tensor` has exactly the manifest's input shape. Raises InferenceError when the runtime refuses it.
        """
        ...
