"""The runtimes that can execute a network, by the name the manifest uses. Nothing is discovered, nothing falls back."""

from __future__ import annotations

import importlib
from typing import Protocol

from models.errors import RuntimeMissingError
from models.manifest import Network
from models.session import InferenceSession, RuntimeOptions

RUNTIMES = {  # name in the manifest -> "module:class", imported only when asked for
    "onnx": "models.runtimes.onnx:OnnxSession",
    "litert": "models.runtimes.litert:LitertSession",
    "fake": "models.runtimes.fake:FakeSession",
}


class SessionFactory(Protocol):
    """How a runtime makes a session from the bytes of a network."""

    def __call__(self, model: bytes, *, network: Network, options: RuntimeOptions) -> InferenceSession: ...


def open_session(model: bytes, *, network: Network, options: RuntimeOptions) -> InferenceSession:
    """Load the network whose file is `model` with the runtime that the manifest names for it.

    The caller has verified the digest of exactly these bytes. Raises RuntimeMissingError when the runtime, a provider
    or a delegate that `options` names is not on this machine, and InferenceError when the runtime refuses the network
    or finds other inputs and outputs than the manifest's.
    """
    module_name, class_name = RUNTIMES[network.runtime].split(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RuntimeMissingError(f"the {network.runtime} runtime is not installed: {error}") from error
    factory: SessionFactory = getattr(module, class_name)
    return factory(model, network=network, options=options)
