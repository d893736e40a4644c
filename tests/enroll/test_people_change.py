from __future__ import annotations

import pytest
from builders import make_newcomer, make_template
from command_line import Lintel

from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection


def enrol(lintel: Lintel, name: str, seed: int = 1) -> str:
    with open_collection(lintel.state / "collection.db") as collection:
        return collection.add_person(make_newcomer(name, [Reference(make_template(seed))]), at=FakeClock().now())


def known(lintel: Lintel) -> list[str]:
    with open_collection(lintel.state / "collection.db") as collection:
        return sorted(collection.facts())


def facts(lintel: Lintel) -> list[tuple[str, dict[str, object]]]:
    return [(event["kind"], event["facts"]) for event in lintel("audit", "show", "--json").json_lines()]


def test_every_change_is_recorded_once_by_id_and_without_names(lintel: Lintel) -> None:
    ada = enrol(lintel, "Ada")
    for arguments in (
        ["rename", "ada", "Augusta King"],
        ["external-id", "Augusta King", "S-1815"],
        ["suspend", "S-1815"],
        ["suspend", ada],  # already: nothing to record
        ["groups", ada, "--add", "staff", "--add", "night"],
        ["groups", ada, "--remove", "night"],
        ["retire", ada],
        ["resume", ada],
    ):
        said = lintel("people", *arguments)
        assert said.exit_code == 0, said.err
    assert facts(lintel) == [
        ("person.changed", {"person": ada, "changed": ["name"]}),
        ("person.changed", {"person": ada, "changed": ["external_id"]}),
        ("person.changed", {"person": ada, "suspended": True}),
        ("person.changed", {"person": ada, "groups": ["night", "staff"]}),
        ("person.changed", {"person": ada, "groups": ["staff"]}),
        ("person.retired", {"person": ada, "why": "administrator"}),
        ("person.changed", {"person": ada, "suspended": False, "retired": False}),
    ]


def test_the_door_knows_nobody_who_is_retired_until_they_are_resumed(lintel: Lintel) -> None:
    ada = enrol(lintel, "Ada")
    lintel("people", "retire", "Ada")
    assert known(lintel) == []
    lintel("people", "resume", "Ada")
    assert known(lintel) == [ada]


def test_a_word_that_means_two_people_is_refused_in_one_sentence(lintel: Lintel) -> None:
    enrol(lintel, "Ada")
    enrol(lintel, "Grace", 2)
    lintel("people", "external-id", "Grace", "Ada")
    said = lintel("people", "suspend", "Ada")
    assert said.exit_code == 34
    assert "another's external id" in said.sentence()


VERBS = [
    ["consent", "Ada"],
    ["consent", "Ada", "--given", "in writing"],
    ["erase", "Ada", "--yes"],
    ["expire", "Ada", "--never"],
    ["export", "Ada", "--out", "/nowhere/ada.json"],
    ["external-id", "Ada"],
    ["groups", "Ada", "--add", "staff"],
    ["list"],
    ["pin", "Ada", "--clear"],
    ["rename", "Ada", "Eva"],
    ["resume", "Ada"],
    ["retire", "Ada"],
    ["show", "Ada"],
    ["suspend", "Ada"],
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb))
def test_where_nobody_was_enrolled_nothing_is_made(lintel: Lintel, verb: list[str]) -> None:
    said = lintel("people", *verb)
    assert said.exit_code == 85
    assert "does not exist" in said.sentence()
    assert not lintel.state.exists()


def groups(lintel: Lintel) -> list[str]:
    (listed,) = lintel("people", "list", "--json").json_lines()
    (person,) = listed
    return list(person["groups"])


def test_groups_can_be_set_as_a_whole_and_emptied(lintel: Lintel) -> None:
    enrol(lintel, "Ada")
    lintel("people", "groups", "Ada", "--add", "night")
    lintel("people", "groups", "Ada", "--set", "staff", "--set", "day")
    assert groups(lintel) == ["day", "staff"]
    assert lintel("people", "groups", "Ada", "--set", "staff", "--remove", "day").exit_code == 2
    assert groups(lintel) == ["day", "staff"]
    lintel("people", "groups", "Ada", "--set", "")
    assert groups(lintel) == []
