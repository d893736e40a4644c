"""How the door looks on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware_bridge.protocol import DoorEvent, DoorStatus

if TYPE_CHECKING:
    from rich.table import Table


def status_table(status: DoorStatus) -> Table:
    """Everything that the daemon told, one line each, faults last and in red."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    lock = "released by " + ", ".join(status.causes) if status.is_released else "secured"
    rows = [
        ("door", status.state),
        ("mode", status.mode),
        ("lock", lock),
        ("shown", status.indication),
        *((line, reading) for line, reading in status.inputs.items()),
        ("panel", status.panel + (f", key {status.panel_key}" if status.panel_key else "")),
        ("events", f"{status.last_sequence}, of which {status.unacknowledged} wait to be taken over"),
        ("up", f"{status.uptime_s:.0f} s"),
        *(("advice", sentence) for sentence in status.advice),
    ]
    for name, value in rows:
        table.add_row(name, str(value))
    for fault in status.faults:
        table.add_row("fault", fault, style="bold red")
    return table


def event_line(event: DoorEvent) -> str:
    """One event on one line: number, civil time, what, and by whom."""
    about = [
        f"by {event.cause}" if event.cause else "",
        event.actor,
        f"audit {event.audit_sequence}" if event.audit_sequence else "",
        event.detail,
    ]
    return f"{event.sequence:6}  {event.utc[:23]}  {event.kind:18} {', '.join(filter(None, about))}".rstrip()
