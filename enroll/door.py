"""`lintel door`: ask the door daemon how the door is, and tell it what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from device.clock import SystemClock
from device.config import Settings
from enroll.console import out, print_json
from enroll.door_panel import osdp
from enroll.door_table import event_line, status_table
from firmware_bridge.client import DoorClient
from firmware_bridge.types import OWN_INDICATIONS, Indication

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware_bridge.protocol import DoorEvent

TRY_EACH_FOR_S = 2.0
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """A length of time such as 8, 8s, 15m or 2h."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds. A usage error for anything else."""
        text = str(value)
        number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS_S else (text, "s")
        try:
            seconds = float(number) * UNITS_S[unit]
        except ValueError:
            seconds = 0.0
        if not 0.0 < seconds <= 86_400.0:
            self.fail(f"{value!r} is not a time of up to a day, such as 8s, 15m or 2h", param, ctx)
        return seconds


@click.group()
@click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The daemon's socket, instead of the configured one.",
)
@click.pass_context
def door(ctx: click.Context, /, *, socket_path: Path | None) -> None:
    """Ask, release or lock down the door through its daemon."""
    settings: Settings = ctx.obj
    ctx.obj = DoorClient(socket_path or Path(settings.door.socket))


@door.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def status(client: DoorClient, /, *, as_json: bool) -> None:
    """Show how the door is: state, lock, inputs, faults, panel."""
    answer = client.status()
    if as_json:
        print_json(answer)
        return
    out.print(status_table(answer))


@door.command()
@click.option("--for", "duration_s", type=Duration(), default=5.0, show_default="5s", help="How long.")
@click.option("--extended", is_flag=True, help="For a person who needs longer: the accessibility times apply.")
@click.pass_obj
def release(client: DoorClient, /, *, duration_s: float, extended: bool) -> None:
    """Release the lock for one passage; the daemon records who did."""
    ask = client.release_extended if extended else client.release
    # No audit row earned this: the daemon's own record of who asked is what the audit takes over.
    ask(duration_s=duration_s, audit_sequence=0, captured_at=SystemClock().monotonic())
    out.print(f"released for {duration_s:g} s")


@door.command()
@click.pass_obj
def secure(client: DoorClient) -> None:
    """End every release by command and free passage, now."""
    client.secure()
    out.print("secured; the exit button and the fire panel still release")


@door.command()
@click.option("--end", is_flag=True, help="Back to normal. Nothing that the lockdown ended comes back by itself.")
@click.pass_obj
def lockdown(client: DoorClient, /, *, end: bool) -> None:
    """Let no command release the lock; the exit button and the fire panel still do."""
    if end:
        client.end_lockdown()
        out.print("lockdown ended")
        return
    client.lockdown()
    out.print("lockdown: no command releases until `lintel door lockdown --end`")


@door.command("free-passage")
@click.option("--for", "duration_s", type=Duration(), help="How long; without it until ended.")
@click.option("--end", is_flag=True, help="End it.")
@click.pass_obj
def free_passage(client: DoorClient, /, *, duration_s: float | None, end: bool) -> None:
    """Unlock for everybody."""
    if end:
        client.end_free_passage()
        out.print("free passage ended")
        return
    client.free_passage(duration_s=duration_s)
    out.print(
        "unlocked " + ("until `lintel door free-passage --end`" if duration_s is None else f"for {duration_s:g} s")
    )


@door.command()
@click.option("--each", "each_s", type=Duration(), default=TRY_EACH_FOR_S, show_default="2s", help="Time for each.")
@click.pass_obj
def test(client: DoorClient, /, *, each_s: float) -> None:
    """Show every indication in turn and then the inputs, without releasing anything: for whoever wires the door."""
    clock = SystemClock()
    for indication in Indication:
        if indication in OWN_INDICATIONS:
            continue
        client.show(indication)
        out.print(f"showing {indication}")
        clock.sleep(each_s)
    client.show(Indication.READY)
    out.print(status_table(client.status()))


@door.command()
@click.option("--after", type=click.IntRange(min=0), help="Begin with the kept event after this number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each event and line.")
@click.pass_obj
def monitor(client: DoorClient, /, *, after: int | None, as_json: bool) -> None:
    """Show what happens at the door as it happens, until interrupted."""
    for event in _events(client, after):
        if as_json:
            print_json(event)
        else:
            out.print(event_line(event), markup=False)


def _events(client: DoorClient, after: int | None) -> Iterator[DoorEvent]:
    return client.watch(client.status().last_sequence if after is None else after)


door.add_command(osdp)
