"""The composition root: builds the daemon from its configuration, in the order that keeps the door safe."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from firmware_bridge.clock import Clock
from firmware_bridge.commands import Commands, Rules
from firmware_bridge.config import BridgeSettings
from firmware_bridge.keeper import Keeper
from firmware_bridge.listener import claim, listen
from firmware_bridge.notify import Notifier
from firmware_bridge.peers import resolve
from firmware_bridge.server import Server
from firmware_bridge.spool import Spool
from firmware_bridge.wires import open_wires


def serve(
    settings: BridgeSettings,
    clock: Clock,
    environment: Mapping[str, str],
    *,
    started: Callable[[Server], None] = lambda _server: None,
) -> None:
    """Run the daemon until it is told to stop; `started` gets the server that can be told.

    The order is the safety: be the only daemon, secure the outputs, then everything else. Raises BridgeError.
    """
    access = resolve(settings.access)
    state_folder = Path(settings.daemon.state_folder)
    claimed = claim(state_folder)
    wires = open_wires(settings)
    try:
        spool = Spool(state_folder / "spool", max_events=settings.daemon.spool_max_events)
        keeper = Keeper(settings, wires, spool, clock)
        rules = Rules(settings.daemon, access, settings.door.max_release_s)
        commands = Commands(rules, keeper, spool, clock, wires.mock)
        path = Path(settings.daemon.socket)
        server = Server(listen(path), commands, keeper, clock, max_bytes=settings.daemon.max_message_bytes)
        notifier = Notifier(environment)
        try:
            for contact in wires.contacts.values():
                contact.watch(server.wake)
            started(server)
            notifier.tell("READY=1")
            server.serve()
        finally:
            notifier.tell("STOPPING=1")
            wires.lock.close()  # before anything slower
            server.close()
            path.unlink(missing_ok=True)
            keeper.close()
    finally:
        wires.close()
        os.close(claimed)
