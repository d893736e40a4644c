"""That a person agreed: asked for by every command that enrols, and never assumed."""

from __future__ import annotations

from datetime import datetime

import click

from device.collection.people import Consent
from device.config import EnrolmentSettings
from device.errors import ConsentMissingError

consent_option = click.option(
    "--consent", "consent", metavar="HOW", help='How the person agreed to be enrolled, such as "signed form".'
)


def consent_given(how: str | None, settings: EnrolmentSettings, *, at: datetime) -> Consent:
    """The record of a consent to the configured text. Raises ConsentMissingError when nobody said how it was given."""
    if how is None or not how.strip():
        raise ConsentMissingError(
            "nobody is enrolled without having agreed to it; say how they did, such as --consent 'signed form'"
        )
    return Consent(settings.consent_text, settings.consent_language, how.strip(), at)
