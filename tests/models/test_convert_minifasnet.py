from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import msgspec
import numpy as np
import pytest
from foreign_weights import Pickle, Raw, named, pickles, reduced, storages, tensor, torch_file, torch_head
from hypothesis import given, settings
from hypothesis import strategies as st
from installed_models import original, shared
from reference_layers import convolve, leak, normalise, rectify, sigmoid, softmax

from models.convert import convert
from models.convert.torch_pickle import read_state
from models.errors import WeightsError
from models.manifest import Network, read_manifest
from models.runtimes import open_session
from models.session import RuntimeOptions

NETWORKS = read_manifest().networks
V2, V1SE = NETWORKS["minifasnet-v2"], NETWORKS["minifasnet-v1se"]
SMALL_SIDE = 32  # four halvings leave 2 x 2, which the last kernel has to cover


def random_state(seed: int, *, excitation: bool) -> dict[str, np.ndarray]:
    """A state with all of MiniFASNet's names and few channels."""
    generator = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {}

    def normal(*shape: int, around: float = 0.0, spread: float = 0.3) -> np.ndarray:
        return generator.normal(around, spread, shape).astype(np.float32)

    def norm(name: str, width: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = normal(width, around=1.0), normal(width)
        state[f"{name}.running_mean"] = normal(width)
        state[f"{name}.running_var"] = generator.uniform(0.5, 2.0, width).astype(np.float32)
        state[f"{name}.num_batches_tracked"] = np.array([7], np.int64).reshape(())

    def conv(name: str, outputs: int, inputs: int, side: int, *, slopes: bool = True) -> None:
        state[f"{name}.conv.weight"] = normal(outputs, inputs, side, side)
        norm(f"{name}.bn", outputs)
        if slopes:
            state[f"{name}.prelu.weight"] = generator.uniform(-0.4, 0.6, outputs).astype(np.float32)

    def bottleneck(name: str, inputs: int, inside: int, outputs: int) -> None:
        conv(f"{name}.conv", inside, inputs, 1)
        conv(f"{name}.conv_dw", inside, 1, 3)
        conv(f"{name}.project", outputs, inside, 1, slopes=False)

    conv("module.conv1", 4, 3, 3)
    conv("module.conv2_dw", 4, 1, 3)
    for halving, refining, inputs, outputs, units in (
        ("conv_23", "conv_3", 4, 6, 2),
        ("conv_34", "conv_4", 6, 8, 3),
        ("conv_45", "conv_5", 8, 8, 1),
    ):
        bottleneck(f"module.{halving}", inputs, 5, outputs)
        for unit in range(units):
            bottleneck(f"module.{refining}.model.{unit}", outputs, 3, outputs)
        if excitation:
            name = f"module.{refining}.model.{units - 1}.se_module"
            state[f"{name}.fc1.weight"], state[f"{name}.fc2.weight"] = (
                normal(2, outputs, 1, 1),
                normal(outputs, 2, 1, 1),
            )
            norm(f"{name}.bn1", 2)
            norm(f"{name}.bn2", outputs)
    conv("module.conv_6_sep", 10, 8, 1)
    conv("module.conv_6_dw", 10, 1, 2, slopes=False)
    state["module.linear.weight"], state["module.prob.weight"] = normal(7, 10), normal(3, 7)
    norm("module.bn", 7)
    return state


def small(network: Network = V2) -> Network:
    spec = msgspec.structs.replace(network.input, shape=(1, 3, SMALL_SIDE, SMALL_SIDE))
    return msgspec.structs.replace(network, input=spec)


class Reference:
    """MiniFASNet in the words of PyTorch's layers, in numpy."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        self.state = {name.removeprefix("module."): array for name, array in state.items()}

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        parts = (self.state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        return normalise(x, *parts)

    def block(self, x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        kernel = self.state[f"{name}.conv.weight"]
        y = convolve(x, kernel, np.zeros(len(kernel)), stride=stride, padding=kernel.shape[2] // 2)
        y = self.norm(y, f"{name}.bn")
        slopes = self.state.get(f"{name}.prelu.weight")
        return y if slopes is None else leak(y, slopes)

    def bottleneck(self, x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        return self.block(self.block(self.block(x, f"{name}.conv"), f"{name}.conv_dw", stride), f"{name}.project")

    def unit(self, x: np.ndarray, name: str) -> np.ndarray:
        y = self.bottleneck(x, name)
        if f"{name}.se_module.fc1.weight" not in self.state:
            return y
        squeezed = y.mean(axis=(1, 2), keepdims=True)
        for layer, after in ((1, rectify), (2, sigmoid)):
            kernel = self.state[f"{name}.se_module.fc{layer}.weight"]
            squeezed = after(
                self.norm(convolve(squeezed, kernel, np.zeros(len(kernel))), f"{name}.se_module.bn{layer}")
            )
        return y * squeezed

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = self.block(self.block(x, "conv1", 2), "conv2_dw")
        for halving, refining, units in (("conv_23", "conv_3", 2), ("conv_34", "conv_4", 3), ("conv_45", "conv_5", 1)):
            x = self.bottleneck(x, halving, 2)
            for unit in range(units):
                x = x + self.unit(x, f"{refining}.model.{unit}")
        last = self.state["conv_6_dw.conv.weight"]
        x = convolve(self.block(x, "conv_6_sep"), last, np.zeros(len(last)))
        x = self.norm(x, "conv_6_dw.bn").ravel()
        x = self.norm((self.state["linear.weight"] @ x)[:, None, None], "bn").ravel()
        return softmax(self.state["prob.weight"] @ x)


def infer(weights: bytes, network: Network, x: np.ndarray) -> np.ndarray:
    session = open_session(convert(weights, network=network), network=network, options=RuntimeOptions())
    return session.infer(np.ascontiguousarray(x[None], np.float32))[0][0]


@pytest.mark.parametrize("version", ["V2", "V1SE"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_graph_computes_what_the_layers_would(version: str, seed: int) -> None:
    state = random_state(seed, excitation=version == "V1SE")
    x = np.random.default_rng(seed).normal(0, 1, (3, SMALL_SIDE, SMALL_SIDE))
    np.testing.assert_allclose(infer(torch_file(state), small(), x), Reference(state)(x), atol=1e-5)


# Photo, face box (x, y, side), V2's and V1SE's answers in PyTorch. The boxes are BlazeFace's to within 5 px; where
# exactly matters, since V1SE's answer to the second photo moves by 0.3 when its box moves by two.
PUBLISHED = [
    ("minivision_F1.jpg", (184, 146, 209), (0.027, 0.001, 0.972), (0.253, 0.052, 0.695)),
    ("minivision_F2.jpg", (125, 262, 247), (0.000, 0.001, 0.999), (0.004, 0.417, 0.579)),
    ("minivision_T1.jpg", (97, 165, 198), (0.000, 0.986, 0.013), (0.000, 0.986, 0.014)),
]


@pytest.mark.parametrize(("photo", "box", "near", "far"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_the_published_weights_answer_as_in_pytorch(
    photo: str, box: tuple[int, int, int], near: tuple[float, ...], far: tuple[float, ...]
) -> None:
    file = shared(f"data/pad/{photo}")
    for name, expected in (("minifasnet-v2", near), ("minifasnet-v1se", far)):
        network = NETWORKS[name]
        x = crop(file, box, network.crop_scale).transpose(2, 0, 1)
        np.testing.assert_allclose(infer(original(name).read_bytes(), network, x), expected, atol=1.5e-3)


def crop(file: Path, box: tuple[int, int, int], scale: float) -> np.ndarray:
    """The face box scaled about its centre, as far as the photo allows and shifted inside it, at 80 x 80 BGR."""
    import cv2

    image = cv2.imread(str(file))
    height, width = image.shape[:2]
    x, y, side = box
    scale = min((height - 1) / side, (width - 1) / side, scale)
    grown = side * scale
    left = min(max(x + side / 2 - grown / 2, 0), width - 1 - grown)
    top = min(max(y + side / 2 - grown / 2, 0), height - 1 - grown)
    return cv2.resize(image[int(top) : int(top + grown) + 1, int(left) : int(left + grown) + 1], (80, 80))


STATE = random_state(4, excitation=True)
FILE = torch_file(STATE)


def test_a_state_is_read_as_it_was_written() -> None:
    read = read_state(FILE)
    assert read.keys() == STATE.keys()
    for name, array in STATE.items():
        np.testing.assert_array_equal(read[name], array)


@given(st.integers(0, len(FILE) - 1))
@settings(deadline=None, max_examples=100)
def test_a_state_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(WeightsError, match=V2.file):
        convert(FILE[:length], network=small())


@given(st.integers(0, len(FILE) - 1), st.binary(min_size=1, max_size=8))
@settings(deadline=None, max_examples=200)
def test_a_damaged_state_converts_or_is_refused_and_nothing_else_happens(at: int, damage: bytes) -> None:
    with contextlib.suppress(WeightsError):
        convert(FILE[:at] + damage + FILE[at + len(damage) :], network=small())


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_no_pickle_leads_to_anything_but_a_refusal(noise: bytes) -> None:
    for file in (noise, torch_head() + noise, torch_head() + b"\x80\x02" + noise + b"."):
        with pytest.raises(WeightsError):
            read_state(file)


class Bomb:
    """What a pickle runs when it is loaded the usual way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_a_pickle_cannot_run_code(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    bomb = pickle.dumps(Bomb(target), protocol=2)
    for file in (bomb, torch_head() + bomb, torch_head() + pickles({"x": Raw(bomb[2:-1])}, [])):
        with pytest.raises(WeightsError):
            read_state(file)
        assert not target.exists()
    pickle.loads(bomb)  # noqa: S301 (to show that this bomb does go off elsewhere)
    assert target.exists()


ONES = np.ones((2, 2), np.float32)


def one_tensor(value: Raw, *after: np.ndarray) -> bytes:
    return torch_head() + pickles({"x": value}, ["1"]) + storages(after or [ONES])


HOSTILE = {
    "the zip form of newer torch": b"PK\x03\x04" + bytes(100),
    "another protocol": torch_file(STATE, protocol=1002),
    "a big-endian machine": torch_file(STATE, endian=False),
    "a state that is a list": torch_head() + pickles([1], []),
    "a state that holds text": torch_head() + pickles({"x": "y"}, []),
    "a call of a builtin": one_tensor(reduced(named("builtins", "eval"), "1")),
    "a call of the system": one_tensor(reduced(named("os", "system"), "true")),
    "a call of what is no function": one_tensor(reduced(named("torch", "FloatStorage"), "1")),
    "an ordered dictionary with contents": one_tensor(reduced(named("collections", "OrderedDict"), ("a", "b"))),
    "a storage of doubles": one_tensor(tensor("1", ONES, kind="DoubleStorage")),
    "a view beyond its storage": one_tensor(tensor("1", ONES, offset=1)),
    "a view before its storage": one_tensor(tensor("1", ONES, offset=-1)),
    "a view with strides of its own": one_tensor(tensor("1", ONES, strides=(1, 2))),
    "a storage that promises gigabytes": one_tensor(tensor("1", ONES, elements=1 << 40)),
    "a storage shorter than promised": one_tensor(tensor("1", ONES), np.ones(3, np.float32)),
    "a storage that nobody needs": torch_head()
    + pickles({"x": tensor("1", ONES)}, ["1", "2"])
    + storages([ONES, ONES]),
    "a storage that is missing": torch_head() + pickles({"x": tensor("1", ONES)}, []),
    "bytes after the end": FILE + b"\0",
    "an instruction from newer pickles": torch_head() + b"\x80\x04\x95" + bytes(8) + b"N.",
    "a memo that was never written": torch_head() + b"\x80\x02h\x07.",
    "an empty stack": torch_head() + b"\x80\x020.",
    "a memo number of four billion": torch_head() + b"\x80\x02Nr\xff\xff\xff\xff.",
    "a text that promises gigabytes": torch_head() + b"\x80\x02X\xff\xff\xff\xffabc.",
    "a name without an end": torch_head() + b"\x80\x02cos",
    "a text that is not UTF-8": torch_head() + b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
    "a million instructions": torch_head() + b"\x80\x02" + b"N" * 1_000_000 + b".",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        convert(HOSTILE[name], network=small())
    assert str(caught.value).startswith(V2.file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["os system", "builtins getattr", "torch nn", "torch._utils _rebuild_parameter"])
def test_a_pickle_may_name_nothing_but_the_parts_of_a_tensor(name: str) -> None:
    with pytest.raises(WeightsError, match=f"it names '{name}'"):
        read_state(torch_head() + pickles(named(*name.split())))


def without(name: str) -> dict[str, np.ndarray]:
    return {key: array for key, array in STATE.items() if key != name}


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (without("module.conv1.prelu.weight"), "conv1.prelu.weight is missing"),
        (without("module.bn.running_var"), "bn.running_var is missing"),
        (STATE | {"module.extra.weight": ONES}, "extra.weight"),
        (STATE | {"module.linear.weight": ONES}, "do not fit together"),
        (STATE | {"module.linear.weight": np.ones(3, np.float32)}, "linear.weight is float32"),
        (STATE | {"module.conv1.bn.running_var": np.full(4, -1, np.float32)}, "inconsistent"),
        (STATE | {"module.conv1.bn.bias": np.ones(3, np.float32)}, "inconsistent"),
        (STATE | {"module.conv1.conv.weight": np.full((4, 3, 3, 3), np.inf, np.float32)}, "finite"),
        (STATE | {"module.conv_23.project.conv.weight": np.ones((6, 9, 1, 1), np.float32)}, "over 9 channels"),
        (STATE | {"module.conv_4.model.1.project.conv.weight": np.ones((6, 3, 1, 1), np.float32)}, "another width"),
        (STATE | {"module.conv_6_dw.conv.weight": np.ones((10, 1, 3, 3), np.float32)}, "do not fit together"),
        ({}, "conv1.conv.weight is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_state_that_is_no_minifasnet_is_refused(state: dict[str, np.ndarray], complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint):
        convert(torch_file(state), network=small())


def test_the_assembler_of_these_tests_writes_real_pickles() -> None:
    value = {"a": [1, -5, 1 << 70], "b": (True, None, "text")}
    assert pickle.loads(Pickle().value(value).stop()) == value  # noqa: S301 (our own bytes)
