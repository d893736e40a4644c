"""Lending the camera: whoever enrols at the door has it for a while, and the door looks at nobody meanwhile.

A camera of V4L2 opens once. A lease lasts seconds and is renewed by asking again, so that a borrower who died keeps
nothing: the door takes its camera back.
"""

from __future__ import annotations

import secrets
import threading

from device.clock import Clock
from device.errors import ControlError

LEASE_S = 5.0
HANDOVER_S = 6.0  # for the frame under way and a driver that is slow to let go
SHOWN = frozenset(  # what a borrower may have the lamps show; never that somebody may come in
    {
        "come_closer",
        "hold_still",
        "look_left",
        "look_right",
        "look_up",
        "look_down",
        "blink",
        "open_mouth",
        "denied",
        "try_again_later",
        "fault",
        "enrolling",
        "enrolled",
    }
)


class CameraLease:
    """One lease at a time. Asked by the threads of the control socket, obeyed by the service's own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._token: str | None = None
        self._ends_at = 0.0
        self._is_handed_over = False
        self._word: str | None = None

    @property
    def is_lent(self) -> bool:
        """Whether somebody has, or waits for, the camera; no more once the lease has run out."""
        with self._changed:
            return self._is_valid()

    def lend(self) -> str:
        """Begin a lease and wait until the camera is let go; the token that renews and ends it.

        Raises ControlError when it is lent already, or not let go in time.
        """
        with self._changed:
            if self._is_valid():
                raise ControlError("the camera is lent to somebody else already")
            self._token, self._is_handed_over, self._word = secrets.token_hex(16), False, None
            token, self._ends_at = self._token, self._clock.monotonic() + HANDOVER_S + LEASE_S
            if not self._changed.wait_for(lambda: self._is_handed_over, HANDOVER_S):
                self._token = None
                raise ControlError("the door did not let its camera go in time")
            self._ends_at = self._clock.monotonic() + LEASE_S
            return token

    def keep(self, token: object, word: object = None) -> None:
        """Renew the lease, and show `word` by the lamps. Raises ControlError without a lease of this token."""
        if word is not None and word not in SHOWN:
            raise ValueError(f"show is one of {', '.join(sorted(SHOWN))}")
        with self._changed:
            self._require(token)
            self._ends_at = self._clock.monotonic() + LEASE_S
            if isinstance(word, str):
                self._word = word
                self._changed.notify_all()

    def give_back(self, token: object) -> None:
        """End the lease. Raises ControlError without a lease of this token."""
        with self._changed:
            self._require(token)
            self._token = None
            self._changed.notify_all()

    def hand_over(self) -> None:
        """The camera is let go."""
        with self._changed:
            self._is_handed_over = True
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> str | None:
        """The next word to show, as soon as there is one; None when the lease ended or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._word is not None or not self._is_valid(), timeout_s)
            word, self._word = self._word, None
            return word

    def _is_valid(self) -> bool:
        return self._token is not None and self._clock.monotonic() < self._ends_at

    def _require(self, token: object) -> None:
        if not (self._is_valid() and isinstance(token, str) and secrets.compare_digest(token, self._token or "")):
            raise ControlError("the camera is not lent by this token, or not any more")
