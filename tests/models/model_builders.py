"""Tiny networks and manifests, so that the machinery around networks can be tested without any real one."""

from __future__ import annotations

from collections.abc import Mapping

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite
from onnx import TensorProto, helper

from models.digest import sha256_of
from models.manifest import (
    Build,
    InputSpec,
    Manifest,
    Member,
    ModelFile,
    Network,
    OutputSpec,
    Profile,
    Role,
    Source,
    Url,
)
from models.runtimes.fake import MAGIC

SHAPE = (1, 3, 4, 4)
NOWHERE = Url(url=f"https://nowhere.invalid/{'0' * 40}/file")  # .invalid never resolves (RFC 2606)


def fake_bytes(seed: str = "") -> bytes:
    return MAGIC + seed.encode()


def network(
    runtime: str = "fake",
    *,
    role: Role = Role.DETECTOR,
    file: str = "detector.fake",
    shape: tuple[int, ...] = SHAPE,
    conversion: str = "none",
) -> Network:
    """A network with two outputs of its input's shape, named in another order than the files below have them."""
    return Network(
        role=role,
        model_id=f"tiny-{role}",
        file=file,
        runtime=runtime,
        conversion=conversion,
        input=InputSpec(name="x", shape=shape, layout="NCHW", colour="RGB", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        outputs=(
            OutputSpec(name="negated", shape=shape, meaning="-x"),
            OutputSpec(name="rectified", shape=shape, meaning="max(0, x)"),
        ),
        float_build=Build(source="made up"),
    )


def model_file(content: bytes, *sources: Source) -> ModelFile:
    return ModelFile(
        sha256=sha256_of(content),
        size=len(content),
        licence="Apache-2.0",
        licence_source="the test",
        sources=sources or (NOWHERE,),
    )


def fake_manifest(contents: Mapping[str, bytes], **profiles: Profile) -> Manifest:
    """One fake network per file, named like the file without its suffix; roles go round in the order of Role."""
    roles = list(Role)
    networks = {name.partition(".")[0]: network(role=roles[index], file=name) for index, name in enumerate(contents)}
    return Manifest(
        files={name: model_file(content) for name, content in contents.items()},
        networks=networks,
        profiles=profiles or {"standard": Profile(summary="all of them", networks=tuple(networks))},
    )


def onnx_bytes(shape: tuple[int, ...] = SHAPE) -> bytes:
    """An ONNX model with the outputs max(0, x) and -x."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["rectified"]), helper.make_node("Neg", ["x"], ["negated"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("rectified", "negated")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def tflite_bytes(shape: tuple[int, ...] = SHAPE) -> bytes:
    """A TensorFlow Lite model with the outputs max(0, x) and -x."""
    subgraph = tflite.SubGraphT()
    subgraph.tensors = [_tensor(name, shape) for name in ("x", "rectified", "negated")]
    subgraph.inputs, subgraph.outputs = [0], [1, 2]
    subgraph.operators = [_operator(0, 1), _operator(1, 2)]
    model = tflite.ModelT()
    model.version = 3
    model.operatorCodes = [_code(tflite.BuiltinOperator.RELU), _code(tflite.BuiltinOperator.NEG)]
    model.subgraphs = [subgraph]
    model.buffers = [tflite.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: tuple[int, ...]) -> tflite.TensorT:
    tensor = tflite.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), tflite.TensorType.FLOAT32, 0
    return tensor


def _operator(code: int, output: int) -> tflite.OperatorT:
    operator = tflite.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [0], [output]
    return operator


def _code(builtin: int) -> tflite.OperatorCodeT:
    code = tflite.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code


def picture(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def member(archive: str, path: str) -> Member:
    return Member(archive=archive, member=path)
