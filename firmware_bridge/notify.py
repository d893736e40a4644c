"""Telling systemd how the daemon is (sd_notify(3)); silent where nobody listens."""

from __future__ import annotations

import math
import socket
from collections.abc import Mapping

from firmware_bridge.clock import Clock


class Notifier:
    """Sends readiness and watchdog signs of life to the socket that `environment` names."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(watchdog_us) / 1e6 if watchdog_us.isdecimal() else None  # None: nobody watches

    def tell(self, state: str) -> None:
        """Send one state such as READY=1. A supervisor that has gone is no reason to leave the door."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(0)
            try:
                sender.sendto(state.encode(), self._address)
            except OSError:
                return


class Watchdog:
    """Signs of life for systemd's watchdog, twice as often as it asks for; never due where nobody watches."""

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        self._notifier = notifier
        self._clock = clock
        self._period_s = math.inf if notifier.watchdog_s is None else notifier.watchdog_s / 2
        self.next_deadline = clock.monotonic() + self._period_s

    def tick(self) -> None:
        """Say that the loop still turns, if that is due."""
        now = self._clock.monotonic()
        if now >= self.next_deadline:
            self.next_deadline = now + self._period_s
            self._notifier.tell("WATCHDOG=1")
