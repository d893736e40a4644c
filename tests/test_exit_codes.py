"""The page of exit codes is complete and true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.errors import DeviceError
from firmware_bridge.errors import BridgeError
from models.errors import ModelError

PAGE = Path(__file__).parents[1] / "docs" / "exit-codes.md"
ROW = re.compile(r"\| (\d+) \| `(\w+)` \| (.+) \|")


def leaves(root: type[DeviceError | ModelError | BridgeError]) -> Iterator[tuple[int, str]]:
    for child in root.__subclasses__():
        if child.__module__.endswith(".errors"):
            yield child.exit_code, child.__name__
        yield from leaves(child)


def rows() -> list[tuple[int, str]]:
    return [(int(code), name) for code, name, _ in ROW.findall(PAGE.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("root", [DeviceError, ModelError, BridgeError], ids=lambda root: root.__name__)
def test_every_error_has_its_row_with_its_exit_code(root: type[DeviceError | ModelError | BridgeError]) -> None:
    assert set(leaves(root)) - set(rows()) == set()


def test_no_row_is_of_an_error_that_is_none() -> None:
    real = {leaf for root in (DeviceError, ModelError, BridgeError) for leaf in leaves(root)}
    assert set(rows()) - real == set()


def test_rows_are_in_the_order_of_their_codes_and_each_there_once() -> None:
    assert rows() == sorted(set(rows()))
