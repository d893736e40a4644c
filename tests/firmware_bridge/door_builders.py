"""Doors for tests, in a line each."""

from __future__ import annotations

from typing import Any

from firmware_bridge.clock import FakeClock
from firmware_bridge.door import Door
from firmware_bridge.sections import DoorSection, RexSection
from firmware_bridge.types import Cause, EventKind, Occurrence, Release

WHO = "uid 990"


def door_at(clock: FakeClock, *, is_open: bool | None = False, **times: Any) -> Door:
    """A door with the default times but for `times`."""
    rex = RexSection(release_s=5.0, max_s=30.0)
    return Door(DoorSection(**times), rex, clock, is_open=is_open)


def release(
    duration_s: float = 5.0, row: int | None = 7, *, cause: Cause = Cause.COMMAND, extended: bool = False
) -> Release:
    return Release(duration_s, WHO, row, cause, is_extended=extended)


def kinds(happened: tuple[Occurrence, ...]) -> list[EventKind]:
    return [occurrence.kind for occurrence in happened]
