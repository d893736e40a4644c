"""`lintel control`: ask the running door, with the role that your Unix groups give you."""

from __future__ import annotations

import click

from device.config import Settings
from enroll.console import print_json


@click.command()
@click.argument("verb")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.pass_obj
def control(settings: Settings, /, *, verb: str, arguments: tuple[str, ...]) -> None:
    """Ask the running door for VERB: status, lockout.clear, people.list, people.suspend person=NAME, audit.tail, ...

    The answer is one JSON document. An unknown verb is answered with the list of all.
    """
    from pathlib import Path

    from device.control import ask

    given: dict[str, object] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise click.BadParameter(f"{argument!r} is not KEY=VALUE", param_hint="ARGUMENTS")
        given[key] = int(value) if value.isdecimal() else value
    print_json(ask(Path(settings.control.socket), verb, **given))
