"""A reader of PyTorch's legacy `.pth` files (before 1.6) that can execute nothing.

Such a file is five pickles (a magic number, the protocol, facts of the machine, the state, the storage keys) and then
the bytes of each storage, in the order of the keys, each behind its element count. A pickle is a program. This module
interprets the few instructions that a state of tensors needs, and what they may name is a closed list that maps to
data, never to something callable; everything else raises WeightsError.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_INSTRUCTIONS = 200_000  # the files we read have 12,000
MAX_ELEMENTS = 1 << 26  # of one storage

DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {storage}" for storage in DTYPES),
}


@dataclass(frozen=True, slots=True)
class Global:
    """A name that a pickle may mention. It stands for data and is never looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """A promise of numbers later in the file."""

    key: str
    dtype: np.dtype[Any]
    elements: int


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor, as a view of a storage."""

    storage: Storage
    offset: int  # elements
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # elements


class Mark:
    """Where a pickle's collection begins on the stack."""


def read_state(content: bytes) -> dict[str, NDArray[Any]]:
    """The named tensors of a legacy `.pth` file. Raises WeightsError for anything that is not exactly one."""
    stream = io.BytesIO(content)
    if _load(stream) != MAGIC:
        raise WeightsError("not a legacy PyTorch file: the magic number is missing")
    if _load(stream) != PROTOCOL:
        raise WeightsError("a legacy PyTorch file of an unknown protocol")
    facts = _load(stream)
    if not isinstance(facts, dict) or facts.get("little_endian") is not True:
        raise WeightsError("a legacy PyTorch file of a machine that is not little-endian")
    state = _load(stream)
    keys = _load(stream)
    if not isinstance(state, dict) or not isinstance(keys, list):
        raise WeightsError("a legacy PyTorch file without a state of tensors")
    views = {name: view for name, view in state.items() if isinstance(name, str) and isinstance(view, TensorView)}
    if len(views) != len(state):
        raise WeightsError("a legacy PyTorch file whose state holds more than tensors")
    storages = dict(_read_storages(stream, keys, {view.storage.key: view.storage for view in views.values()}))
    if stream.read(1):
        raise WeightsError("bytes follow the last tensor")
    return {name: _materialise(name, view, storages) for name, view in views.items()}


def _read_storages(
    stream: io.BytesIO, keys: list[Any], promised: dict[str, Storage]
) -> Iterator[tuple[str, NDArray[Any]]]:
    if sorted(map(str, keys)) != sorted(promised):
        raise WeightsError("the storages of the file are not those that its tensors need")
    for key in keys:
        storage = promised[key]
        header = stream.read(8)
        if len(header) < 8 or struct.unpack("<q", header)[0] != storage.elements:
            raise WeightsError(f"storage {key} is cut short or has another size than promised")
        body = stream.read(storage.elements * storage.dtype.itemsize)
        if len(body) != storage.elements * storage.dtype.itemsize:
            raise WeightsError(f"storage {key} is cut short")
        yield key, np.frombuffer(body, dtype=storage.dtype)


def _materialise(name: str, view: TensorView, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    strides = [math.prod(view.shape[axis + 1 :]) for axis in range(len(view.shape))]
    size = math.prod(view.shape)
    if list(view.strides) != strides or view.offset + size > view.storage.elements:
        raise WeightsError(f"tensor {name} does not lie in its storage row by row")
    return storages[view.storage.key][view.offset : view.offset + size].reshape(view.shape)


def _load(stream: io.BytesIO) -> Any:
    """Interpret one pickle. Raises WeightsError."""
    machine = _Machine()
    try:
        for _ in range(MAX_INSTRUCTIONS):
            opcode = stream.read(1)
            if opcode == b".":
                return machine.pop()
            machine.interpret(opcode, _argument(opcode, stream))
    except (ValueError, IndexError, KeyError, TypeError) as error:  # what malformed pickles lead to, and nothing else
        raise WeightsError(f"a pickle is malformed: {error}") from error
    raise WeightsError("a pickle has too many instructions")


def _argument(opcode: bytes, stream: io.BytesIO) -> Any:
    if opcode not in ARGUMENTS:
        raise ValueError(f"it has the instruction {opcode!r}, which a state of tensors does not need")
    return ARGUMENTS[opcode](stream)


def _number(layout: str) -> Callable[[io.BytesIO], int]:
    size = struct.calcsize(layout)
    return lambda stream: int(struct.unpack(layout, _exactly(stream, size))[0])


def _exactly(stream: io.BytesIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise ValueError("it is cut short")
    return content


def _long(stream: io.BytesIO) -> int:
    return int.from_bytes(_exactly(stream, _exactly(stream, 1)[0]), "little", signed=True)


def _text(stream: io.BytesIO) -> str:
    return _exactly(stream, _number("<I")(stream)).decode("utf-8")


def _names(stream: io.BytesIO) -> str:
    """Module and name, one line each."""
    module, name = stream.readline(100), stream.readline(100)
    if not (module.endswith(b"\n") and name.endswith(b"\n")):
        raise ValueError("a name is cut short")
    return f"{module[:-1].decode('ascii')} {name[:-1].decode('ascii')}"


def _nothing(stream: io.BytesIO) -> None:  # noqa: ARG001 (the others read from it)
    return None


ARGUMENTS: dict[bytes, Callable[[io.BytesIO], Any]] = {  # opcode -> what follows it (the letters are pickle's own)
    b"\x80": _number("<B"),  # protocol
    b"J": _number("<i"),
    b"K": _number("<B"),
    b"M": _number("<H"),
    b"\x8a": _long,
    b"X": _text,
    b"c": _names,
    b"q": _number("<B"),  # write to the memo
    b"r": _number("<I"),
    b"h": _number("<B"),  # read from the memo
    b"j": _number("<I"),
    **dict.fromkeys((b"N", b"\x88", b"\x89", b"}", b"]", b")", b"(", b"t", b"\x85", b"\x86", b"\x87"), _nothing),
    **dict.fromkeys((b"s", b"u", b"e", b"Q", b"R", b"b"), _nothing),
}
CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False, b"(": Mark}
EMPTY: dict[bytes, type[Any]] = {b"}": dict, b"]": list, b")": tuple}
TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return self._stack.pop()

    def interpret(self, opcode: bytes, argument: Any) -> None:
        match opcode:
            case b"\x80":
                pass
            case b"J" | b"K" | b"M" | b"\x8a" | b"X":
                self._stack.append(argument)
            case b"N" | b"\x88" | b"\x89" | b"(":
                self._stack.append(CONSTANTS[opcode])
            case b"}" | b"]" | b")":
                self._stack.append(EMPTY[opcode]())
            case b"q" | b"r":
                self._memo[argument] = self._stack[-1]
            case b"h" | b"j":
                self._stack.append(self._memo[argument])
            case _:
                self._combine(opcode, argument)

    def _combine(self, opcode: bytes, argument: Any) -> None:
        """The instructions that make one value of several."""
        match opcode:
            case b"t":
                self._stack.append(tuple(self._pop_to_mark()))
            case b"\x85" | b"\x86" | b"\x87":
                self._stack.append(tuple(self._pop(TUPLES[opcode])))
            case b"s":
                self._set_items(self._pop(2))
            case b"u":
                self._set_items(self._pop_to_mark())
            case b"e":
                items = self._pop_to_mark()
                self._top(list).extend(items)
            case b"c":
                self._stack.append(_allowed(argument))
            case b"Q":
                self._stack.append(_storage(self._stack.pop()))
            case b"R":
                function, arguments = self._pop(2)
                self._stack.append(_reduce(function, arguments))
            case b"b":  # attributes of the state's dictionary: versions of layers, which do not change the numbers
                self._pop(1)
                self._top(dict)

    def _pop(self, count: int) -> list[Any]:
        values = [self._stack.pop() for _ in range(count)]
        return values[::-1]

    def _pop_to_mark(self) -> list[Any]:
        values = []
        while (value := self._stack.pop()) is not Mark:
            values.append(value)
        return values[::-1]

    def _top(self, kind: type[Any]) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise TypeError(f"it uses a {type(self._stack[-1]).__name__} as a {kind.__name__}")
        return self._stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[key] = value


def _allowed(argument: str) -> Global:
    if argument not in GLOBALS:
        raise ValueError(f"it names {argument!r}, which is no part of a tensor")
    return Global(argument)


def _storage(identity: Any) -> Storage:
    match identity:
        case ("storage", Global(name=name), str(key), str(), int(elements), None) if name.startswith("torch "):
            if name[6:] in DTYPES and 0 <= elements <= MAX_ELEMENTS:
                return Storage(key, DTYPES[name[6:]], elements)
    raise ValueError("it has a storage of an unknown kind or size")


def _reduce(function: Any, arguments: Any) -> Any:
    match function, arguments:
        case Global(name="collections OrderedDict"), ():
            return {}
        case Global(name="torch._utils _rebuild_tensor_v2"), (
            Storage() as storage,
            int(offset),
            tuple(shape),
            tuple(strides),
            False,
            {},
        ):
            if offset >= 0 and all(type(size) is int and size >= 0 for size in (*shape, *strides)):
                return TensorView(storage, offset, shape, strides)
    raise ValueError("it calls something else than the making of a tensor")
