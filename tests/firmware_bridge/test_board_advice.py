"""What the machine does with a pin when the process that drove it dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.board import STRICT_PINS, advice


@pytest.mark.parametrize("module", ["pinctrl_bcm2835", "pinctrl_rp1"])
@pytest.mark.parametrize(("value", "advised"), [("Y\n", (STRICT_PINS,)), ("N\n", ())])
def test_a_kernel_that_keeps_dead_outputs_is_pointed_out(
    tmp_path: Path, module: str, value: str, advised: tuple[str, ...]
) -> None:
    folder = tmp_path / module / "parameters"
    folder.mkdir(parents=True)
    (folder / "persist_gpio_outputs").write_text(value)
    assert advice(tmp_path) == advised


def test_any_other_machine_needs_no_advice(tmp_path: Path) -> None:
    assert advice(tmp_path) == ()
