"""Liveness may be off before mock pins only."""

from __future__ import annotations

import pytest

from device.bench_only import refuse_unchecked_doors
from device.config import LivenessSettings
from device.errors import ConfigError
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError


class Pins:
    """A daemon that answers for its pins, or does not."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def pin_levels(self) -> object:
        if self.fault is not None:
            raise self.fault
        return []


def test_a_bench_may_do_without_liveness() -> None:
    refuse_unchecked_doors(LivenessSettings(mode="off"), Pins())


@pytest.mark.parametrize("fault", [CommandRefusedError("these are real pins"), DoorUnreachableError("nobody answers")])
def test_a_real_door_may_not(fault: Exception) -> None:
    with pytest.raises(ConfigError, match="mock pins only"):
        refuse_unchecked_doors(LivenessSettings(mode="off"), Pins(fault))


@pytest.mark.parametrize("mode", ["passive", "cooperative", "challenge"])
def test_every_other_mode_may_run_anywhere(mode: str) -> None:
    refuse_unchecked_doors(LivenessSettings(mode=mode), Pins(CommandRefusedError("these are real pins")))
