"""`lintel audit`: what happened at the door, and whether anybody changed the record of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from device.audit.chain import Broken, ChainVerdict, Event, Head, Intact
from device.audit.kinds import AuditKind
from device.config import Settings
from device.errors import AuditBrokenError
from enroll.console import out, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from device.audit.sign import PublicKey

SHOWN_UNLESS_TOLD = 20
GIST = {"search": ("score", "best_score", "threshold"), "liveness": ("verdict", "reason", "missing")}


@click.group()
def audit() -> None:
    """Show what happened at the door and verify that nobody changed it."""


@audit.command()
@click.option("--last", type=click.IntRange(min=1), default=SHOWN_UNLESS_TOLD, show_default=True, metavar="N")
@click.option("--kind", type=click.Choice([kind.value for kind in AuditKind]), help="Only events of this kind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each event and line.")
@click.pass_obj
def show(settings: Settings, /, *, last: int, kind: str | None, as_json: bool) -> None:
    """Show the newest events, the newest last; --json shows all that was recorded of them."""
    from device.audit.log import reading_audit

    with reading_audit(settings.audit_file) as reader:
        events = reader.last(last, kind=None if kind is None else AuditKind(kind))
    if as_json:
        for event in events:
            print_json(event.as_object())
        return
    out.print(_table(events))


@audit.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False), help="Not the one beside the log.")
@click.option("--expect", metavar="SEQ:HASH", help="An earlier end of the chain that you kept elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="The verdict as one JSON object.")
@click.pass_obj
def verify(
    settings: Settings, /, *, file: Path | None, public_key: Path | None, expect: str | None, as_json: bool
) -> None:
    """Check chain, signatures and end of the log: exit code 0 when they hold, 51 when they do not.

    A changed, moved, added or removed row, a tail that was cut off and a log that was rolled back are found. With
    FILE, an exported log is checked; give it the device's public key from where you trust it. Somebody who had the
    device's key, or who put log, archives and kept end back together, is found with --expect only: keep the end that
    this command prints somewhere else.
    """
    from device.audit.evidence import verify_export, verify_log

    expected = None if expect is None else _parse_head(expect)
    public = _public_key(settings, public_key)
    if file is None:
        verdict = verify_log(settings.audit_file, public=public, expected=expected)
    elif public is None:
        raise click.UsageError("an exported log is verified with --public-key")
    else:
        verdict = verify_export(file, public=public, expected=expected)
    if as_json:
        print_json(_as_object(verdict))
    match verdict:
        case Broken(sequence=sequence, why=why):
            raise AuditBrokenError(f"{file or settings.audit_file}: the chain breaks at row {sequence}: {why}")
        case Intact(head=head):
            if not as_json:
                _praise(head)
        case unreachable:
            assert_never(unreachable)


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet; only JSON Lines can be verified.")
@click.pass_obj
def export(settings: Settings, /, *, file: Path, as_csv: bool) -> None:
    """Write the whole log, archives included, to FILE as JSON Lines, one event a line."""
    from device.audit.export import export_audit, export_audit_csv

    count = (export_audit_csv if as_csv else export_audit)(settings.audit_file, to=file)
    out.print(f"{count} events written to {file}", markup=False, soft_wrap=True)


@audit.command()
@click.option("--keep", type=click.IntRange(min=0), default=1000, show_default=True, help="Events to leave in the log.")
@click.pass_obj
def archive(settings: Settings, /, *, keep: int) -> None:
    """Move older events into signed archive files now; the door does it by itself when the log grows."""
    from device.audit.archive import archive_events
    from device.audit.log import AuditLog
    from device.clock import SystemClock

    moved = 0
    with AuditLog(settings.audit_file, clock=SystemClock()) as log:
        while count := archive_events(log, keep=keep + 1):
            moved += count
    out.print(f"{moved} events are archived", markup=False)


@audit.command()
@click.option("--days", type=click.IntRange(min=1), required=True, help="Delete archives older than this.")
@click.pass_obj
def retire(settings: Settings, /, *, days: int) -> None:
    """Delete old archives; that they were deleted, and up to which event, stays in the log."""
    from datetime import timedelta

    from device.audit.archive import retire_archives
    from device.audit.log import AuditLog
    from device.clock import SystemClock

    clock = SystemClock()
    with AuditLog(settings.audit_file, clock=clock) as log:
        count = retire_archives(log, before=clock.now() - timedelta(days=days))
    out.print(f"{count} archives are deleted", markup=False)


def _public_key(settings: Settings, given: Path | None) -> PublicKey | None:
    """The device's public key; None where nothing was ever signed."""
    from device.audit.sign import PUBLIC_KEY_FILE, read_public_key

    beside = settings.audit_file.with_name(PUBLIC_KEY_FILE)
    if given is None and not beside.exists():
        return None
    return read_public_key(given or beside)


def _parse_head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expect") from error


def _as_object(verdict: ChainVerdict) -> dict[str, object]:
    match verdict:
        case Intact(head=head):
            return {"intact": True, "events": head.sequence, "head": str(head), "first_bad": None, "why": None}
        case Broken(sequence=sequence, why=why):
            return {"intact": False, "events": None, "head": None, "first_bad": sequence, "why": why}
        case unreachable:
            assert_never(unreachable)


def _praise(head: Head) -> None:
    out.print(f"{head.sequence} events, and the chain holds. It ends with", markup=False)
    out.print(str(head), markup=False, soft_wrap=True)
    out.print("Keep that elsewhere: verify --expect then finds even who could sign for this device.")


def _table(events: list[Event]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("no.", "time (UTC)", "kind"):
        table.add_column(heading, no_wrap=True)
    table.add_column("facts", overflow="fold")
    for event in events:
        facts = event.as_object()["facts"]
        text = _gist(facts) if isinstance(facts, dict) else event.facts
        cells = (str(event.sequence), event.at[:19].replace("T", " "), event.kind, text)
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    return table


def _gist(facts: dict[str, object]) -> str:
    """The facts that a person asks for first; --json shows all of them."""
    shown = {name: value for name, value in facts.items() if not isinstance(value, dict)}
    for group, names in GIST.items():
        nested = facts.get(group)
        if isinstance(nested, dict):
            shown |= {f"{group}.{name}": nested[name] for name in names if nested.get(name) is not None}
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _printable(text: str) -> str:
    """Damaged rows may hold anything, and a terminal obeys some of it."""
    return "".join(character if character.isprintable() else "?" for character in text)
