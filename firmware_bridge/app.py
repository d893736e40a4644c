"""The composition root: builds the daemon from its configuration, in the order that keeps the door safe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from firmware_bridge.board import advice
from firmware_bridge.clock import Clock
from firmware_bridge.commands import Commands, Rules
from firmware_bridge.config import BridgeSettings, wiegand_format
from firmware_bridge.extras import Extras
from firmware_bridge.keeper import Keeper
from firmware_bridge.listener import claim, listen
from firmware_bridge.lockdown_mark import LockdownMark
from firmware_bridge.notify import Notifier, Watchdog
from firmware_bridge.osdp import OsdpReader
from firmware_bridge.panel_key import PanelKeyFile
from firmware_bridge.peers import resolve
from firmware_bridge.presenter import CardPresenter
from firmware_bridge.reader import CardReader
from firmware_bridge.sections import NOT_FITTED
from firmware_bridge.server import Server, Timed
from firmware_bridge.spool import Spool
from firmware_bridge.types import EventKind, Lockdown, Occurrence
from firmware_bridge.wiegand_lines import PulseReceiver
from firmware_bridge.wires import open_lines, open_wires


def serve(
    settings: BridgeSettings, clock: Clock, environment: Mapping[str, str], *, started: Callable[[Server], None]
) -> None:
    """Run the daemon until it is told to stop; `started` gets the server that can be told. Raises BridgeError."""
    notifier = Notifier(environment)
    with open_server(settings, clock, notifier) as server:
        started(server)
        notifier.tell("READY=1")
        server.serve()
        notifier.tell("STOPPING=1")


@contextmanager
def open_server(settings: BridgeSettings, clock: Clock, notifier: Notifier) -> Iterator[Server]:
    """A server that is ready to serve. The order is the safety, both ways.

    Be the only daemon, secure the outputs, then everything else; at the end secure the outputs, then everything else.
    Raises BridgeError.
    """
    access = resolve(settings.access)
    state_folder = Path(settings.daemon.state_folder).absolute()
    path = Path(settings.daemon.socket).absolute()
    with ExitStack() as leaving:
        leaving.callback(os.close, claim(state_folder))
        lines, mock = open_lines(settings, state_folder)
        wires = open_wires(settings, lines)
        leaving.callback(wires.close)
        if mock is not None:
            mock.connect(settings.pins)
        spool = Spool(state_folder / "spool", max_events=settings.daemon.spool_max_events)
        leaving.callback(spool.close)
        keeper = Keeper(settings, wires, spool, clock)
        remember_lockdown(keeper, LockdownMark(state_folder / "lockdown"))
        panel = _open_panel(settings, state_folder, keeper, clock)
        receiver = PulseReceiver(end_of_frame_s=settings.wiegand.end_of_frame_s, monotonic=clock.monotonic)
        is_read = settings.wiegand.in_d0 != NOT_FITTED
        reader = CardReader(receiver, wiegand_format(settings.wiegand), clock) if is_read else None
        presenter = CardPresenter(wiegand_format(settings.wiegand), settings.wiegand, wires.wave, panel)
        advised = advice() if mock is None else ()
        rules = Rules(settings.daemon, settings.osdp, access, settings.door.max_release_s)
        commands = Commands(rules, keeper, spool, clock, Extras(presenter, panel, reader, mock, advised))
        optional: tuple[Timed | None, ...] = (reader, panel, Watchdog(notifier, clock))
        timed = [keeper, *(part for part in optional if part is not None)]
        server = Server(listen(path), commands, timed, clock, max_bytes=settings.daemon.max_message_bytes)
        leaving.callback(path.unlink, missing_ok=True)
        leaving.callback(server.close)
        if panel is not None:
            leaving.callback(panel.close)
        for contact in wires.contacts.values():
            contact.watch(server.wake)
        if is_read:
            pins = (settings.wiegand.in_d0, settings.wiegand.in_d1)
            leaving.callback(lines.pulses(pins, _hear(receiver, server)).close)
        leaving.callback(wires.lock.close)  # the last in is the first out
        yield server


def remember_lockdown(keeper: Keeper, mark: LockdownMark) -> None:
    """Begin in the lockdown that was never ended, and mark those to come."""
    if mark.is_set:
        keeper.accept(Lockdown("restart"))

    def note(occurrence: Occurrence) -> None:
        try:
            if occurrence.kind is EventKind.LOCKDOWN:
                mark.set()
            elif occurrence.kind is EventKind.LOCKDOWN_ENDED:
                mark.clear()
        except OSError as error:
            keeper.fail("lockdown", f"a restart would forget the lockdown: {error.strerror or error}")

    keeper.heard.append(note)


def _open_panel(settings: BridgeSettings, folder: Path, keeper: Keeper, clock: Clock) -> OsdpReader | None:
    if not settings.osdp.port:
        return None
    panel = OsdpReader(settings.osdp, PanelKeyFile(folder / "panel.key"), clock, obey=keeper.obey_panel)

    def tell(occurrence: Occurrence) -> None:
        if occurrence.kind in (EventKind.TAMPER, EventKind.TAMPER_CLEARED):
            panel.tell_tamper(is_tampered=occurrence.kind is EventKind.TAMPER)

    keeper.heard.append(tell)
    return panel


def _hear(receiver: PulseReceiver, server: Server) -> Callable[[bool], None]:
    """Collect a pulse, and have the loop look when the frame may have ended."""

    def hear(bit: bool) -> None:  # noqa: FBT001 (the wire's value, not a choice)
        receiver.pulse(bit=bit)
        server.wake()

    return hear
