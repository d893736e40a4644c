"""LiteRT, and the older tflite_runtime where a board has only that: the only module that runs them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InferenceError, RuntimeMissingError
from models.manifest import Network
from models.runtimes.chatter import without_line
from models.runtimes.tensors import check_input, check_signature
from models.session import RuntimeOptions

try:
    from ai_edge_litert.interpreter import Interpreter, load_delegate
except ModuleNotFoundError:  # the same interpreter under its former name, which boards with numpy 1 still have
    from tflite_runtime.interpreter import Interpreter, load_delegate

ANNOUNCEMENT = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."  # once per process; no setting silences it
DELEGATE_ENTRY = "tflite_plugin_create_delegate"  # what makes a library an external delegate
FAULTS = (RuntimeError, ValueError, TypeError)  # what the interpreter raises


class LitertSession:
    """A network in LiteRT, on the CPU or on the one delegate that the options name."""

    def __init__(self, model: bytes, *, network: Network, options: RuntimeOptions) -> None:
        """Raises RuntimeMissingError for a delegate that does not load, InferenceError for a network that LiteRT
        refuses or that differs from the manifest.
        """
        delegates = _delegates(options)
        try:
            with without_line(ANNOUNCEMENT):
                self._interpreter = Interpreter(
                    model_content=model, num_threads=options.threads, experimental_delegates=delegates
                )
                self._interpreter.allocate_tensors()
        except SystemError as error:  # tflite_runtime was built for numpy 1 and says so only now
            raise RuntimeMissingError(
                f"this LiteRT does not work with numpy {np.__version__}; install ai-edge-litert instead"
            ) from error
        except FAULTS as error:
            raise InferenceError(f"LiteRT refused {network.model_id}: {error}") from error
        self._network = network
        inputs = self._interpreter.get_input_details()
        outputs = {detail["name"]: detail for detail in self._interpreter.get_output_details()}
        check_signature(
            {detail["name"]: _shape(detail) for detail in inputs},
            {name: _shape(detail) for name, detail in outputs.items()},
            network=network,
        )
        self._input_index = inputs[0]["index"]
        self._output_indices = [outputs[output.name]["index"] for output in network.outputs]

    def infer(self, tensor: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """See InferenceSession.infer; the outputs are the caller's own."""
        check_input(tensor, network=self._network)
        try:
            self._interpreter.set_tensor(self._input_index, tensor)
            self._interpreter.invoke()
            return tuple(self._interpreter.get_tensor(index) for index in self._output_indices)
        except FAULTS as error:
            raise InferenceError(f"LiteRT failed to run {self._network.model_id}: {error}") from error


def _delegates(options: RuntimeOptions) -> list[Any]:
    if options.delegate is None:
        return []
    try:
        # LiteRT's own loader leaves a half-made object whose destructor complains on the terminal, so look first.
        getattr(ctypes.PyDLL(options.delegate), DELEGATE_ENTRY)
        return [load_delegate(options.delegate)]
    except (OSError, AttributeError, ValueError) as error:
        raise RuntimeMissingError(f"the LiteRT delegate {options.delegate} does not load: {error}") from error


def _shape(detail: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(size) for size in detail["shape"])
