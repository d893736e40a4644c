"""`lintel people list`: everyone enrolled, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from device.config import Settings
from enroll.console import counted, json_option, out, print_json

if TYPE_CHECKING:
    from device.collection.people import Person


@click.command(name="list")
@json_option
@click.pass_obj
def list_(settings: Settings, /, *, as_json: bool) -> None:
    """List everyone enrolled."""
    from enroll.registry import reading_collection

    with reading_collection(settings) as collection:
        everyone = collection.people()
    if as_json:
        print_json([_as_object(person) for person in everyone])
        return
    _print_table(everyone)


def _as_object(person: Person) -> dict[str, object]:
    facts = person.facts
    return {
        "id": person.id,
        "name": person.name,
        "references": sum(person.references.values()),
        "models": sorted(person.references),
        "suspended": facts.is_suspended,
        "valid_from": facts.valid_from,
        "valid_until": facts.valid_until,
        "groups": list(facts.groups),
        "created_at": person.created_at,
    }


def _print_table(everyone: list[Person]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not everyone:
        out.print("Nobody is enrolled.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "id", "references", "models", "enrolled (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")
    for person in everyone:
        references, models = sum(person.references.values()), ", ".join(sorted(person.references))
        cells = (person.name, person.id, str(references), models, f"{person.created_at:%Y-%m-%d %H:%M}")
        table.add_row(*map(Text, cells))
    out.print(table)
    out.print(counted(len(everyone), "person"))
