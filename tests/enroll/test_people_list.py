from __future__ import annotations

import sqlite3

import pytest
from builders import make_newcomer, make_template
from command_line import Lintel

from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.types import ModelId

MODEL = ModelId("dlib-resnet-cosine-55533b28")


@pytest.fixture
def everyone(lintel: Lintel) -> None:
    with open_collection(lintel.state / "collection.db") as collection:
        for name, groups in {
            "Ada": ("night shift", "staff"),
            "Émilie": ("staff",),
            "Grace": (),
            "Rosalind": (),
        }.items():
            newcomer = make_newcomer(name, [Reference(make_template(model_id=MODEL))], groups=groups)
            person = collection.add_person(newcomer, at=FakeClock().now())
    lintel("people", "suspend", "Ada")
    lintel("people", "suspend", "Grace")
    lintel("people", "retire", "Grace")
    with sqlite3.connect(lintel.state / "collection.db") as database:
        database.execute("DELETE FROM consent WHERE person = ?", (person,))  # as an earlier version enrolled Rosalind
    database.close()


@pytest.mark.usefixtures("everyone")
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ([], ["Ada", "Grace", "Rosalind", "Émilie"]),
        (["--group", "staff"], ["Ada", "Émilie"]),
        (["--group", "Staff"], []),
        (["--suspended"], ["Ada", "Grace"]),
        (["--retired"], ["Grace"]),
        (["--without-consent"], ["Rosalind"]),
        (["--suspended", "--group", "night shift"], ["Ada"]),
        (["--suspended", "--retired"], ["Grace"]),
        (["--retired", "--without-consent"], []),
    ],
)
def test_only_those_are_listed_of_whom_all_that_is_asked_is_true(
    lintel: Lintel, asked: list[str], names: list[str]
) -> None:
    (listed,) = lintel("people", "list", *asked, "--json").json_lines()
    assert [person["name"] for person in listed] == names
    table = lintel("people", "list", *asked)
    assert table.exit_code == 0
    assert all(name in table.out for name in names)


@pytest.mark.usefixtures("everyone")
def test_the_table_fits_into_eighty_columns_without_breaking_a_word(lintel: Lintel) -> None:
    said = lintel("people", "list").out
    assert max(map(len, said.splitlines())) <= 80
    ada, grace = (next(line for line in said.splitlines() if line.startswith(name)) for name in ("Ada", "Grace"))
    assert ada.split()[2:] == ["1", "night", "shift,", "staff", "suspended", "2026-01-05"]
    assert grace.split()[2:] == ["1", "retired", "2026-01-05"]


@pytest.mark.usefixtures("everyone")
def test_the_list_as_json_has_external_ids_and_retirements(lintel: Lintel) -> None:
    lintel("people", "external-id", "Grace", "S-1906")
    (grace,) = lintel("people", "list", "--retired", "--json").json_lines()[0]
    assert grace["external_id"] == "S-1906"
    assert grace["retired_at"] is not None
