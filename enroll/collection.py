"""`lintel collection`: copies of who is enrolled, and whether the file is sound."""

from __future__ import annotations

from pathlib import Path

import click

from device.config import Settings
from enroll.console import counted, out, print_json

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.group()
def collection() -> None:
    """Back up, restore and check the collection. Copies are sealed: keep the site key apart from them."""


@collection.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(settings: Settings, /, *, file: Path) -> None:
    """Copy the collection to FILE while doors go on. It is worth nothing without the site key."""
    from device.audit.kinds import AuditKind
    from device.collection.snapshot import write_copy
    from enroll.registry import open_existing_registry

    with open_existing_registry(settings) as registry:
        write_copy(registry.collection, file, audit_sequence=registry.audit.head().sequence)
        people = len(registry.collection.facts())
        registry.audit.append(AuditKind.COLLECTION_BACKED_UP, {"people": people})
    out.print(f"{people} people are in {file}", markup=False, soft_wrap=True)


@collection.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.pass_obj
def restore(settings: Settings, /, *, file: Path) -> None:
    """Put the backup FILE in the collection's place. Stop the door first; what was there is set aside.

    Who was erased after the backup was made is erased again, and whose facts were changed since is suspended, as far as
    this device's audit log knows.
    """
    from device.audit.log import AuditLog
    from device.clock import SystemClock
    from device.recovery import restore_backup

    clock = SystemClock()
    with AuditLog(settings.audit_file, clock=clock) as audit:
        people = restore_backup(file, of=settings.collection_file, audit=audit, clock=clock)
    out.print(f"{people} people are enrolled, as in {file}", markup=False, soft_wrap=True)


@collection.command()
@json_option
@click.pass_obj
def check(settings: Settings, /, *, as_json: bool) -> None:
    """Check every page, every row and every seal of the collection, and its snapshots."""
    from device.collection.snapshot import check_copy, newest_good, snapshots
    from device.collection.store import open_existing_collection

    path = settings.collection_file
    with open_existing_collection(path) as opened:
        people = opened.people()
        models = sorted({model for person in people for model in person.references})
        references = sum(len(opened.references(model).owners) for model in models)
        for person in people:
            opened.photos_of(person.id)
        key_id = check_copy(path)
    newest = newest_good(path)
    found = {
        "people": len(people),
        "references": references,
        "models": models,
        "site_key": key_id,
        "snapshots": len(snapshots(path)),
        "newest_good_snapshot": None if newest is None else newest.path.name,
    }
    if as_json:
        print_json(found)
        return
    held = f"{counted(len(people), 'person')} with {counted(references, 'reference')}"
    out.print(f"{held}: every page, row and seal is sound.", markup=False)
    snapshot = "no good snapshot" if newest is None else f"newest good snapshot {newest.path.name}"
    out.print(f"Sealed with site key {key_id}; {snapshot}.", markup=False, soft_wrap=True)
