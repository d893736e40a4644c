"""Ctrl-C and SIGTERM that are not lost: an exception raised inside a callback of a library may be swallowed there."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Interrupts:
    """Remembers that somebody asked to stop, whatever became of the exception that said so."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """A signal handler: stop now, or, where that is swallowed, at the next item of `watch`."""
        self.is_asked = True
        raise KeyboardInterrupt

    def watch(self, items: Iterable[T]) -> Iterator[T]:
        """The items, until somebody asks to stop. Raises KeyboardInterrupt then."""
        for item in items:
            if self.is_asked:
                raise KeyboardInterrupt
            yield item


@contextlib.contextmanager
def noticing_interrupts() -> Iterator[Interrupts]:
    """Notice SIGINT and SIGTERM while the block runs."""
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
