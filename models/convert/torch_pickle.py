"""A reader of PyTorch's legacy `.pth` files (before 1.6) that can execute nothing.

Such a file is five pickles (a magic number, the protocol, facts of the machine, the state, the storage keys) and then
the bytes of each storage, in the order of the keys, each behind its element count. A pickle is a program. This module
interprets the few instructions that a state of tensors needs, and what they may name is a closed list that maps to
data, never to something callable; everything else raises WeightsError.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
from collections.abc import Iterator
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
        for opcode, argument, _ in pickletools.genops(stream):
            machine.interpret(opcode.name, argument)
    except WeightsError:
        raise
    except (ValueError, IndexError, KeyError, TypeError) as error:  # what malformed pickles lead to, and nothing else
        raise WeightsError(f"a malformed pickle: {error}") from error
    return machine.result


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self.result: Any = None
        self._steps = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def interpret(self, name: str, argument: Any) -> None:
        self._steps += 1
        if self._steps > MAX_INSTRUCTIONS:
            raise WeightsError("a pickle of too many instructions")
        match name:
            case "PROTO":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                self._stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self._stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                self._stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "MARK":
                self._stack.append(Mark)
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._stack[-1]
            case "BINGET" | "LONG_BINGET":
                self._stack.append(self._memo[argument])
            case "STOP":
                self.result = self._stack.pop()
            case _:
                self._combine(name, argument)

    def _combine(self, name: str, argument: Any) -> None:
        """The instructions that make one value of several."""
        match name:
            case "TUPLE":
                self._stack.append(tuple(self._pop_to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._pop(int(name[-1]))))
            case "SETITEM":
                self._set_items(self._pop(2))
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "APPENDS":
                items = self._pop_to_mark()
                self._top(list).extend(items)
            case "GLOBAL":
                self._stack.append(_allowed(argument))
            case "BINPERSID":
                self._stack.append(_storage(self._stack.pop()))
            case "REDUCE":
                function, arguments = self._pop(2)
                self._stack.append(_reduce(function, arguments))
            case "BUILD":  # attributes of the state's dictionary: versions of layers, which do not change the numbers
                self._pop(1)
                self._top(dict)
            case _:
                raise WeightsError(f"a pickle with the instruction {name}, which a state of tensors does not need")

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
            raise WeightsError(f"a pickle that uses a {type(self._stack[-1]).__name__} as a {kind.__name__}")
        return self._stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[key] = value


def _allowed(argument: str) -> Global:
    if argument not in GLOBALS:
        raise WeightsError(f"a pickle that names {argument!r}, which is not a part of a tensor")
    return Global(argument)


def _storage(identity: Any) -> Storage:
    match identity:
        case ("storage", Global(name=name), str(key), str(), int(elements), None) if name.startswith("torch "):
            if name[6:] in DTYPES and 0 <= elements <= MAX_ELEMENTS:
                return Storage(key, DTYPES[name[6:]], elements)
    raise WeightsError("a pickle with a storage of an unknown kind or size")


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
    raise WeightsError("a pickle that calls something else than the making of a tensor")
