"""`lintel people remove`: what is known of a person is destroyed."""

from __future__ import annotations

import click

from device.config import Settings
from enroll.console import json_option, out, print_json


@click.command()
@click.argument("name_or_id", metavar="NAME|ID")
@json_option
@click.pass_obj
def remove(settings: Settings, /, *, name_or_id: str, as_json: bool) -> None:
    """Erase a person and every reference. The audit keeps the fact, without the name."""
    from enroll.registry import open_registry

    with open_registry(settings) as registry:
        person = registry.collection.find(name_or_id)
        is_overwritten = registry.erase(person)
    if as_json:
        print_json({"id": person.id, "name": person.name, "traces_overwritten": is_overwritten})
        return
    out.print(f"{person.name} ({person.id}) is erased", markup=False)
    if not is_overwritten:
        out.print("Another process was reading, so traces stay in the write-ahead log until it is next emptied.")
