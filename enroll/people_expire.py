"""`lintel people expire`: from when and until when somebody may come in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import click

from device.config import Settings
from device.types import PersonFacts
from enroll.console import json_option, out, print_json

MOMENT = "DATE|TIME"


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--from", "begin", metavar=MOMENT, help="The first day, or the first moment.")
@click.option("--until", "end", metavar=MOMENT, help="The last day, or the moment at which it is over.")
@click.option("--never", "is_endless", is_flag=True, help="Take the end away.")
@json_option
@click.pass_obj
def expire(
    settings: Settings, /, *, person: str, begin: str | None, end: str | None, is_endless: bool, as_json: bool
) -> None:
    """Let PERSON (name, id or external id) in from one moment until another. What is not named stays as it is.

    A day such as 2027-01-31 counts whole, from its first moment here to the first of the next day. A time such as
    2027-01-31T18:00+01:00 is of the zone that it names; without one it is of the zone of this machine.
    """
    from enroll.registry import open_existing_registry

    change = _change(begin, end, is_endless=is_endless)
    with open_existing_registry(settings) as registry:
        found = registry.collection.find(person)
        has_changed = registry.change_facts(found.id, change)
        facts = registry.collection.find(found.id).facts
    if as_json:
        window = {"valid_from": facts.valid_from, "valid_until": facts.valid_until}
        print_json({"id": found.id, "changed": has_changed, **window})
        return
    said = "" if has_changed else "; it was so already"
    window_said = f"from {_said(facts.valid_from)} until {_said(facts.valid_until)}"
    out.print(f"{found.name} ({found.id}) is valid {window_said}{said}", markup=False)


def _change(begin: str | None, end: str | None, *, is_endless: bool) -> Callable[[PersonFacts], PersonFacts]:
    """What becomes of the facts. Raises click.UsageError, and so does what is returned, for an empty window."""
    from enroll.local_time import end_after, first_moment

    if end is not None and is_endless:
        raise click.UsageError("--until and --never exclude each other")
    if begin is None and end is None and not is_endless:
        raise click.UsageError("say --from, --until or --never")
    valid_from, valid_until = _moment(first_moment, begin, "--from"), _moment(end_after, end, "--until")

    def change(facts: PersonFacts) -> PersonFacts:
        after = replace(
            facts,
            valid_from=facts.valid_from if valid_from is None else valid_from,
            valid_until=None if is_endless else facts.valid_until if valid_until is None else valid_until,
        )
        if after.valid_from is not None and after.valid_until is not None and after.valid_from >= after.valid_until:
            raise click.UsageError("it would end before it begins, so nothing is changed")
        return after

    return change


def _moment(read: Callable[[str], datetime], text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _said(moment: datetime | None) -> str:
    return "ever" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"
