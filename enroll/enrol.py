"""`lintel enroll`: put people on the door, at its camera or from photos."""

from __future__ import annotations

import importlib

import click

SUBCOMMANDS = {  # name -> ("module:attribute", summary); each is imported when it is used
    "import": ("enroll.importing:import_", "Enrol people from a folder of photos, a roster or a zip of either."),
    "start": ("enroll.guide:start", "Enrol a person at the door's own camera, one instruction at a time."),
}


class LazySubcommands(click.Group):
    """A group whose commands are imported when they are used, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        if cmd_name not in SUBCOMMANDS:
            return None
        module_name, attribute = SUBCOMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUBCOMMANDS[name][1]) for name in sorted(SUBCOMMANDS)])


@click.group(cls=LazySubcommands)
def enroll() -> None:
    """Enrol people at the door's own camera or from photos."""
