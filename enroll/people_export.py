"""`lintel people export`: somebody's own data in one file, for them."""

from __future__ import annotations

from pathlib import Path

import click

from device.config import Settings
from enroll.console import json_option, out, print_json


@click.command()
@click.argument("person", metavar="PERSON")
@click.option(
    "--out",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that is not there yet.",
)
@click.option(
    "--with-templates", is_flag=True, help="With the numbers that stand for the face; a door takes them for it."
)
@json_option
@click.pass_obj
def export(settings: Settings, /, *, person: str, file: Path, with_templates: bool, as_json: bool) -> None:
    """Write all that is held about PERSON (name, id or external id) to FILE, readable by you alone.

    Ids of other people are masked. Kept photos are counted. The audit notes the export before FILE appears.
    """
    from enroll.drafted_file import drafted
    from enroll.person_export import Templates, person_document
    from enroll.registry import open_existing_registry

    templates = Templates.INCLUDED if with_templates else Templates.LEFT_OUT
    with open_existing_registry(settings) as registry:
        found = registry.collection.find(person)
        document = person_document(registry, found, at=registry.clock.now(), templates=templates)
        with drafted(document, to=file) as give_name:
            registry.hand_out(found.id, {"templates": with_templates}, give_name)
    if as_json:
        print_json({"id": found.id, "file": str(file), "bytes": len(document)})
        return
    out.print(f"What is held about {found.name} ({found.id}) is in {file}", markup=False, soft_wrap=True)
