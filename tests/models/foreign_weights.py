"""Writers of the two foreign weight formats, so that the readers are tested without anybody's weights."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TRAINING_LEFTOVERS = b"110" + 3 * b"\x01\x02\x01\x00\x01\x00\x01\x00\x01\x00"


def packed(value: int) -> bytes:
    """dlib's integer: size byte with the sign, then the magnitude."""
    magnitude = abs(value)
    size = max(1, (magnitude.bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + magnitude.to_bytes(size, "little")


def packed_all(*values: int) -> bytes:
    return b"".join(packed(value) for value in values)


def dlib_tensor(*parts: np.ndarray) -> bytes:
    """Several arrays as one tensor, as dlib keeps filters and biases."""
    values = np.concatenate([np.ravel(part) for part in parts]).astype("<f4")
    return packed_all(2, len(values), 1, 1, 1) + values.tobytes()


def layer(name: bytes, *body: bytes) -> bytes:
    return packed(len(name)) + name + b"".join(body) + TRAINING_LEFTOVERS


ONE = packed_all(16, -4)  # 16 · 2⁻⁴


def con(kernel: np.ndarray, bias: np.ndarray, *, stride: int = 1, padding: int = 0, across: int | None = None) -> bytes:
    """`across` is the horizontal stride where it differs from the vertical one."""
    outputs, _, height, width = kernel.shape
    settings = packed_all(outputs, height, width, stride, stride if across is None else across, padding, padding)
    aliases = packed_all(1, *kernel.shape) + packed_all(1, 1, outputs, 1, 1)
    return layer(b"con_4", dlib_tensor(kernel, bias), settings, aliases, 4 * ONE)


def affine(factor: np.ndarray, offset: np.ndarray) -> bytes:
    alias = packed_all(1, 1, len(factor), 1, 1)
    return layer(b"affine_", dlib_tensor(factor, offset), alias, alias, packed(0))


def pool(name: bytes, side: int, stride: int) -> bytes:
    return layer(name, packed_all(side, side, stride, stride, 0, 0))


def matrix(weights: np.ndarray) -> bytes:
    inputs, outputs = weights.shape
    aliases = packed_all(1, inputs, outputs, 1, 1) + packed_all(1, 0, 0, 0, 0)
    return layer(b"fc_2", packed_all(outputs, inputs), dlib_tensor(weights), aliases, packed(1), 4 * ONE)


RELU = layer(b"relu_")
ADD = layer(b"add_prev_")
PICTURE = packed(21) + b"input_rgb_image_sized" + 3 * ONE + packed_all(150, 150)


@dataclass(frozen=True)
class Block:
    """One residual block of a ResNet: convolution and affine weights twice; it halves the picture or keeps it."""

    first: tuple[np.ndarray, ...]  # kernel, bias, factor, offset
    second: tuple[np.ndarray, ...]
    halves: bool


@dataclass(frozen=True)
class Resnet:
    """The weights of a network shaped like dlib's, of any width."""

    stem: tuple[np.ndarray, ...]
    blocks: tuple[Block, ...]
    matrix: np.ndarray = field(repr=False)

    def encoded(self) -> bytes:
        """The `.dat` file."""
        kernel, bias, factor, offset = self.stem
        parts = [con(kernel, bias, stride=2), affine(factor, offset), RELU, pool(b"max_pool_2", 3, 2)]
        for block in self.blocks:
            stride, padding = (2, 0) if block.halves else (1, 1)
            parts += [con(*block.first[:2], stride=stride, padding=padding), affine(*block.first[2:]), RELU]
            parts += [con(*block.second[:2], padding=1), affine(*block.second[2:])]
            parts += [pool(b"avg_pool_2", 2, 2)] if block.halves else []
            parts += [packed_all(1, 1), ADD, RELU]
        parts += [pool(b"avg_pool_2", 0, 1), matrix(self.matrix)]
        head = packed(1) + packed(13) + b"loss_metric_2" + packed_all(10, -8, 5, -3)
        return head + packed_all(*[2, 1] * 60) + PICTURE + b"".join(parts)


def random_resnet(seed: int, *, stem: int, widths: Sequence[tuple[int, bool]], outputs: int) -> Resnet:
    """Weights of a ResNet whose blocks have these widths and halve or keep the picture."""
    generator = np.random.default_rng(seed)

    def weights(outputs: int, inputs: int, side: int) -> tuple[np.ndarray, ...]:
        scale = 1.0 / np.sqrt(inputs * side * side)
        kernel = generator.normal(0, scale, (outputs, inputs, side, side))
        rest = generator.normal(0, 0.1, outputs), generator.normal(1, 0.2, outputs), generator.normal(0, 0.1, outputs)
        return tuple(part.astype(np.float32) for part in (kernel, *rest))

    first = weights(stem, 3, 7)
    blocks, before = [], stem
    for width, halves in widths:
        blocks.append(Block(weights(width, before, 3), weights(width, width, 3), halves))
        before = max(before, width)
    return Resnet(first, tuple(blocks), generator.normal(0, 1, (before, outputs)).astype(np.float32))


class Pickle:
    """An assembler of pickles: every method appends the instructions that push one value."""

    def __init__(self) -> None:
        self.code = bytearray(b"\x80\x02")

    def stop(self) -> bytes:
        return bytes(self.code + b".")

    def value(self, value: Any) -> Pickle:
        match value:
            case None | True | False:
                self.code += {None: b"N", True: b"\x88", False: b"\x89"}[value]
            case int() if 0 <= value < 1 << 31:
                self.code += b"J" + struct.pack("<i", value)
            case int():
                size = value.bit_length() // 8 + 1
                self.code += b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
            case str():
                self.code += b"X" + struct.pack("<I", len(value.encode())) + value.encode()
            case tuple():
                self.code += b"("
                for item in value:
                    self.value(item)
                self.code += b"t"
            case list():
                self.code += b"]("
                for item in value:
                    self.value(item)
                self.code += b"e"
            case dict():
                self.code += b"}("
                for item in (part for pair in value.items() for part in pair):
                    self.value(item)
                self.code += b"u"
            case Raw():
                self.code += value.code
        return self


@dataclass(frozen=True)
class Raw:
    """Instructions as they are."""

    code: bytes


def named(module: str, name: str) -> Raw:
    return Raw(f"c{module}\n{name}\n".encode())


def reduced(function: Raw, *arguments: Any) -> Raw:
    """`function(*arguments)`."""
    return Raw(function.code + bytes(Pickle().value(tuple(arguments)).code[2:]) + b"R")


def tensor(key: str, array: np.ndarray, **changed: Any) -> Raw:
    """A tensor, as torch before 1.6 pickled it."""
    kind = changed.get("kind", "FloatStorage" if array.dtype == np.float32 else "LongStorage")
    identity = ("storage", named("torch", kind), key, "cpu", changed.get("elements", array.size), None)
    storage = Raw(bytes(Pickle().value(identity).code[2:]) + b"Q")
    strides = tuple(stride // array.itemsize for stride in array.strides)
    rest = (changed.get("offset", 0), array.shape, changed.get("strides", strides), False)
    return reduced(
        named("torch._utils", "_rebuild_tensor_v2"), storage, *rest, reduced(named("collections", "OrderedDict"))
    )


def torch_file(state: Mapping[str, np.ndarray], *, protocol: int = 1001, endian: bool = True) -> bytes:
    """A legacy `.pth` file."""
    keys = {name: str(1000 + index) for index, name in enumerate(state)}
    pickled = {name: tensor(keys[name], np.ascontiguousarray(array)) for name, array in state.items()}
    return (
        torch_head(protocol=protocol, endian=endian)
        + pickles(pickled, sorted(keys.values()))
        + storages(state[name] for name in sorted(keys, key=keys.__getitem__))
    )


def torch_head(*, protocol: int = 1001, endian: bool = True) -> bytes:
    return pickles(0x1950A86A20F9469CFC6C, protocol, {"protocol_version": protocol, "little_endian": endian})


def pickles(*values: Any) -> bytes:
    return b"".join(Pickle().value(value).stop() for value in values)


def storages(arrays: Iterable[np.ndarray]) -> bytes:
    return b"".join(struct.pack("<q", array.size) + np.ascontiguousarray(array).tobytes() for array in arrays)
