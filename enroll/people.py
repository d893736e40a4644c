"""`lintel people`: who may come in."""

from __future__ import annotations

import click

from enroll.lazy_group import LazyGroup

# A new verb is one row here and one small file, enroll/people_VERB.py: name -> ("module:attribute", summary).
COMMANDS = {
    "add": ("enroll.people_add:add", "Enrol somebody from photos."),
    "list": ("enroll.people_list:list_", "List everyone enrolled."),
    "remove": ("enroll.people_erase:remove", "Erase a person and every reference."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def people() -> None:
    """Enrol people, look after them, and let go of them."""
