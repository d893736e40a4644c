"""`lintel people show`: what is held about one person, for an administrator."""

from __future__ import annotations

from datetime import datetime

import click

from device.config import Settings
from enroll.console import json_option, out, print_json


@click.command()
@click.argument("person", metavar="PERSON")
@json_option
@click.pass_obj
def show(settings: Settings, /, *, person: str, as_json: bool) -> None:
    """Show what is held about PERSON (name, id or external id). Templates, photos and PINs are never shown.

    The last visit is searched for in the whole audit, which takes a while when it is years long.
    """
    from enroll.person_record import last_seen, person_record
    from enroll.registry import reading_collection

    with reading_collection(settings) as collection:
        found = collection.find(person)
        record = person_record(collection, found)
        record["last_seen"] = last_seen(collection, settings.audit_file, found.id)
    if as_json:
        print_json(record)
        return
    _print(record)


def _print(record: dict[str, object]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        table.add_row(name.replace("_", " "), Text(_said(name, value)))
    out.print(table)


def _said(name: str, value: object) -> str:
    """One value as a person reads it; times are in UTC."""
    match value:
        case None:
            return "no record" if name == "consent" else "none" if name == "pin" else "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case dict() if name == "consent":
            agreed = f"text {value['text_version']} ({value['language']}), {value['how']}"
            return f"{agreed}, {_said('given_at', value['given_at'])}"
        case dict() if name == "pin":
            blocked = f", may be tried from {value['blocked_until']}" if value["blocked_until"] else ""
            return f"set at {value['set_at']}, {value['failures']} wrong in a row{blocked}"
        case dict():
            return ", ".join(f"{count} of {model}" for model, count in value.items()) or "none"
        case list():
            return ", ".join(value) or "-"
        case _:
            return str(value)
