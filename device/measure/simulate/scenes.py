"""Visitors one after another before one camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from device.clock import Clock
from device.measure.simulate.lens import Lens
from device.measure.simulate.room import Sensor, paint_room
from device.types import Frame, Image


class Visitor(Protocol):
    """Anything that can be filmed: a puppet, a print, a screen, a clip, an empty room."""

    def frame_at(self, t_s: float) -> Image:
        """The camera's picture `t_s` seconds after the visitor appeared, (height, width, 3) uint8 BGR."""
        ...


class EmptyRoom:
    """A simulated room with nobody in it."""

    def __init__(self, *, lens: Lens | None = None, seed: int = 0) -> None:
        lens = lens or Lens()
        self._room, self._sensor = paint_room(lens, seed=seed), Sensor(lens, seed=seed)

    def frame_at(self, t_s: float) -> Image:
        """The empty room; only the sensor noise changes."""
        return self._sensor.expose(self._room, t_s)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visitor before the camera for a while."""

    name: str
    visitor: Visitor
    duration_s: float

    def __post_init__(self) -> None:
        if not self.duration_s > 0:
            raise ValueError(f"{self.name}: a visit lasts longer than 0 s, got {self.duration_s}")


def with_gaps(visits: Sequence[Visit], *, room: Visitor, gap_s: float) -> tuple[Visit, ...]:
    """The same visits with an empty room of `gap_s` seconds before, between and after them."""
    gap = Visit("empty room", room, gap_s)
    staged = [gap]
    for visit in visits:
        staged += [visit, gap]
    return tuple(staged)


class StagedCamera:
    """A `device.ports.Camera` that films visits one after another, at the pace of the clock it is given.

    With a FakeClock the whole play takes no longer than its rendering; with the SystemClock it takes its true time, and
    a consumer that is too slow gets its frames late, not fewer.
    """

    def __init__(self, visits: Sequence[Visit], *, rate_hz: float, clock: Clock) -> None:
        """Raises ValueError for a rate that is not positive."""
        if not rate_hz > 0:
            raise ValueError(f"a camera needs a positive rate, got {rate_hz} Hz")
        self._visits, self._rate_hz, self._clock = tuple(visits), rate_hz, clock
        self._is_open = True

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of all visits; sequence numbers and times run on across them."""
        started_at: float | None = None  # when the first picture is ready: preparing it is not part of the play
        sequence, visit_starts_s = 0, 0.0
        for visit in self._visits:
            while self._is_open and (t_s := sequence / self._rate_hz) < visit_starts_s + visit.duration_s - 1e-9:
                image = visit.visitor.frame_at(t_s - visit_starts_s)
                if started_at is None:
                    started_at = self._clock.monotonic()
                self._clock.sleep(max(0.0, started_at + t_s - self._clock.monotonic()))
                yield Frame(image, self._clock.monotonic(), sequence)
                sequence += 1
            visit_starts_s += visit.duration_s

    def close(self) -> None:
        """End `frames` at its next frame."""
        self._is_open = False

    def visit_at(self, elapsed_s: float) -> Visit | None:
        """Who is before the camera `elapsed_s` seconds after the first frame; None before and after the play."""
        ends_s = 0.0
        for visit in self._visits:
            ends_s += visit.duration_s
            if 0.0 <= elapsed_s < ends_s - 1e-9:
                return visit
        return None
