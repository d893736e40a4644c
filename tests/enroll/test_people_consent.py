from __future__ import annotations

import sqlite3

import pytest
from builders import CONSENT, make_newcomer, make_template
from command_line import Lintel

from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection


@pytest.fixture(autouse=True)
def ada(lintel: Lintel) -> str:
    with open_collection(lintel.state / "collection.db") as collection:
        return collection.add_person(make_newcomer("Ada", [Reference(make_template())]), at=FakeClock().now())


def forget_consent(lintel: Lintel) -> None:
    """As an earlier version enrolled people."""
    with sqlite3.connect(lintel.state / "collection.db") as database:
        database.execute("DELETE FROM consent")
    database.close()


def test_what_somebody_agreed_to_is_shown_and_nothing_changes(lintel: Lintel, ada: str) -> None:
    (said,) = lintel("people", "consent", "Ada", "--json").json_lines()
    assert said["id"] == ada
    assert (said["consent"]["text_version"], said["consent"]["how"]) == (CONSENT.text_version, CONSENT.how)
    assert CONSENT.how in lintel("people", "consent", ada).out
    assert not (lintel.state / "audit.db").exists()


def test_where_no_record_is_kept_that_is_said(lintel: Lintel) -> None:
    forget_consent(lintel)
    assert lintel("people", "consent", "Ada", "--json").json_lines()[0]["consent"] is None
    said = lintel("people", "consent", "Ada")
    assert said.exit_code == 0
    assert "no record of consent" in said.out


def test_a_later_consent_is_noted_and_its_text_is_in_the_audit(lintel: Lintel, ada: str) -> None:
    forget_consent(lintel)
    said = lintel("people", "consent", "Ada", "--given", " in writing ")
    assert said.exit_code == 0
    assert "in writing" in said.out
    assert lintel("people", "list", "--without-consent", "--json").json_lines() == [[]]
    (event,) = lintel("audit", "show", "--json").json_lines()
    assert (event["kind"], event["facts"]) == ("person.changed", {"person": ada, "consent": "1"})


@pytest.mark.parametrize("how", ["", "  ", "a\x1b[2J"])
def test_nobody_agrees_without_having_said_how(lintel: Lintel, how: str) -> None:
    forget_consent(lintel)
    assert lintel("people", "consent", "Ada", "--given", how).exit_code == 2
    assert lintel("people", "consent", "Ada", "--json").json_lines()[0]["consent"] is None
