"""A click group whose commands stand in a table and are imported only when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import click
from click.shell_completion import CompletionItem

CommandTable: TypeAlias = Mapping[str, tuple[str, str]]  # name -> ("module:attribute", summary)


class LazyGroup(click.Group):
    """Commands are imported when they are asked for, not when they are listed: a heavy import is paid by its user."""

    def __init__(self, *arguments: Any, table: CommandTable, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        if cmd_name not in self.table:
            return None
        module_name, attribute = self.table[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The group's options and, from the table alone, its commands: click would import every one of them."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        rows = sorted(self.table.items())
        return [CompletionItem(name, help=row[1]) for name, row in rows if name.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name][1]) for name in sorted(self.table)])
