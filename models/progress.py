"""How far something long is, told to whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What wants to know how far an installation is."""

    def __call__(self, name: str, *, done: int, total: int) -> None:
        """`done` of `total` bytes of `name` are here. A download that starts again begins at 0 again."""
        ...


def ignore_progress(name: str, *, done: int, total: int) -> None:
    """A Progress for those who do not look."""
