"""`lintel people erase`: what is known of a person is destroyed."""

from __future__ import annotations

import sys

import click

from device.config import Settings
from enroll.console import json_option, out, print_json


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def erase(settings: Settings, /, *, person: str, is_confirmed: bool, as_json: bool) -> None:
    """Destroy all that is kept of PERSON (name, id or external id). The audit keeps the fact, without the name."""
    from enroll.registry import open_existing_registry

    with open_existing_registry(settings) as registry:
        found = registry.collection.find(person)
        if not is_confirmed:
            _ask(found.name)
        is_overwritten = registry.erase(found)
    if as_json:
        print_json({"id": found.id, "name": found.name, "traces_overwritten": is_overwritten})
        return
    out.print(f"{found.name} ({found.id}) is erased", markup=False)
    if not is_overwritten:
        out.print("Another process was reading, so traces stay in the write-ahead log until it is next emptied.")


def _ask(name: str) -> None:
    """Raises click.Abort for a no, and UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here whether to erase; say --yes")
    click.confirm(f"Erase {name} and all that is kept of them?", abort=True, err=True)
