"""The door's face: its lamps, its buzzer and its light emitters, driven by what the indicator says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from firmware_bridge.errors import LineError
from firmware_bridge.indicator import Indicator
from firmware_bridge.pattern import Pattern
from firmware_bridge.ports import Output


class Fascia:
    """Lights what is to be lit. A line that fails is told to `failed` and does not stop the others."""

    def __init__(
        self,
        indicator: Indicator,
        lamps: Mapping[str, Output],
        emitters: Mapping[str, Output],
        *,
        failed: Callable[[str, LineError], None],
    ) -> None:
        self.indicator = indicator
        self._lamps = lamps
        self._emitters = emitters
        self._failed = failed
        self._lit: dict[str, frozenset[str]] = {"indicator": frozenset(), "light": frozenset()}
        self._code: Pattern | None = None
        self._code_since = 0.0

    @property
    def has_emitters(self) -> bool:
        return bool(self._emitters)

    def emit(self, code: Pattern, now: float) -> None:
        """Flash the light emitters in a code, from now on; replaces a code that is still running."""
        self._code, self._code_since = code, now
        self.update(now)

    def update(self, now: float) -> None:
        """Make the lines show what is to be lit now."""
        self._light("indicator", self._lamps, self.indicator.lit(now))
        flash = None if self._code is None else self._code.lit(now - self._code_since)
        if flash is None:
            self._code = None
        self._light("light", self._emitters, flash or frozenset())

    def next_change(self, now: float) -> float | None:
        """When `update` is due, in monotonic seconds; None: nothing changes by itself."""
        changes = [self.indicator.next_change(now) if self._lamps else None]
        if self._code is not None:
            change_s = self._code.next_change_s(now - self._code_since)
            changes.append(now if change_s is None else self._code_since + change_s)
        return min((at for at in changes if at is not None), default=None)

    def _light(self, group: str, lines: Mapping[str, Output], wanted: frozenset[str]) -> None:
        changed = wanted ^ self._lit[group]
        self._lit[group] = wanted
        for name in sorted(changed & lines.keys()):
            try:
                lines[name].switch_on() if name in wanted else lines[name].switch_off()
            except LineError as error:
                self._failed(f"{group}.{name}", error)
