"""What the administrator sees: one console for people, one form of JSON for programs."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec
from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


def complain(sentence: str) -> None:
    """One clear sentence on standard error."""
    err.print(f"lintel: {sentence}", style="bold red", markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def counted(number: int, noun: str) -> str:
    """The number with its noun, such as "1 person" and "2 people"."""
    plural = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
