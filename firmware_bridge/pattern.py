"""What is lit when: a pattern of steps, and how it is written. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MIN_STEP_S = 0.02
MAX_STEP_S = 60.0
MAX_STEPS = 64
ROUNDING_S = 1e-9  # a step that ends within this has ended: sums of floats must not spin a loop
FOR_EVER = "repeat"
DARK = "dark"


@dataclass(frozen=True, slots=True)
class Step:
    """Some channels are on for a while."""

    lit: frozenset[str]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """Steps in a row, once or for ever, or for `lasts_s` seconds at most."""

    steps: tuple[Step, ...]
    repeats: bool
    lasts_s: float = math.inf

    @property
    def duration_s(self) -> float:
        """Of all steps, once."""
        return sum(step.duration_s for step in self.steps)

    def lit(self, elapsed_s: float) -> frozenset[str] | None:
        """What is on `elapsed_s` seconds after the beginning; None: it is over."""
        found = self._find(elapsed_s)
        return None if found is None else found[0].lit

    def next_change_s(self, elapsed_s: float) -> float | None:
        """How long after the beginning the step that is on at `elapsed_s` ends; None: the pattern is over."""
        found = self._find(elapsed_s)
        return None if found is None else found[1]

    def _find(self, elapsed_s: float) -> tuple[Step, float] | None:
        """The step that is on, and when it ends."""
        if elapsed_s >= self.lasts_s - ROUNDING_S:
            return None
        ends_s = 0.0
        if self.repeats:
            ends_s = elapsed_s // self.duration_s * self.duration_s
        for step in self.steps:
            ends_s += step.duration_s
            if elapsed_s < ends_s - ROUNDING_S:
                return step, min(ends_s, self.lasts_s)
        # The division rounded down to just below a whole repetition.
        if not self.repeats:
            return None
        return self.steps[0], min(ends_s + self.steps[0].duration_s, self.lasts_s)


def parse_pattern(text: str, colours: Mapping[str, frozenset[str]]) -> Pattern:
    """Read "green+tone 0.3, green 2.7" or "blue 0.2, dark 1.8, repeat": names of `colours`, then seconds.

    Raises ValueError with the part that cannot be understood.
    """
    parts = [part.strip() for part in text.split(",")]
    repeats = parts[-1] == FOR_EVER
    steps = tuple(_step(part, colours) for part in (parts[:-1] if repeats else parts))
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(f"a pattern has 1 to {MAX_STEPS} steps")
    return Pattern(steps, repeats)


def _step(part: str, colours: Mapping[str, frozenset[str]]) -> Step:
    names, _, seconds = part.partition(" ")
    try:
        duration_s = float(seconds)
    except ValueError:
        raise ValueError(f"{part!r} is not a colour and a number of seconds") from None
    if not MIN_STEP_S <= duration_s <= MAX_STEP_S:  # also refuses NaN
        raise ValueError(f"{part!r}: a step lasts {MIN_STEP_S} to {MAX_STEP_S} s")
    return Step(mix(names, colours), duration_s)


def mix(names: str, colours: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The channels of "red+tone". Raises ValueError for a name that is not in `colours`."""
    lit: frozenset[str] = frozenset()
    for name in names.split("+"):
        if name != DARK and name not in colours:
            raise ValueError(f"{name!r} is not one of {', '.join(colours)}, {DARK}")
        lit |= colours.get(name, frozenset())
    return lit
