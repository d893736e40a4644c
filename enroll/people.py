"""`lintel people`: who may come in."""

from __future__ import annotations

import click

from enroll.lazy_group import LazyGroup

# A new verb is one row here and one small file, enroll/people_VERB.py: name -> ("module:attribute", summary).
COMMANDS = {
    "add": ("enroll.people_add:add", "Enrol somebody from photos."),
    "list": ("enroll.people_list:list_", "List everyone enrolled."),
    "migrate": ("enroll.people_migrate:migrate", "Move everyone to the template network that is installed now."),
    "erase": ("enroll.people_erase:erase", "Destroy all that is kept of a person."),
    "consent": ("enroll.people_consent:consent", "Show or note what somebody agreed to."),
    "expire": ("enroll.people_expire:expire", "Say from when and until when somebody may come in."),
    "export": ("enroll.people_export:export", "Hand somebody all that is held about them."),
    "external-id": ("enroll.people_change:external_id", "Note how another system calls somebody."),
    "groups": ("enroll.people_change:groups", "Put somebody into groups, or take them out."),
    "pin": ("enroll.people_pin:pin", "Give somebody a PIN for a door that asks for one, or take it away."),
    "rename": ("enroll.people_change:rename", "Give somebody another name."),
    "resume": ("enroll.people_change:resume", "Let somebody in again who was suspended or retired."),
    "retire": ("enroll.people_change:retire", "Let the door forget somebody of whom everything is kept."),
    "show": ("enroll.people_show:show", "Show what is held about somebody."),
    "suspend": ("enroll.people_change:suspend", "Let somebody in no more until they are resumed."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def people() -> None:
    """Enrol people, look after them, and let go of them."""
