"""Downloads, shown while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from enroll import console
from models.progress import Progress


@contextmanager
def download_progress() -> Iterator[Progress]:
    """A bar per file on standard error, from the first download on; one line per file where that is not a terminal."""
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bars = Bars(*columns, console=console.err, transient=True, disable=not console.err.is_terminal)
    tasks: dict[str, TaskID] = {}

    def show(name: str, *, done: int, total: int) -> None:
        if name not in tasks:
            bars.start()
            tasks[name] = bars.add_task(name, total=total)
        bars.update(tasks[name], completed=done)
        if done == total and not console.err.is_terminal:
            console.err.print(f"fetched {name} ({total / 1e6:.1f} MB)", markup=False, soft_wrap=True)

    try:
        yield show
    finally:
        bars.stop()
