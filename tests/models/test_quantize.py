from __future__ import annotations

import msgspec
import numpy as np
import onnx
import pytest
from foreign_weights import random_resnet
from hypothesis import given
from hypothesis import strategies as st
from installed_models import installed
from model_builders import network, onnx_bytes, picture
from onnx import TensorProto

from models.benchmark import agreement, make_probes
from models.convert import convert
from models.errors import InferenceError, ManifestError
from models.manifest import Network, Precision, read_manifest
from models.quantize import measure_ranges, quantize
from models.range_table import RangeTable, encode_ranges, read_range_bytes, read_ranges
from models.runtimes import open_session
from models.session import RuntimeOptions

DLIB = read_manifest().networks["dlib-resnet"]
WIDTHS = [(32, False)] * 3 + [(64, True)] + [(64, False)] * 3 + [(128, True)] + [(128, False)] * 2
WIDTHS += [(256, True)] + [(256, False)] * 2 + [(256, True)]


@pytest.fixture(scope="module")
def float_model() -> bytes:
    """A network of the true size with weights from a random generator."""
    return convert(random_resnet(0, stem=32, widths=WIDTHS, outputs=128).encoded(), network=DLIB)


@pytest.fixture(scope="module")
def int8_model(float_model: bytes) -> bytes:
    return quantize(float_model, network=DLIB)


def kinds(model: bytes) -> dict[str, int]:
    """The element types of all constants, by name."""
    return {constant.name: constant.data_type for constant in onnx.load_model_from_string(model).graph.initializer}


def test_weights_become_signed_bytes_with_a_scale_per_channel(int8_model: bytes) -> None:
    graph = onnx.load_model_from_string(int8_model).graph
    shapes = {constant.name: list(constant.dims) for constant in graph.initializer}
    kernels = [name for name in shapes if name.endswith("_kernel_quantized")]
    assert len(kernels) == 29
    for name in kernels:
        assert kinds(int8_model)[name] == TensorProto.INT8
        assert shapes[name.replace("_quantized", "_scale")] == [shapes[name][0]]


def test_activations_become_unsigned_bytes(int8_model: bytes) -> None:
    points = {name: kind for name, kind in kinds(int8_model).items() if name.endswith("_zero_point")}
    inputs = {name for name in points if not name.startswith(("conv", "descriptor_matrix")) or "kernel" not in name}
    activations = {name for name in inputs if "bias" not in name and "matrix" not in name}
    assert len(activations) > 30
    assert {points[name] for name in activations} == {TensorProto.UINT8}


def test_the_int8_build_is_a_quarter_of_the_size_and_runs(float_model: bytes, int8_model: bytes) -> None:
    assert len(int8_model) < 0.3 * len(float_model)
    session = open_session(int8_model, network=DLIB, options=RuntimeOptions())
    (descriptor,) = session.infer(make_probes(DLIB.input, count=1)[0])
    assert descriptor.shape == (1, 128)
    assert np.isfinite(descriptor).all()


def test_quantising_twice_gives_the_same_bytes(float_model: bytes, int8_model: bytes) -> None:
    assert quantize(float_model, network=DLIB) == int8_model


def test_an_operator_that_is_to_stay_float_does(float_model: bytes) -> None:
    assert DLIB.int8_build is not None
    build = msgspec.structs.replace(DLIB.int8_build, float_nodes=("conv_0",))
    spared = quantize(float_model, network=msgspec.structs.replace(DLIB, int8_build=build))
    assert kinds(spared)["conv_0_kernel"] == TensorProto.FLOAT


def test_a_table_for_another_graph_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"dlib-resnet\.json was not measured on"):
        quantize(onnx_bytes(), network=DLIB)


def test_a_table_for_another_network_is_refused(float_model: bytes) -> None:
    other = msgspec.structs.replace(DLIB, model_id="other")
    with pytest.raises(ManifestError, match="was not measured on other"):
        quantize(float_model, network=other)


def test_an_operator_that_does_not_exist_cannot_stay_float(float_model: bytes) -> None:
    assert DLIB.int8_build is not None
    build = msgspec.structs.replace(DLIB.int8_build, float_nodes=("nonsense",))
    with pytest.raises(ManifestError, match="no operator nonsense"):
        quantize(float_model, network=msgspec.structs.replace(DLIB, int8_build=build))


def test_a_network_that_stays_float_is_not_quantised() -> None:
    with pytest.raises(ManifestError, match="has no int8 build"):
        quantize(onnx_bytes(), network=network("onnx"))


def test_a_table_that_does_not_ship_is_missed_by_name() -> None:
    with pytest.raises(ManifestError, match=r"nonsense\.json: No such file"):
        read_range_bytes("nonsense.json")


def test_ranges_are_those_of_the_usual_input() -> None:
    inputs = [np.full((1, 3, 4, 4), value, np.float32) for value in [*range(1, 21), 1000]]
    ranges = measure_ranges(onnx_bytes(), network=network("onnx"), inputs=inputs)
    assert ranges.keys() == {"x", "rectified", "negated"}
    assert ranges["x"] == pytest.approx((0, 20))
    assert ranges["negated"] == pytest.approx((-20, 0))


@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=5))
def test_every_range_holds_zero(seeds: list[int]) -> None:
    inputs = [picture(seed) + seed % 7 - 3 for seed in seeds]
    for low, high in measure_ranges(onnx_bytes(), network=network("onnx"), inputs=inputs).values():
        assert low <= 0 <= high


def test_ranges_need_inputs_and_inputs_need_a_shape() -> None:
    with pytest.raises(ValueError, match="without inputs"):
        measure_ranges(onnx_bytes(), network=network("onnx"), inputs=[])
    with pytest.raises(InferenceError):
        measure_ranges(onnx_bytes(), network=network("onnx"), inputs=[np.zeros((1, 2), np.float32)])


values = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.5g}"))


@given(st.dictionaries(st.text(min_size=1), st.tuples(values, values).map(sorted).map(tuple), max_size=5))
def test_a_table_survives_being_written_and_read(ranges: dict[str, tuple[float, float]]) -> None:
    table = RangeTable(model_id="x", source="made up", inputs=3, ranges=ranges)
    assert msgspec.json.decode(encode_ranges(table), type=RangeTable) == table


def test_a_range_that_is_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match="upside down"):
        RangeTable(model_id="x", source="made up", inputs=1, ranges={"x": (1.0, 0.0)})


@pytest.mark.parametrize("name", ["mobilefacenet.json", "dlib-resnet.json"])
def test_a_committed_table_is_written_the_way_it_would_be_again(name: str) -> None:
    assert encode_ranges(read_ranges(name)) == read_range_bytes(name)


@pytest.mark.parametrize(("profile", "name"), [("standard", "mobilefacenet"), ("pip-only", "dlib-resnet")])
def test_the_installed_builds_agree_on_this_processor(profile: str, name: str) -> None:
    store = installed(profile)
    model: Network = store.store.manifest.networks[name]
    assert model.int8_build is not None
    sessions = {precision: store.open_build(name, precision, RuntimeOptions()) for precision in Precision}
    agreed = agreement(sessions, probes=make_probes(model.input, count=8))
    assert agreed >= model.int8_build.min_agreement
