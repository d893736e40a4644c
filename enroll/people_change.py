"""`lintel people rename|external-id|suspend|resume|retire|groups`: what changes about somebody who is enrolled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import click

from device.collection.people import Person, clean_external_id, clean_groups, clean_name
from device.config import Settings
from device.registry import Registry
from enroll.console import json_option, out, print_json

Given = TypeVar("Given")
Clean = TypeVar("Clean")

person_argument = click.argument("person", metavar="PERSON")


@click.command()
@person_argument
@click.argument("name")
@json_option
@click.pass_obj
def rename(settings: Settings, /, *, person: str, name: str, as_json: bool) -> None:
    """Give PERSON (name, id or external id) the new NAME."""
    cleaned = _cleaned(clean_name, name)
    _change(settings, person, lambda registry, one: registry.rename(one.id, cleaned), as_json=as_json)


@click.command(name="external-id")
@person_argument
@click.argument("external_id", required=False, metavar="[ID]")
@json_option
@click.pass_obj
def external_id(settings: Settings, /, *, person: str, external_id: str | None, as_json: bool) -> None:
    """Note how another system calls PERSON; without ID, forget it."""
    cleaned = None if external_id is None else _cleaned(clean_external_id, external_id)
    _change(settings, person, lambda registry, one: registry.set_external_id(one.id, cleaned), as_json=as_json)


@click.command()
@person_argument
@json_option
@click.pass_obj
def suspend(settings: Settings, /, *, person: str, as_json: bool) -> None:
    """Let PERSON in no more until they are resumed."""
    _change(settings, person, lambda registry, one: registry.suspend(one.id), as_json=as_json)


@click.command()
@person_argument
@json_option
@click.pass_obj
def resume(settings: Settings, /, *, person: str, as_json: bool) -> None:
    """Let PERSON in again, who was suspended or retired."""
    _change(settings, person, lambda registry, one: registry.resume(one.id), as_json=as_json)


@click.command()
@person_argument
@json_option
@click.pass_obj
def retire(settings: Settings, /, *, person: str, as_json: bool) -> None:
    """Let the door forget PERSON. Everything is kept until they are resumed or erased."""
    _change(settings, person, lambda registry, one: registry.retire(one.id), as_json=as_json)


@click.command()
@person_argument
@click.option("--add", multiple=True, metavar="GROUP", help="Put them into this group; may be repeated.")
@click.option("--remove", multiple=True, metavar="GROUP", help="Take them out of this group; may be repeated.")
@click.option("--set", "exactly", multiple=True, metavar="GROUP", help="This group and no other; may be repeated.")
@json_option
@click.pass_obj
def groups(
    settings: Settings,
    /,
    *,
    person: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    exactly: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change the groups of PERSON; --set "" takes them out of all. The audit keeps the names of groups."""
    if exactly and (add or remove):
        raise click.UsageError("--set excludes --add and --remove")
    more, fewer = (set(_cleaned(clean_groups, names)) for names in (add, remove))
    only = _cleaned(clean_groups, () if exactly == ("",) else exactly)

    def change(registry: Registry, one: Person) -> bool:
        return registry.change_facts(
            one.id,
            lambda facts: replace(facts, groups=only if exactly else tuple(sorted((set(facts.groups) | more) - fewer))),
        )

    _change(settings, person, change, as_json=as_json)


def _cleaned(clean: Callable[[Given], Clean], given: Given) -> Clean:
    try:
        return clean(given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _change(settings: Settings, word: str, change: Callable[[Registry, Person], bool], *, as_json: bool) -> None:
    from enroll.registry import open_existing_registry

    with open_existing_registry(settings) as registry:
        person = registry.collection.find(word)
        has_changed = change(registry, person)
    if as_json:
        print_json({"id": person.id, "changed": has_changed})
        return
    said = "is changed" if has_changed else "was so already; nothing changed"
    out.print(f"{person.name} ({person.id}) {said}", markup=False)
