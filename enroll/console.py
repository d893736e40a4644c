"""What the administrator sees: one console for people, one form of JSON for programs."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def complain(sentence: str) -> None:
    """One clear sentence on standard error."""
    err.print(f"lintel: {sentence}", style="bold red", markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
