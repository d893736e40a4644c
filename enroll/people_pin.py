"""`lintel people pin`: give somebody a PIN, or take it away. Digits never stand on the command line."""

from __future__ import annotations

import sys

import click

from device.config import Settings
from enroll.console import json_option, out, print_json

LINE_AT_MOST = 64  # characters read from standard input; no PIN is nearly as long


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--clear", is_flag=True, help="Take the PIN away.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the PIN from one line of standard input.")
@json_option
@click.pass_obj
def pin(settings: Settings, /, *, person: str, clear: bool, from_stdin: bool, as_json: bool) -> None:
    """Give PERSON (name, id or external id) a PIN of 4 to 12 digits, typed twice and not shown.

    A door asks the people of [policy] second_factor_groups for it. A new PIN ends every block.
    """
    from enroll.registry import open_existing_registry, reading_collection

    if clear and from_stdin:
        raise click.UsageError("--clear takes a PIN away, so there is none to read")
    with reading_collection(settings) as collection:
        one = collection.find(person)
    digits = None if clear else _read_line() if from_stdin else _ask(one.name)
    with open_existing_registry(settings) as registry:
        if digits is None:
            has_changed = registry.clear_pin(one.id)
        else:
            registry.set_pin(one.id, digits)
            has_changed = True
    if as_json:
        print_json({"id": one.id, "changed": has_changed})
        return
    said = "has a new PIN" if digits is not None else "has no PIN any more" if has_changed else "had no PIN"
    out.print(f"{one.name} ({one.id}) {said}", markup=False)


def _read_line() -> str:
    return sys.stdin.readline(LINE_AT_MOST).rstrip("\r\n")


def _ask(name: str) -> str:
    """Ask on the terminal, twice."""
    if not sys.stdin.isatty():
        raise click.UsageError("a PIN is asked for on a terminal; --stdin reads it from one line of standard input")
    digits: str = click.prompt(f"PIN of {name}", hide_input=True, confirmation_prompt="Again", err=True)
    return digits
