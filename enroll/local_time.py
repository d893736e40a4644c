"""Days and times as somebody types them: of the zone that they name, or else of this machine's."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def first_moment(text: str) -> datetime:
    """The time, in UTC, that `text` names: for a day such as 2027-01-31 its first moment, for a time that very one.

    Raises ValueError with a sentence.
    """
    return _moment(text, days_later=0)


def end_after(text: str) -> datetime:
    """The time, in UTC, at which something ends that lasts until `text`: a day counts to its end, whatever its length.

    Raises ValueError with a sentence.
    """
    return _moment(text, days_later=1)


def _moment(text: str, *, days_later: int) -> datetime:
    try:
        if DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=days_later)
            return datetime.combine(day, time()).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is neither a day such as 2027-01-31 nor a time such as 2027-01-31T18:00+01:00"
        ) from error
