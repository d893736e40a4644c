"""`lintel people consent`: what somebody agreed to, shown or noted."""

from __future__ import annotations

import click

from device.config import Settings
from enroll.console import json_option, out, print_json


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--given", "how", metavar="HOW", help='Note that they agree to the text of now, such as "signed form".')
@json_option
@click.pass_obj
def consent(settings: Settings, /, *, person: str, how: str | None, as_json: bool) -> None:
    """Show what PERSON (name, id or external id) agreed to; with --given, note it in the place of an earlier record.

    Text and language are those of [enrolment] in the settings, the time is now.
    """
    from enroll.person_record import consent_object
    from enroll.registry import reading_collection

    if how is not None:
        _note(settings, person, how)
    with reading_collection(settings) as collection:
        found = collection.find(person)
        record = collection.consent_of(found.id)
    if as_json:
        print_json({"id": found.id, "consent": consent_object(record)})
        return
    said = (
        "no record of consent is kept"
        if record is None
        else f"text {record.text_version} ({record.language}), {record.how}, {record.given_at:%Y-%m-%d %H:%M} UTC"
    )
    out.print(f"{found.name} ({found.id}): {said}", markup=False)


def _note(settings: Settings, person: str, how: str) -> None:
    """Raises click.UsageError where nobody said how it was given."""
    from enroll.consent import consent_given
    from enroll.registry import open_existing_registry

    if not how.strip() or not how.isprintable():
        raise click.BadParameter('say how they agreed, such as "signed form"', param_hint="--given")
    with open_existing_registry(settings) as registry:
        agreed = consent_given(how, settings.enrolment, at=registry.clock.now())
        registry.set_consent(registry.collection.find(person).id, agreed)
