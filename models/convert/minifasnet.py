"""MiniFASNet (V2 and V1SE) from its `.pth` file: depthwise bottlenecks, squeeze-and-excitation in V1SE.

The layers and their order follow the names in the file; strides and paddings are those of the authors' description
(github.com/minivision-ai/Silent-Face-Anti-Spoofing): each stage halves the picture, from 80 x 80 to 5 x 5, which the
last depthwise convolution covers whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.convert.graph import Convolution, GraphBuilder
from models.convert.torch_pickle import read_state
from models.errors import WeightsError
from models.manifest import Network

BATCH_NORM_EPSILON = 1e-5  # PyTorch's default, which the authors did not change
STAGES = (("conv_23", "conv_3"), ("conv_34", "conv_4"), ("conv_45", "conv_5"))  # halve the picture, then refine it

State = Mapping[str, NDArray[Any]]


def convert_minifasnet(weights: bytes, *, network: Network) -> bytes:
    """The ONNX model: softmax of (attack, bona fide, attack) for one picture. Raises WeightsError."""
    state = _Weights({name.removeprefix("module."): tensor for name, tensor in read_state(weights).items()})
    graph = GraphBuilder(network)
    tensor = _block(graph, graph.input, state, name="conv1", stride=2)
    tensor = _block(graph, tensor, state, name="conv2_dw")
    for halving, refining in STAGES:
        tensor = _bottleneck(graph, tensor, state, name=halving, stride=2)
        for name in state.units_of(refining):
            tensor = graph.add("Add", [tensor, _unit(graph, tensor, state, name=name)])
    tensor = _block(graph, tensor, state, name="conv_6_sep")
    tensor = graph.convolve(tensor, state.convolution("conv_6_dw", padding=0))
    tensor = graph.add("Flatten", [tensor], axis=1)
    matrix, bias = _head(state)
    tensor = graph.add(
        "Gemm", [tensor, graph.weight(matrix, name="head"), graph.weight(bias, name="head_bias")], transB=1
    )
    tensor = graph.add("Softmax", [tensor], axis=1)
    state.require_all_used()
    return graph.finish(tensor)


class _Weights:
    """The tensors of a state, each handed out by name and remembered, so that none is forgotten."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._used: set[str] = set()

    def take(self, name: str, *, rank: int) -> NDArray[np.float32]:
        if name not in self._state:
            raise WeightsError(f"the tensor {name} is missing")
        tensor = self._state[name]
        if tensor.ndim != rank or tensor.dtype != np.float32 or 0 in tensor.shape:
            raise WeightsError(f"the tensor {name} is {tensor.dtype} {tensor.shape}")
        self._used.add(name)
        return tensor

    def units_of(self, stage: str) -> list[str]:
        """The names of a stage's residual units, in order."""
        numbers = {
            int(n)
            for name in self._state
            if name.startswith(f"{stage}.model.") and (n := name.split(".")[2]).isdecimal()
        }
        return [f"{stage}.model.{number}" for number in sorted(numbers)]

    def has(self, prefix: str) -> bool:
        return any(name.startswith(f"{prefix}.") for name in self._state)

    def normalisation(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A batch normalisation at rest, as factor and offset per channel."""
        gamma, beta, mean, variance = (
            self.take(f"{name}.{part}", rank=1).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if not len(gamma) == len(beta) == len(mean) == len(variance) or not (variance >= 0).all():
            raise WeightsError(f"the normalisation {name} is inconsistent")
        factor = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        return factor.astype(np.float32), (beta - mean * factor).astype(np.float32)

    def convolution(self, name: str, *, stride: int = 1, padding: int | None = None) -> Convolution:
        """A convolution with its normalisation folded in; without `padding` the size is kept but for the stride."""
        return self._folded(f"{name}.conv", f"{name}.bn", stride=stride, padding=padding)

    def excitation(self, name: str, *, layer: int) -> Convolution:
        """One of the two layers that weigh channels."""
        return self._folded(f"{name}.fc{layer}", f"{name}.bn{layer}", stride=1, padding=0)

    def _folded(self, name: str, normalisation: str, *, stride: int, padding: int | None) -> Convolution:
        kernel = self.take(f"{name}.weight", rank=4)
        factor, offset = self.normalisation(normalisation)
        if len(factor) != len(kernel):
            raise WeightsError(f"the normalisation of {name} has another width than its convolution")
        is_depthwise = kernel.shape[1] == 1 and kernel.shape[2] > 1
        plain = Convolution(
            kernel,
            np.zeros(len(kernel), np.float32),
            stride=stride,
            padding=kernel.shape[2] // 2 if padding is None else padding,
            groups=len(kernel) if is_depthwise else 1,
        )
        return plain.scaled(factor, offset=offset)

    def require_all_used(self) -> None:
        counters = {name for name in self._state if name.endswith(".num_batches_tracked")}
        if left := sorted(self._state.keys() - self._used - counters):
            raise WeightsError(f"{len(left)} tensors have no place in this network, such as {left[0]}")


def _block(graph: GraphBuilder, tensor: str, state: _Weights, *, name: str, stride: int = 1) -> str:
    """Convolution, normalisation and a leaky rectifier with one slope per channel."""
    tensor = graph.convolve(tensor, state.convolution(name, stride=stride))
    slopes = state.take(f"{name}.prelu.weight", rank=1)[:, None, None]
    # slope * x + (1 - slope) * max(0, x) is the same as PRelu, of which ONNX Runtime has only a slow kernel: the whole
    # network takes 13 % less time so.
    leak = graph.add("Mul", [tensor, graph.weight(slopes, name=f"{tensor}_slopes")])
    rest = graph.add("Mul", [graph.add("Relu", [tensor]), graph.weight(1 - slopes, name=f"{tensor}_rests")])
    return graph.add("Add", [leak, rest])


def _bottleneck(graph: GraphBuilder, tensor: str, state: _Weights, *, name: str, stride: int = 1) -> str:
    """Widen, filter each channel, narrow."""
    tensor = _block(graph, tensor, state, name=f"{name}.conv")
    tensor = _block(graph, tensor, state, name=f"{name}.conv_dw", stride=stride)
    return graph.convolve(tensor, state.convolution(f"{name}.project"))


def _unit(graph: GraphBuilder, tensor: str, state: _Weights, *, name: str) -> str:
    """The branch of one residual unit, with its channels weighed where the file has the weights for it."""
    tensor = _bottleneck(graph, tensor, state, name=name)
    excitation = f"{name}.se_module"
    return _excite(graph, tensor, state, name=excitation) if state.has(excitation) else tensor


def _excite(graph: GraphBuilder, tensor: str, state: _Weights, *, name: str) -> str:
    """Squeeze and excitation: each channel times a number between 0 and 1 that depends on all channels' means."""
    mean = graph.add("GlobalAveragePool", [tensor])
    weight = graph.convolve(mean, state.excitation(name, layer=1))
    weight = graph.convolve(graph.add("Relu", [weight]), state.excitation(name, layer=2))
    return graph.add("Mul", [tensor, graph.add("Sigmoid", [weight])])


def _head(state: _Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The last three layers (matrix, normalisation, matrix) are linear, hence one matrix (3, n) and bias (3,)."""
    linear = state.take("linear.weight", rank=2).astype(np.float64)
    factor, offset = state.normalisation("bn")
    probabilities = state.take("prob.weight", rank=2).astype(np.float64)
    if not linear.shape[0] == len(factor) == probabilities.shape[1]:
        raise WeightsError("the last layers do not fit together")
    matrix = probabilities @ (linear * factor[:, None])
    return matrix.astype(np.float32), (probabilities @ offset).astype(np.float32)
