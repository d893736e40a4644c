"""What a supervised line's voltage means: closed, open, short, cut, or nothing that its resistors can make. Pure.

The line hangs on a pull-up to the converter's reference. One resistor is in series with the contact, another across
it, both at the far end of the cable, so the four states of the line are four resistances, and everything between them
is a fault: a corroded terminal, a leaking cable, somebody with a resistor of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SHORT_SHARE = 0.2  # of the series resistor: less is a short, and still leaves 200 ohm of cable to a 1 kilohm resistor
CUT_FACTOR = 5.0  # times both resistors: more is a cut, and still tells a damp cable of 16 kilohm from one
ADC_ERROR = 2 / 1024  # of full scale: two steps of a ten-bit converter


class LoopState(StrEnum):
    """What the line is."""

    CLOSED = "closed"
    OPEN = "open"
    SHORT = "short"
    CUT = "cut"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Loop:
    """The resistors of a supervised line, in ohms, and their relative tolerance.

    Raises ValueError when they cannot tell the line's states apart.
    """

    pull_up_ohm: float
    series_ohm: float
    parallel_ohm: float
    tolerance: float

    def __post_init__(self) -> None:
        edges = [self.short_below, *self.closed_within, *self.open_within, self.cut_above]
        if edges != sorted(set(edges)):
            raise ValueError("these resistors and this tolerance cannot tell an open contact from a closed one")

    @property
    def short_below(self) -> float:
        """Below this share of the reference voltage the wires touch."""
        return self._share(self.series_ohm * SHORT_SHARE, self.pull_up_ohm)

    @property
    def closed_within(self) -> tuple[float, float]:
        """The shares that a closed contact can make, at the worst of all tolerances."""
        return self._window(self.series_ohm)

    @property
    def open_within(self) -> tuple[float, float]:
        """The shares that an open contact can make."""
        return self._window(self.series_ohm + self.parallel_ohm)

    @property
    def cut_above(self) -> float:
        """Above this share nothing is connected."""
        return self._share((self.series_ohm + self.parallel_ohm) * CUT_FACTOR, self.pull_up_ohm)

    def classify(self, share: float) -> LoopState:
        """What `share` of the reference voltage means, in [0, 1]. Anything that is not a number is a fault."""
        if share < self.short_below:
            return LoopState.SHORT
        if share > self.cut_above:
            return LoopState.CUT
        for state, (low, high) in ((LoopState.CLOSED, self.closed_within), (LoopState.OPEN, self.open_within)):
            if low <= share <= high:
                return state
        return LoopState.FAULT

    def _window(self, ohm: float) -> tuple[float, float]:
        low, high = 1.0 - self.tolerance, 1.0 + self.tolerance
        return (
            self._share(ohm * low, self.pull_up_ohm * high) - ADC_ERROR,
            self._share(ohm * high, self.pull_up_ohm * low) + ADC_ERROR,
        )

    @staticmethod
    def _share(ohm: float, pull_up_ohm: float) -> float:
        return ohm / (ohm + pull_up_ohm)
