"""A GPIO character device in memory, with the part of libgpiod 2's Python interface that the adapter uses.

It refuses what the kernel refuses: a line that is taken, a level on an input, anything after a release.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from errno import EBUSY, EPERM
from types import SimpleNamespace
from typing import Any


class ChipClosedError(Exception):
    pass


class RequestReleasedError(Exception):
    pass


class Value(Enum):
    INACTIVE = 0
    ACTIVE = 1


class Direction(Enum):
    INPUT = 1
    OUTPUT = 2


class Edge(Enum):
    NONE = 1
    FALLING = 3
    BOTH = 4


class Bias(Enum):
    PULL_UP = 1
    PULL_DOWN = 2
    DISABLED = 3


line = SimpleNamespace(Value=Value, Direction=Direction, Edge=Edge, Bias=Bias)


@dataclass(frozen=True)
class LineSettings:
    direction: Direction
    output_value: Value = Value.INACTIVE
    edge_detection: Edge = Edge.NONE
    bias: Bias = Bias.DISABLED


@dataclass
class Chip:
    """The wires: what an outsider sees of the pins."""

    levels: dict[int, bool] = field(default_factory=dict)
    history: list[tuple[int, bool]] = field(default_factory=list)
    owners: dict[int, LineRequest] = field(default_factory=dict)

    def drive(self, offset: int, *, high: bool) -> None:
        """The wire outside changes an input's level."""
        if self.levels.get(offset) is high:
            return
        self.levels[offset] = high
        self.history.append((offset, high))
        owner = self.owners.get(offset)
        if owner is not None:
            owner.notice(offset, high=high)

    @property
    def module(self) -> Any:
        """What stands for the module `gpiod`."""
        return SimpleNamespace(
            line=line,
            LineSettings=LineSettings,
            ChipClosedError=ChipClosedError,
            RequestReleasedError=RequestReleasedError,
            request_lines=self._request,
        )

    def _request(
        self, _path: str, *, consumer: str, config: Mapping[int | tuple[int, ...], LineSettings]
    ) -> LineRequest:
        assert consumer
        settings = {
            offset: one
            for offsets, one in config.items()
            for offset in (offsets if isinstance(offsets, tuple) else (offsets,))
        }
        if any(offset in self.owners for offset in settings):
            raise OSError(EBUSY, "Device or resource busy")
        return LineRequest(self, settings)


class LineRequest:
    def __init__(self, chip: Chip, settings: dict[int, LineSettings]) -> None:
        self._chip = chip
        self._settings = settings
        self._events: list[Any] = []
        self._has_events = threading.Condition()
        self._is_released = False
        for offset, one in settings.items():
            chip.owners[offset] = self
            if one.direction is Direction.OUTPUT:
                chip.drive(offset, high=one.output_value is Value.ACTIVE)
            elif offset not in chip.levels:
                chip.levels[offset] = one.bias is Bias.PULL_UP

    def set_value(self, offset: int, value: Value) -> None:
        self._check()
        if self._settings[offset].direction is not Direction.OUTPUT:
            raise PermissionError(EPERM, "not an output")
        self._chip.drive(offset, high=value is Value.ACTIVE)

    def get_value(self, offset: int) -> Value:
        self._check()
        return Value.ACTIVE if self._chip.levels[offset] else Value.INACTIVE

    def notice(self, offset: int, *, high: bool) -> None:
        edge = self._settings[offset].edge_detection
        if edge is Edge.BOTH or (edge is Edge.FALLING and not high):
            with self._has_events:
                self._events.append(SimpleNamespace(line_offset=offset))
                self._has_events.notify()

    def wait_edge_events(self, timeout: float) -> bool:
        with self._has_events:
            return self._has_events.wait_for(lambda: bool(self._events), min(timeout, 0.01))

    def read_edge_events(self) -> list[Any]:
        with self._has_events:
            events, self._events = self._events, []
        return events

    def release(self) -> None:
        self._is_released = True
        for offset in self._settings:
            self._chip.owners.pop(offset, None)  # and the level stays: the worst that a kernel does

    def _check(self) -> None:
        if self._is_released:
            raise RequestReleasedError
