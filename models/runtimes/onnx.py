"""ONNX Runtime: the only module that runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as native

from models.errors import InferenceError, RuntimeMissingError
from models.manifest import Network
from models.runtimes.tensors import check_input, check_signature
from models.session import RuntimeOptions

CPU = "CPUExecutionProvider"
FAULTS = (  # every exception class that ONNX Runtime raises; they share no base of their own
    native.EPFail,
    native.EngineError,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.ModelLoaded,
    native.NoModel,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
    RuntimeError,
    ValueError,
)
ERRORS_ONLY = 3  # ONNX Runtime's severity scale: 0 verbose … 4 fatal; its warnings are for its own developers


class OnnxSession:
    """A network in ONNX Runtime, on exactly the execution providers that the options name, in that order."""

    def __init__(self, model: bytes, *, network: Network, options: RuntimeOptions) -> None:
        """Raises RuntimeMissingError for a provider that is not there or does not start, InferenceError for a network
        that ONNX Runtime refuses or that differs from the manifest.
        """
        _require(options.providers)
        try:
            self._session = ort.InferenceSession(
                model, sess_options=_session_options(options), providers=_providers(options)
            )
        except FAULTS as error:
            raise InferenceError(f"ONNX Runtime refused {network.model_id}: {_first_line(error)}") from error
        _require_started(self._session.get_providers(), options.providers)
        self._session.disable_fallback()
        self._network = network
        self._output_names = [output.name for output in network.outputs]
        check_signature(
            {value.name: tuple(value.shape) for value in self._session.get_inputs()},
            {value.name: tuple(value.shape) for value in self._session.get_outputs()},
            network=network,
        )

    def infer(self, tensor: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """See InferenceSession.infer; the outputs are the caller's own."""
        check_input(tensor, network=self._network)
        try:
            return tuple(self._session.run(self._output_names, {self._network.input.name: tensor}))
        except FAULTS as error:
            raise InferenceError(
                f"ONNX Runtime failed to run {self._network.model_id}: {_first_line(error)}"
            ) from error


def _session_options(options: RuntimeOptions) -> ort.SessionOptions:
    chosen = ort.SessionOptions()
    chosen.intra_op_num_threads = options.threads
    chosen.inter_op_num_threads = 1
    chosen.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    chosen.log_severity_level = ERRORS_ONLY
    # A door idles most of the day: threads that spin while they wait would take a core and its heat for nothing.
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if CPU not in options.providers:
        chosen.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return chosen


def _providers(options: RuntimeOptions) -> list[tuple[str, dict[str, str]]]:
    # The default arena doubles with every request; these networks need 10 MB and would hold 64.
    settings = {"CUDAExecutionProvider": {"arena_extend_strategy": "kSameAsRequested"}}
    return [(name, settings.get(name, {})) for name in options.providers]


def _require(providers: tuple[str, ...]) -> None:
    available = ort.get_available_providers()
    if missing := [name for name in providers if name not in available]:
        raise RuntimeMissingError(f"ONNX Runtime here has no {', '.join(missing)}; it has {', '.join(available)}")


def _require_started(started: list[str], named: tuple[str, ...]) -> None:
    """ONNX Runtime drops a provider whose libraries do not load, and says so only in its log."""
    if missing := [name for name in named if name not in started]:
        raise RuntimeMissingError(f"ONNX Runtime could not start {', '.join(missing)} on this machine")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
