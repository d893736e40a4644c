"""`lintel completion`: the few lines that teach a shell to complete the command. Names of people are not completed."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from enroll.console import out

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, /, *, shell: str) -> None:
    """Print the script for SHELL. For bash: lintel completion bash > /usr/share/bash-completion/completions/lintel"""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 (click knows the three)
    script = kind(ctx.find_root().command, {}, "lintel", "_LINTEL_COMPLETE")
    out.print(script.source_template % script.source_vars(), markup=False, soft_wrap=True)
