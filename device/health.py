"""Telling systemd how the appliance is: ready, alive, stopping. Without systemd it tells nobody."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send one sd_notify(3) message, such as "READY=1" or "WATCHDOG=1"; whether somebody listens.

    A supervisor that has gone, or does not read, is no reason to leave the door.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace, systemd(1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(0)
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            return False
    return True
