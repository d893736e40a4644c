"""A reader of dlib's serialised networks (`.dat`), for the kinds of layer that its face ResNet has.

The file nests: each layer holds the layers below it first, so that the layers' own data lie in the order of execution.
Before the first of them, and between some, stand version numbers. A layer's data are its name (length, text), its
weights as one tensor (version, four dimensions, float32), its settings, three flags ("0" or "1") and three tensors left
from training. Integers are packed: one byte with the sign and the count, then that many bytes, the lowest first.
The layout is that of dlib's `serialize` functions, read from the file and confirmed against dlib's own output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.convert.graph import Convolution
from models.errors import WeightsError

MAX_STRUCTURE = 4096  # version numbers before a layer; the file has 140 at its beginning
TENSOR_VERSION = 2
LOSS = b"loss_metric_2"

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """The input, with the mean colour that dlib subtracts."""


@dataclass(frozen=True, slots=True)
class Con:
    """A convolution."""

    weights: Convolution


@dataclass(frozen=True, slots=True)
class Affine:
    """A factor and an offset per channel, each (channels,)."""

    factor: Floats
    offset: Floats


@dataclass(frozen=True, slots=True)
class Rectify:
    """max(0, x)."""


@dataclass(frozen=True, slots=True)
class AddBranch:
    """The sum of a branch and what it branched from."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest value in a square window."""

    side: int
    stride: int


@dataclass(frozen=True, slots=True)
class MeanPool:
    """The mean value in a square window; side 0 means the whole picture."""

    side: int
    stride: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """A product with a matrix (inputs, outputs)."""

    weights: Floats


Layer: TypeAlias = Picture | Con | Affine | Rectify | AddBranch | MaxPool | MeanPool | Matrix


def read_layers(content: bytes) -> Iterator[Layer]:
    """The layers of the network in the order of execution. Raises WeightsError for anything that does not fit."""
    stream = _Stream(content)
    stream.integer()
    if stream.text() != LOSS:
        raise WeightsError("not a dlib network for face descriptors")
    stream.number()
    stream.number()
    while name := stream.next_name():
        yield READERS[name](stream)
        if name != b"input_rgb_image_sized":
            stream.skip_training()


class _Stream:
    """The bytes and how far they have been read."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    def take(self, count: int) -> memoryview:
        piece = self._content[self._at : self._at + count]
        if len(piece) != count:
            raise WeightsError(f"the file is cut short at byte {len(self._content)}")
        self._at += count
        return piece

    def integer(self) -> int:
        head = self.take(1)[0]
        count = head & 0x7F
        if not 1 <= count <= 8:
            raise WeightsError(f"byte {self._at - 1} should begin a packed integer")
        magnitude = int.from_bytes(self.take(count), "little")
        return -magnitude if head & 0x80 else magnitude

    def size(self) -> int:
        """A packed integer that counts something."""
        value = self.integer()
        if not 0 <= value <= len(self._content):
            raise WeightsError(f"{value} before byte {self._at} cannot be a size")
        return value

    def number(self) -> float:
        """A floating point number: packed mantissa, packed binary exponent."""
        mantissa, exponent = self.integer(), self.integer()
        if not -1100 <= exponent <= 1100:
            raise WeightsError(f"{exponent} before byte {self._at} cannot be an exponent")
        return math.ldexp(mantissa, exponent)

    def text(self) -> bytes:
        return bytes(self.take(self.size()))

    def next_name(self) -> bytes | None:
        """Skip version numbers up to the name of the next layer; None at the end of the file."""
        for _ in range(MAX_STRUCTURE):
            if self._at == len(self._content):
                return None
            count = self.size()
            name = bytes(self._content[self._at : self._at + count])
            if name in READERS:
                self._at += count
                return name
            if count > 9:  # no version number: a layer that the face ResNet does not have, or damage
                break
        raise WeightsError(f"byte {self._at} should begin a layer of dlib's face ResNet")

    def tensor(self) -> Floats:
        if self.integer() != TENSOR_VERSION:
            raise WeightsError(f"byte {self._at} should follow the version of a tensor")
        shape = [self.size() for _ in range(4)]
        return np.frombuffer(self.take(4 * math.prod(shape)), dtype="<f4")

    def sizes(self, count: int) -> list[int]:
        return [self.size() for _ in range(count)]

    def alias(self) -> list[int]:
        """The shape of a part of a tensor: version, then four dimensions."""
        return self.sizes(5)[1:]

    def numbers(self, count: int) -> None:
        for _ in range(count):
            self.number()

    def skip_training(self) -> None:
        """The three flags and three tensors that training leaves behind every layer."""
        if set(bytes(self.take(3))) - set(b"01"):
            raise WeightsError(f"byte {self._at} should follow three flags")
        for _ in range(3):
            self.tensor()


def _read_picture(stream: _Stream) -> Picture:
    stream.numbers(3)
    stream.sizes(2)
    return Picture()


def _read_con(stream: _Stream) -> Con:
    values = stream.tensor()
    outputs, height, width, *geometry = stream.sizes(7)
    kernel_shape, bias_shape = stream.alias(), stream.alias()
    stream.numbers(4)  # how fast training changes weights and biases
    stride, padding = geometry[0], geometry[2]
    kernel_size = math.prod(kernel_shape)
    if (
        geometry != [stride, stride, padding, padding]
        or stride == 0
        or kernel_shape[0] != outputs
        or kernel_shape[2:] != [height, width]
        or math.prod(bias_shape) != outputs
        or kernel_size + outputs != len(values)
        or len(values) == 0
    ):
        raise WeightsError("a convolution whose weights and settings disagree")
    kernel = values[:kernel_size].reshape(kernel_shape)
    return Con(Convolution(kernel, values[kernel_size:], stride=stride, padding=padding))


def _read_affine(stream: _Stream) -> Affine:
    values = stream.tensor()
    factor_shape, offset_shape = stream.alias(), stream.alias()
    stream.integer()  # whether it stands for a convolution's or a matrix's normalisation
    channels = math.prod(factor_shape)
    if factor_shape != offset_shape or 2 * channels != len(values):
        raise WeightsError("an affine layer whose weights and settings disagree")
    return Affine(values[:channels], values[channels:])


def _read_window(stream: _Stream) -> tuple[int, int]:
    height, width, stride, stride_across, *padding = stream.sizes(6)
    if height != width or stride != stride_across or any(padding) or stride == 0:
        raise WeightsError("a pooling window that is not square, or is padded")
    return height, stride


def _read_matrix(stream: _Stream) -> Matrix:
    outputs, inputs = stream.sizes(2)
    values = stream.tensor()
    shape, _ = stream.alias(), stream.alias()
    stream.integer()  # that it has no bias
    stream.numbers(4)
    if math.prod(shape) != len(values) or inputs * outputs != len(values):
        raise WeightsError("a matrix whose weights and settings disagree, or one with a bias")
    return Matrix(values.reshape(inputs, outputs))


READERS: dict[bytes, Callable[[_Stream], Layer]] = {
    b"input_rgb_image_sized": _read_picture,
    b"con_4": _read_con,
    b"affine_": _read_affine,
    b"relu_": lambda _stream: Rectify(),
    b"add_prev_": lambda _stream: AddBranch(),
    b"max_pool_2": lambda stream: MaxPool(*_read_window(stream)),
    b"avg_pool_2": lambda stream: MeanPool(*_read_window(stream)),
    b"fc_2": _read_matrix,
}
