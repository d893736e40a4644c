"""The door's inputs: debounced, with a fault of a line kept apart from what the line tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.debounce import Debounce
from firmware_bridge.errors import LineError
from firmware_bridge.ports import Contact
from firmware_bridge.sections import ContactSection
from firmware_bridge.types import Reading

RESYNC_AFTER_S = 1.0  # lines are read at least this often, should an edge ever be lost


@dataclass(frozen=True, slots=True)
class Change:
    """A line's believed reading is another one now."""

    line: str
    before: Reading
    after: Reading
    is_active: bool  # what the line counts as now
    was_active: bool


class Inputs:
    """All contacts of one door. `poll_s` is how often measured lines are read; None: there are none."""

    def __init__(
        self,
        contacts: Mapping[str, Contact],
        sections: Mapping[str, ContactSection],
        *,
        poll_s: float | None,
        now: float,
    ) -> None:
        self._contacts = contacts
        self._sections = sections
        self._read_every_s = RESYNC_AFTER_S if poll_s is None else poll_s
        self._read_again_at = now
        self._debounces = {line: Debounce(self._read(line), stable_s=sections[line].debounce_s) for line in contacts}
        self._is_active = {
            line: self._counts_as(line, debounce.reading, kept=False) for line, debounce in self._debounces.items()
        }

    @property
    def next_deadline(self) -> float:
        """When `changes` is due at the latest, in monotonic seconds."""
        settling = (debounce.deadline for debounce in self._debounces.values())
        return min([self._read_again_at, *(at for at in settling if at is not None)])

    @property
    def readings(self) -> dict[str, Reading]:
        """The believed reading of every fitted line."""
        return {line: debounce.reading for line, debounce in self._debounces.items()}

    def is_active(self, line: str) -> bool | None:
        """What `line` counts as, its fault rule applied; None: not fitted."""
        return self._is_active.get(line)

    def changes(self, now: float) -> list[Change]:
        """Read every line and tell what changed."""
        self._read_again_at = now + self._read_every_s
        return [change for line in self._contacts if (change := self._change(line, now)) is not None]

    def _change(self, line: str, now: float) -> Change | None:
        debounce = self._debounces[line]
        before = debounce.reading
        if not debounce.observe(self._read(line), now=now):
            return None
        was_active = self._is_active[line]
        self._is_active[line] = self._counts_as(line, debounce.reading, kept=was_active)
        return Change(line, before, debounce.reading, self._is_active[line], was_active)

    def _read(self, line: str) -> Reading:
        try:
            return self._contacts[line].read()
        except LineError:
            return Reading.FAULT

    def _counts_as(self, line: str, reading: Reading, *, kept: bool) -> bool:
        if reading.is_sound:
            return reading is Reading.ACTIVE
        return kept or self._sections[line].on_fault == "active"
