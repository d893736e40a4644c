from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from foreign_weights import (
    ADD,
    PICTURE,
    RELU,
    Resnet,
    affine,
    con,
    dlib_tensor,
    layer,
    matrix,
    packed,
    packed_all,
    pool,
    random_resnet,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from installed_models import original
from reference_layers import add_filled, convolve, largest, mean, rectify, scale

from models.convert import convert
from models.convert.dlib_stream import read_layers
from models.errors import WeightsError
from models.manifest import Network, read_manifest
from models.runtimes import open_session
from models.session import RuntimeOptions

DLIB = read_manifest().networks["dlib-resnet"]
SIDE = 59
TINY = random_resnet(1, stem=4, widths=[(4, False), (6, True), (6, False), (8, True), (8, True)], outputs=5)


def small(outputs: int = 5, side: int = SIDE) -> Network:
    """The manifest's dlib network with a smaller input and output."""
    return msgspec.structs.replace(
        DLIB,
        input=msgspec.structs.replace(DLIB.input, shape=(1, 3, side, side)),
        outputs=(msgspec.structs.replace(DLIB.outputs[0], shape=(1, outputs)),),
    )


def reference(resnet: Resnet, x: np.ndarray) -> np.ndarray:
    """What dlib computes, written down a second time, from dlib's documentation of its layers."""
    kernel, bias, *rest = resnet.stem
    x = largest(rectify(scale(convolve(x, kernel, bias, stride=2), *rest)), 3, 2)
    for block in resnet.blocks:
        stride, padding = (2, 0) if block.halves else (1, 1)
        y = rectify(scale(convolve(x, *block.first[:2], stride=stride, padding=padding), *block.first[2:]))
        y = scale(convolve(y, *block.second[:2], padding=1), *block.second[2:])
        x = rectify(add_filled(y, mean(x, 2, 2) if block.halves else x))
    return x.mean(axis=(1, 2)) @ resnet.matrix


def describe(file: bytes, network: Network, x: np.ndarray) -> np.ndarray:
    session = open_session(convert(file, network=network), network=network, options=RuntimeOptions())
    return session.infer(x[None].astype(np.float32))[0][0]


@pytest.mark.parametrize("side", [59, 62, 75, 150])
def test_a_network_of_any_width_computes_what_dlib_would(side: int) -> None:
    x = np.random.default_rng(side).normal(size=(3, side, side))
    np.testing.assert_allclose(describe(TINY.encoded(), small(side=side), x), reference(TINY, x), atol=2e-5)


def test_the_published_weights_agree_with_dlib_itself() -> None:
    dlib = pytest.importorskip("_dlib_pybind11", reason="dlib-bin is not installed")
    file = original("dlib-resnet")
    network = dlib.face_recognition_model_v1(str(file))
    spec = DLIB.input
    for chip in chips():
        x = (chip.astype(np.float32) - np.array(spec.mean)) / np.array(spec.std)
        ours = describe(file.read_bytes(), DLIB, x.transpose(2, 0, 1))
        theirs = np.array(network.compute_face_descriptor(chip))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def chips() -> Iterator[np.ndarray]:
    """Pictures of 150 x 150 RGB: noise, flat colours, a gradient."""
    generator = np.random.default_rng(0)
    yield generator.integers(0, 256, (150, 150, 3)).astype(np.uint8)
    yield np.zeros((150, 150, 3), np.uint8)
    yield np.full((150, 150, 3), 255, np.uint8)
    yield np.ascontiguousarray(np.broadcast_to(np.arange(150, dtype=np.uint8)[:, None, None], (150, 150, 3)))


def test_packed_integers_are_read_as_they_are_written() -> None:
    layers = list(read_layers(TINY.encoded()))
    assert len(layers) == 1 + 4 + 5 * 7 + 3 + 2


@given(st.data())
@settings(deadline=None, max_examples=120)
def test_a_file_cut_anywhere_is_refused(data: st.DataObject) -> None:
    file = ENCODED[: data.draw(st.integers(0, len(ENCODED) - 1))]
    with pytest.raises(WeightsError, match=DLIB.file):
        convert(file, network=small())


ENCODED = TINY.encoded()


@given(st.integers(0, len(ENCODED) - 1), st.binary(min_size=1, max_size=12))
@settings(deadline=None, max_examples=300)
def test_a_damaged_file_converts_or_is_refused_and_nothing_else_happens(at: int, damage: bytes) -> None:
    damaged = ENCODED[:at] + damage + ENCODED[at + len(damage) :]
    try:
        model = convert(damaged, network=small())
    except WeightsError:
        return
    open_session(model, network=small(), options=RuntimeOptions())


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=200)
def test_noise_is_refused(noise: bytes) -> None:
    for file in (noise, ENCODED[:330] + noise):
        with pytest.raises(WeightsError):
            convert(file, network=small())


HEAD = packed(1) + packed(13) + b"loss_metric_2" + packed_all(10, -8, 5, -3)
KERNEL, BIAS = np.ones((2, 3, 3, 3), np.float32), np.zeros(2, np.float32)
STEM = con(KERNEL, BIAS) + affine(np.ones(2), np.zeros(2)) + RELU + pool(b"max_pool_2", 3, 2)
END = pool(b"avg_pool_2", 0, 1) + matrix(np.ones((2, 5)))

HOSTILE = {
    "another loss": packed(1) + packed(4) + b"loss",
    "a tensor larger than the file": HEAD + PICTURE + packed(5) + b"con_4" + packed_all(2, 1 << 40, 1 << 20, 1, 1),
    "a negative size": HEAD + PICTURE + packed(5) + b"con_4" + packed_all(2, -5, 1, 1, 1),
    "an integer of nine bytes": HEAD + PICTURE + packed(5) + b"con_4" + b"\x09" + bytes(9),
    "a layer that dlib's face network has not": HEAD + PICTURE + layer(b"dropout_"),
    "a bottomless pile of version numbers": HEAD + packed_all(*[1] * 100_000),
    "weights that are not numbers": HEAD
    + PICTURE
    + con(np.full_like(KERNEL, np.nan), BIAS)
    + affine(np.ones(2), np.zeros(2))
    + RELU
    + pool(b"max_pool_2", 3, 2)
    + END,
    "an affine layer of another width": HEAD + PICTURE + con(KERNEL, BIAS) + affine(np.ones(3), np.zeros(3)) + RELU,
    "a stride that differs across": HEAD
    + PICTURE
    + con(KERNEL, BIAS, stride=1, across=2)
    + affine(np.ones(2), np.zeros(2))
    + RELU
    + pool(b"max_pool_2", 3, 2)
    + END,
    "a stride of zero": HEAD + PICTURE + con(KERNEL, BIAS, stride=0),
    "a convolution over other channels": HEAD
    + PICTURE
    + STEM
    + con(KERNEL, BIAS, padding=1)
    + affine(BIAS, BIAS)
    + RELU,
    "a matrix of another height": HEAD + PICTURE + STEM + pool(b"avg_pool_2", 0, 1) + matrix(np.ones((3, 5))),
    "a picture that shrinks to nothing": HEAD
    + PICTURE
    + con(np.ones((2, 3, 60, 60), np.float32), BIAS)
    + affine(BIAS, BIAS),
    "no convolution": HEAD + PICTURE + END,
    "no matrix": HEAD + PICTURE + STEM + pool(b"avg_pool_2", 0, 1),
    "two inputs": HEAD + PICTURE + PICTURE + STEM + END,
    "a sum of nothing": HEAD + PICTURE + STEM + ADD + END,
    "layers after the last": HEAD + PICTURE + STEM + END + RELU,
    "a tensor of another version": HEAD + PICTURE + packed(5) + b"con_4" + packed(3) + dlib_tensor(KERNEL),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        convert(HOSTILE[name], network=small())
    assert str(caught.value).startswith(DLIB.file)
    assert "\n" not in str(caught.value)


def test_the_smallest_sound_file_is_accepted() -> None:
    x = np.random.default_rng(5).normal(size=(3, SIDE, SIDE))
    expected = largest(rectify(convolve(x, KERNEL, BIAS)), 3, 2).mean(axis=(1, 2)) @ np.ones((2, 5))
    np.testing.assert_allclose(describe(HEAD + PICTURE + STEM + END, small(), x), expected, atol=1e-4)


def test_a_matrix_of_another_size_than_the_manifest_is_refused() -> None:
    with pytest.raises(WeightsError, match="do not fit together"):
        convert(replace(TINY, matrix=TINY.matrix[:, :4]).encoded(), network=small())
