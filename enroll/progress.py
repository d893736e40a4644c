"""Downloads, shown while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from enroll import console
from models.progress import Progress


@contextmanager
def download_progress() -> Iterator[Progress]:
    """A bar per file on standard error; a line per finished file where that is not a terminal."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console.err, transient=True) as bars:
        tasks = {}

        def show(name: str, *, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)
            if done == total and not console.err.is_terminal:
                console.err.print(f"fetched {name} ({total / 1e6:.1f} MB)", markup=False)

        yield show
