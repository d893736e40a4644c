"""A small builder of ONNX graphs, one straight line of operators at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

from models.errors import WeightsError
from models.manifest import Network

OPSET = 17  # the newest that onnxruntime 1.16, the first with Python 3.11 wheels for every board, implements in full
IR_VERSION = 8  # goes with it

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Convolution:
    """The weights of one convolution: kernel (out, in / groups, height, width) and bias (out,), float32."""

    kernel: Floats
    bias: Floats
    stride: int = 1
    padding: int = 0  # zeros on every side
    groups: int = 1

    def scaled(self, factor: Floats, *, offset: Floats) -> Convolution:
        """This convolution followed by `factor * y + offset` per output channel, both (out,), as one convolution."""
        return Convolution(
            self.kernel * factor[:, None, None, None],
            self.bias * factor + offset,
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
        )


class GraphBuilder:
    """Collects operators and weights. Names depend on the order alone, so range tables can refer to tensors."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self.input = network.input.name
        self._channels = {self.input: 3}  # of the tensors whose second axis are channels

    def weight(self, values: NDArray[Any], *, name: str) -> str:
        """Add a constant tensor and return its name. Raises WeightsError when it is not finite."""
        if not np.isfinite(values).all():
            raise WeightsError(f"the weights of {name} are not all finite numbers")
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add one operator and return the name of its output."""
        output = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        if inputs[0] in self._channels:
            self._channels[output] = self._channels[inputs[0]]
        return output

    def convolve(self, tensor: str, weights: Convolution) -> str:
        """Add a convolution. Raises WeightsError when it is over other channels than `tensor` has."""
        channels = weights.kernel.shape[1] * weights.groups
        if self._channels[tensor] != channels:
            raise WeightsError(
                f"a convolution over {channels} channels stands behind a layer of {self._channels[tensor]}"
            )
        name = f"conv_{len(self._nodes)}"
        inputs = [
            tensor,
            self.weight(weights.kernel, name=f"{name}_kernel"),
            self.weight(weights.bias, name=f"{name}_bias"),
        ]
        output = self.add(
            "Conv",
            inputs,
            kernel_shape=list(weights.kernel.shape[2:]),
            strides=[weights.stride] * 2,
            pads=[weights.padding] * 4,
            group=weights.groups,
        )
        self._channels[output] = len(weights.kernel)
        return output

    def fill(self, tensor: str, *, channels: int, rows: int, columns: int) -> str:
        """Add zeros at the end of each dimension of a picture, as many as said."""
        name = f"{tensor}_filled_by"
        amounts = self.weight(np.array([0, 0, 0, 0, 0, channels, rows, columns], dtype=np.int64), name=name)
        output = self.add("Pad", [tensor, amounts])
        self._channels[output] = self._channels[tensor] + channels
        return output

    def finish(self, tensor: str) -> bytes:
        """The model, its last tensor renamed to the manifest's output. Raises WeightsError when shapes do not fit."""
        output = self._network.outputs[0]
        self._nodes[-1].output[0] = output.name
        if self._nodes[-1].name != tensor:
            raise ValueError(f"{tensor} is not the last tensor")
        graph = helper.make_graph(
            self._nodes,
            self._network.model_id,
            [helper.make_tensor_value_info(self.input, TensorProto.FLOAT, self._network.input.shape)],
            [helper.make_tensor_value_info(output.name, TensorProto.FLOAT, output.shape)],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "lintel"
        try:
            checker.check_model(model, full_check=True)
        except (checker.ValidationError, shape_inference.InferenceError) as error:
            raise WeightsError(f"the weights do not fit together: {str(error).strip().splitlines()[0]}") from error
        serialised: bytes = model.SerializeToString()
        return serialised
