from __future__ import annotations

from typing import Any

import pytest
from builders import make_newcomer, make_template
from command_line import Lintel

from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection

BEGIN, END = "2027-01-01T08:00+01:00", "2027-02-01T00:00+01:00"


@pytest.fixture(autouse=True)
def ada(lintel: Lintel) -> str:
    with open_collection(lintel.state / "collection.db") as collection:
        return collection.add_person(make_newcomer("Ada", [Reference(make_template())]), at=FakeClock().now())


def window(lintel: Lintel) -> tuple[str | None, str | None]:
    (shown,) = lintel("people", "show", "Ada", "--json").json_lines()
    return shown["valid_from"], shown["valid_until"]


def changes(lintel: Lintel) -> list[dict[str, Any]]:
    return [event["facts"] for event in lintel("audit", "show", "--json").json_lines()]


def test_begin_and_end_are_set_kept_and_taken_away_each_on_record(lintel: Lintel, ada: str) -> None:
    assert lintel("people", "expire", "Ada", "--from", BEGIN).exit_code == 0
    assert lintel("people", "expire", "Ada", "--until", END).exit_code == 0
    assert window(lintel) == ("2027-01-01T07:00:00Z", "2027-01-31T23:00:00Z")
    said = lintel("people", "expire", "Ada", "--until", END, "--json").json_lines()
    assert said[0]["changed"] is False
    assert "until ever" in lintel("people", "expire", "Ada", "--never").out
    assert window(lintel) == ("2027-01-01T07:00:00Z", None)
    assert changes(lintel) == [
        {"person": ada, "valid_from": "2027-01-01T07:00:00+00:00"},
        {"person": ada, "valid_until": "2027-01-31T23:00:00+00:00"},
        {"person": ada, "valid_until": None},
    ]


def test_one_day_lasts_from_its_first_moment_to_the_next_day(lintel: Lintel) -> None:
    (said,) = lintel("people", "expire", "Ada", "--from", "2027-01-31", "--until", "2027-01-31", "--json").json_lines()
    assert said["valid_from"] < said["valid_until"]
    assert said["changed"] is True


@pytest.mark.parametrize(
    "asked",
    [
        [],
        ["--until", END, "--never"],
        ["--until", "soon"],
        ["--from", END, "--until", BEGIN],
        ["--from", END, "--until", END],
        ["--from", "0001-01-01T00:00+14:00"],
    ],
)
def test_what_makes_no_window_changes_nothing(lintel: Lintel, asked: list[str]) -> None:
    assert lintel("people", "expire", "Ada", *asked).exit_code == 2
    assert window(lintel) == (None, None)


def test_an_end_before_the_begin_of_before_is_refused(lintel: Lintel) -> None:
    lintel("people", "expire", "Ada", "--from", END)
    assert lintel("people", "expire", "Ada", "--until", BEGIN).exit_code == 2
    assert window(lintel) == ("2027-01-31T23:00:00Z", None)
