"""Static int8: float networks in, smaller and on many processors faster ones out.

The form is QDQ with unsigned 8-bit activations and signed 8-bit weights, one scale per output channel. ONNX Runtime has
its fastest kernels for that pair on x86-64 and on Arm with dot products. On x86-64 without VNNI their intermediate sums
can saturate, which is why an installation compares the two builds on the machine itself (`models.benchmark.agreement`).

The ranges that it needs are calibrated by us and committed, so a device quantises without any photo. They are made
anew, after a converter or a file has changed, with `lintel models calibrate NETWORK FOLDER…`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, shape_inference

from models.errors import ManifestError
from models.manifest import Network, OutputSpec
from models.range_table import read_ranges
from models.runtimes import open_session
from models.session import RuntimeOptions

OPERATORS = [  # those that ONNX Runtime has integer kernels for; the rest stays float between its neighbours
    "Add",
    "AveragePool",
    "Clip",
    "Conv",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "MaxPool",
    "Pad",
    "Relu",
    "Reshape",
]

RARE_PERCENT = 5.0  # of the photos may hold values beyond a range; 0 to 25 were tried, 5 and 10 lost least

Range: TypeAlias = tuple[float, float]


def quantize(model: bytes, *, network: Network) -> bytes:
    """The int8 build of a float ONNX model, from the committed ranges of its network.

    Raises ManifestError when the manifest has no int8 build for the network, or its range table does not fit `model`.
    """
    if network.int8_build is None:
        raise ManifestError(f"{network.model_id} has no int8 build")
    table = read_ranges(network.int8_build.ranges)
    graph = _infer_shapes(model)
    if table.model_id != network.model_id or table.ranges.keys() != _float_tensors(graph).keys():
        raise ManifestError(f"the range table {network.int8_build.ranges} was not measured on {network.model_id}")
    float_nodes = network.int8_build.float_nodes
    if unknown := set(float_nodes) - {node.name for node in graph.graph.node}:
        raise ManifestError(f"{network.model_id} has no operator {min(unknown)}")
    return _quantize(graph, table.ranges, float_nodes=float_nodes)


def measure_ranges(model: bytes, *, network: Network, inputs: Iterable[NDArray[np.float32]]) -> dict[str, Range]:
    """The range of each float tensor of an ONNX model over `inputs`: that of the usual input, not of the wildest.

    Each input has its smallest and its largest value; the range goes from the 5th percentile of the former, or 0, to
    the 95th of the latter. Over all inputs' extremes the worst of 800 templates had a cosine of 0.977 to its float
    template, so 0.987. Every input has the manifest's shape and normalisation; raises InferenceError for one that has
    not, and ValueError without any.
    """
    graph = _infer_shapes(model)
    tensors = _float_tensors(graph)
    inner = {name: shape for name, shape in tensors.items() if name != network.input.name}
    del graph.graph.output[:]
    graph.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inner.items()
    )
    outputs = tuple(OutputSpec(name=name, shape=shape, meaning="watched") for name, shape in inner.items())
    watched = msgspec.structs.replace(network, outputs=outputs)
    session = open_session(graph.SerializeToString(), network=watched, options=RuntimeOptions())
    extremes = [[(values.min(), values.max()) for values in (tensor, *session.infer(tensor))] for tensor in inputs]
    if not extremes:
        raise ValueError("ranges cannot be measured without inputs")
    lows = np.minimum(0.0, np.percentile(extremes, RARE_PERCENT, axis=0)[:, 0])
    highs = np.maximum(0.0, np.percentile(extremes, 100.0 - RARE_PERCENT, axis=0)[:, 1])
    names = (network.input.name, *inner)
    return {name: (float(low), float(high)) for name, low, high in zip(names, lows, highs, strict=True)}


def _infer_shapes(model: bytes) -> onnx.ModelProto:
    return shape_inference.infer_shapes(onnx.load_model_from_string(model))


def _float_tensors(graph: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The tensors that depend on the input, with their shapes: those whose range matters."""
    constants = {output for node in graph.graph.node if node.op_type == "Constant" for output in node.output}
    values = (*graph.graph.input, *graph.graph.value_info, *graph.graph.output)
    return {
        value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
        for value in values
        if value.type.tensor_type.elem_type == TensorProto.FLOAT and value.name not in constants
    }


def _quantize(graph: onnx.ModelProto, ranges: Mapping[str, Range], *, float_nodes: Sequence[str]) -> bytes:
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    data = {name: TensorData(lowest=np.float32(low), highest=np.float32(high)) for name, (low, high) in ranges.items()}
    quantizer = QDQQuantizer(
        graph,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=[],
        nodes_to_exclude=list(float_nodes),
        op_types_to_quantize=OPERATORS,
        extra_options={},
    )
    with _without_advice():
        quantizer.quantize_model()
    quantised: bytes = quantizer.model.model.SerializeToString()
    return quantised


@contextmanager
def _without_advice() -> Iterator[None]:
    """The quantizer advises its developers through the root logger; its errors are exceptions and stay."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
