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
@click.option("--expect", metavar="SEQ:HASH", help="An earlier end of the chain that you kept elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="The verdict as one JSON object.")
@click.pass_obj
def verify(settings: Settings, /, *, expect: str | None, as_json: bool) -> None:
    """Check the whole hash chain: exit code 0 when it holds, 51 when it does not.

    A changed, moved or removed row is always found. Rows cut off at the end, and a log written anew from the start, can
    only be found with --expect: keep the end that this command prints somewhere else.
    """
    from device.audit.log import reading_audit

    expected = None if expect is None else _parse_head(expect)
    with reading_audit(settings.audit_file) as reader:
        verdict = reader.verify(expected=expected)
    if as_json:
        print_json(_as_object(verdict))
    match verdict:
        case Broken(sequence=sequence, why=why):
            raise AuditBrokenError(f"{settings.audit_file}: the chain breaks at row {sequence}: {why}")
        case Intact(head=head):
            if not as_json:
                _praise(head)
        case unreachable:
            assert_never(unreachable)


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def export(settings: Settings, /, *, file: Path) -> None:
    """Write the whole log to FILE as JSON Lines, one event a line."""
    from device.audit.export import export_audit

    count = export_audit(settings.audit_file, to=file)
    out.print(f"{count} events written to {file}", markup=False, soft_wrap=True)


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
    out.print("Keep that elsewhere: verify --expect then also finds a cut tail or a log that was written anew.")


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
