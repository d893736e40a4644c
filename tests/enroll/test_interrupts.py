"""Somebody who asks to stop is heard, even where a library swallows the exception."""

from __future__ import annotations

import os
import signal

import pytest

from enroll.interrupts import noticing_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_swallowed_interrupt_ends_at_the_next_item(number: signal.Signals) -> None:
    with noticing_interrupts() as interrupts:
        items = interrupts.watch(range(3))
        assert next(items) == 0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            next(items)


def test_without_an_interrupt_everything_passes_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with noticing_interrupts() as interrupts:
        assert list(interrupts.watch(range(3))) == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is before
