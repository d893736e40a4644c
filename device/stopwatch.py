"""How long each stage takes: the last thousand times of every stage, in constant memory."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

KEPT = 1000  # times per stage; at 15 frames a second about a minute


class Stopwatch:
    """Measures named stages. One thread; a measurement costs about a microsecond."""

    def __init__(self, *, seconds: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._times: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time what happens inside the `with` block, also when it raises."""
        started = self._seconds()
        try:
            yield
        finally:
            self._times[stage].append(self._seconds() - started)

    def times(self) -> dict[str, list[float]]:
        """Seconds per stage, the oldest first."""
        return {stage: list(times) for stage, times in self._times.items()}

    def clear(self) -> None:
        """Forget all times, after a warm-up for example."""
        self._times.clear()
