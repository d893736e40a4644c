"""What every runtime promises, held against each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from model_builders import SHAPE, fake_bytes, network, onnx_bytes, picture, tflite_bytes

from models.errors import InferenceError, RuntimeMissingError
from models.manifest import Network
from models.runtimes import RUNTIMES, open_session
from models.session import InferenceSession, RuntimeOptions


@dataclass(frozen=True)
class Rig:
    """One runtime and a network that it can run."""

    network: Network
    model: bytes

    def open(self, **options: object) -> InferenceSession:
        return open_session(self.model, network=self.network, options=RuntimeOptions(**options))


MODELS: dict[str, Callable[[], bytes]] = {"onnx": onnx_bytes, "litert": tflite_bytes, "fake": fake_bytes}


@pytest.fixture(params=sorted(RUNTIMES))
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(network(request.param), MODELS[request.param]())


@pytest.fixture(params=["litert", "onnx"])
def real_rig(request: pytest.FixtureRequest) -> Rig:
    """The runtimes that compute something we can foresee."""
    return Rig(network(request.param), MODELS[request.param]())


def test_outputs_come_in_the_order_and_the_shapes_of_the_manifest(rig: Rig) -> None:
    outputs = rig.open().infer(picture())
    assert [output.shape for output in outputs] == [SHAPE, SHAPE]
    assert all(output.dtype == np.float32 for output in outputs)


def test_a_real_runtime_computes_the_network(real_rig: Rig) -> None:
    negated, rectified = real_rig.open().infer(picture())
    np.testing.assert_array_equal(negated, -picture())
    np.testing.assert_array_equal(rectified, np.maximum(picture(), 0))


def test_the_same_input_gives_the_same_output(rig: Rig) -> None:
    first = [output.copy() for output in rig.open().infer(picture(1))]
    other = rig.open()
    other.infer(picture(2))
    np.testing.assert_array_equal(first, other.infer(picture(1)))


def test_different_inputs_give_different_outputs(rig: Rig) -> None:
    session = rig.open()
    first = [output.copy() for output in session.infer(picture(1))]
    assert not np.allclose(first, session.infer(picture(2)))


def test_more_threads_change_nothing_but_time(rig: Rig) -> None:
    np.testing.assert_array_equal(rig.open(threads=2).infer(picture()), rig.open(threads=1).infer(picture()))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 3, 4, 5), np.float32),
        np.zeros((3, 4, 4), np.float32),
        np.zeros((2, 3, 4, 4), np.float32),
        np.zeros(SHAPE, np.float64),
        np.zeros(SHAPE, np.uint8),
    ],
    ids=lambda wrong: f"{wrong.dtype}{wrong.shape}",
)
def test_an_input_of_another_shape_or_type_is_refused_and_the_session_lives_on(rig: Rig, wrong: np.ndarray) -> None:
    session = rig.open()
    with pytest.raises(InferenceError, match="takes float32"):
        session.infer(wrong)
    assert session.infer(picture())[0].shape == SHAPE


@pytest.mark.parametrize("garbage", [b"", b"not a network", bytes(range(256)) * 8], ids=["empty", "text", "noise"])
def test_a_file_that_is_no_network_is_refused_in_one_line(rig: Rig, garbage: bytes) -> None:
    with pytest.raises(InferenceError) as caught:
        open_session(garbage, network=rig.network, options=RuntimeOptions())
    assert "tiny-detector" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_network_is_refused(real_rig: Rig) -> None:
    for length in range(0, len(real_rig.model), 37):
        with pytest.raises(InferenceError):
            open_session(real_rig.model[:length], network=real_rig.network, options=RuntimeOptions())


def test_a_network_with_another_input_than_the_manifest_is_refused(real_rig: Rig) -> None:
    spec = msgspec.structs.replace(real_rig.network.input, name="picture")
    with pytest.raises(InferenceError, match="should take"):
        Rig(msgspec.structs.replace(real_rig.network, input=spec), real_rig.model).open()


def test_a_network_with_other_outputs_than_the_manifest_is_refused(real_rig: Rig) -> None:
    outputs = tuple(msgspec.structs.replace(output, shape=(1, 2)) for output in real_rig.network.outputs)
    with pytest.raises(InferenceError, match="should give"):
        Rig(msgspec.structs.replace(real_rig.network, outputs=outputs), real_rig.model).open()


def test_a_provider_that_this_machine_has_not_is_refused_and_nothing_takes_its_place() -> None:
    rig = Rig(network("onnx"), onnx_bytes())
    for providers in (("CUDAExecutionProvider",), ("TensorrtExecutionProvider", "CPUExecutionProvider"), ("Nonsense",)):
        with pytest.raises(RuntimeMissingError, match=providers[0]):
            rig.open(providers=providers)


def test_a_delegate_that_does_not_load_is_refused_and_the_processor_does_not_take_its_place() -> None:
    with pytest.raises(RuntimeMissingError, match=r"libedgetpu\.so\.99"):
        Rig(network("litert"), tflite_bytes()).open(delegate="libedgetpu.so.99")


def test_a_library_that_is_no_delegate_is_refused() -> None:
    with pytest.raises(RuntimeMissingError, match=r"libm\.so\.6"):
        Rig(network("litert"), tflite_bytes()).open(delegate="libm.so.6")


def test_litert_does_not_announce_itself_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    Rig(network("litert"), tflite_bytes()).open().infer(picture())
    assert capfd.readouterr().err == ""
