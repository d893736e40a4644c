"""`lintel enroll`: put people on the door, at its camera or from photos."""

from __future__ import annotations

import click

from enroll.lazy_group import LazyGroup

SUBCOMMANDS = {  # name -> ("module:attribute", summary); each is imported when it is used
    "import": ("enroll.importing:import_", "Enrol people from a folder of photos or a roster."),
    "start": ("enroll.guide:start", "Enrol a person at the door's own camera, one instruction at a time."),
}


@click.group(cls=LazyGroup, table=SUBCOMMANDS)
def enroll() -> None:
    """Enrol people at the door's own camera or from photos."""
