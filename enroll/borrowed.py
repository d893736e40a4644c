"""Borrowing the camera of the running door, and giving it back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from device.control import ask
from device.errors import ControlError

RENEW_EVERY_S = 1.0


class Loan:
    """A camera that the running door lent. A thread of its own renews it, so that a question may take its time."""

    def __init__(self, socket: Path) -> None:
        """Raises ControlError when the door does not lend it."""
        self._socket = socket
        self._token = str(ask(socket, "camera.lend")["token"])
        self._over = threading.Event()
        self.is_lost = False
        self._thread = threading.Thread(target=self._renew, name="loan", daemon=True)
        self._thread.start()

    def show(self, word: str) -> None:
        """Have the door's lamps show `word`; a lamp that stays dark must not end an enrolment."""
        with contextlib.suppress(ControlError):
            ask(self._socket, "camera.keep", token=self._token, show=word)

    def end(self) -> None:
        """Give the camera back; harmless when the door is gone."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(ControlError):
            ask(self._socket, "camera.return", token=self._token)

    def _renew(self) -> None:
        while not self._over.wait(RENEW_EVERY_S):
            try:
                ask(self._socket, "camera.keep", token=self._token)
            except ControlError:
                self.is_lost = True
                return


@contextlib.contextmanager
def borrowing(socket: Path) -> Iterator[Loan]:
    """The loan while the block runs. Raises ControlError when the door does not lend its camera."""
    loan = Loan(socket)
    try:
        yield loan
    finally:
        loan.end()
