"""`lintel people list`: everyone enrolled, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from device.config import Settings
from enroll.console import counted, json_option, out, print_json

if TYPE_CHECKING:
    from device.collection.people import Person


@click.command(name="list")
@click.option("--group", metavar="GROUP", help="Only who is in this group.")
@click.option("--suspended", "is_suspended", is_flag=True, help="Only who is suspended.")
@click.option("--retired", "is_retired", is_flag=True, help="Only who is retired.")
@click.option("--without-consent", "lacks_consent", is_flag=True, help="Only who has no record of consent.")
@json_option
@click.pass_obj
def list_(
    settings: Settings,
    /,
    *,
    group: str | None,
    is_suspended: bool,
    is_retired: bool,
    lacks_consent: bool,
    as_json: bool,
) -> None:
    """List everyone enrolled, or those of whom all that is asked for is true."""
    from enroll.registry import reading_collection

    with reading_collection(settings) as collection, collection.snapshot():
        everyone = collection.people()
        without_consent = collection.without_consent()
    listed = [
        person
        for person in everyone
        if (group is None or group in person.facts.groups)
        and (not is_suspended or person.facts.is_suspended)
        and (not is_retired or person.retired_at is not None)
        and (not lacks_consent or person.id in without_consent)
    ]
    if as_json:
        print_json([_as_object(person) for person in listed])
        return
    if everyone and not listed:
        out.print("Nobody enrolled is like that.")
        return
    _print_table(listed)


def _as_object(person: Person) -> dict[str, object]:
    facts = person.facts
    return {
        "id": person.id,
        "name": person.name,
        "external_id": person.external_id,
        "references": sum(person.references.values()),
        "models": sorted(person.references),
        "suspended": facts.is_suspended,
        "valid_from": facts.valid_from,
        "valid_until": facts.valid_until,
        "groups": list(facts.groups),
        "created_at": person.created_at,
        "retired_at": person.retired_at,
    }


def _print_table(everyone: list[Person]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not everyone:
        out.print("Nobody is enrolled.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "id", "refs", "groups", "state", "enrolled"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"id", "refs", "state", "enrolled"})
    for person in everyone:
        references, groups = str(sum(person.references.values())), ", ".join(person.facts.groups)
        cells = (person.name, person.id, references, groups, _state(person), f"{person.created_at:%Y-%m-%d}")
        table.add_row(*map(Text, cells))
    out.print(table)
    out.print(counted(len(everyone), "person"))


def _state(person: Person) -> str:
    if person.retired_at is not None:
        return "retired"
    return "suspended" if person.facts.is_suspended else ""
