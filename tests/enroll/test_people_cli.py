from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer
from command_line import Lintel
from PIL import Image as Pillow

from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.types import ModelId, Template


def enrol(lintel: Lintel, *names: str) -> list[str]:
    """People as another run of the command left them; returns their ids."""
    with open_collection(lintel.state / "collection.db") as collection:
        ids = []
        for seed, name in enumerate(names):
            vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
            template = Template(vector / np.linalg.norm(vector), ModelId("model-a"))
            ids.append(collection.add_person(make_newcomer(name, [Reference(template)]), at=FakeClock().now()))
        return list(ids)


READING = [
    ["people", "list"],
    ["people", "list", "--json"],
    ["collection", "check"],
    ["collection", "backup", "/nowhere/copy.db"],
    ["site", "show"],
    ["site", "show", "--json"],
]


@pytest.mark.parametrize("reading", READING)
def test_reading_where_nobody_was_enrolled_is_one_sentence_and_makes_nothing(
    lintel: Lintel, reading: list[str]
) -> None:
    said = lintel(*reading)
    assert said.exit_code == 85
    assert "nobody is enrolled here" in said.sentence()
    assert not lintel.state.exists()


def test_everyone_is_listed_by_name(lintel: Lintel) -> None:
    ids = enrol(lintel, "Grace", "Ada [red]", "Émilie")
    said = lintel("people", "list")
    assert said.exit_code == 0
    assert all(person in said.out for person in ids)
    assert said.out.index("Ada [red]") < said.out.index("Grace") < said.out.index("Émilie")
    assert said.out.splitlines()[-1] == "3 people"


def test_the_list_as_json_has_every_fact(lintel: Lintel) -> None:
    (ada,) = enrol(lintel, "Ada")
    assert lintel("people", "list", "--json").json_lines() == [
        [
            {
                "id": ada,
                "name": "Ada",
                "external_id": None,
                "references": 1,
                "models": ["model-a"],
                "suspended": False,
                "valid_from": None,
                "valid_until": None,
                "groups": [],
                "created_at": "2026-01-05T09:00:00Z",
                "retired_at": None,
            }
        ]
    ]


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_person_is_removed_by_name_or_id_and_the_audit_keeps_the_fact(lintel: Lintel, by: str) -> None:
    ada, _ = enrol(lintel, "Ada Lovelace", "Grace")
    said = lintel("people", "erase", "--yes", "ada lovelace" if by == "name" else ada, "--json")
    assert said.exit_code == 0
    assert said.json_lines() == [{"id": ada, "name": "Ada Lovelace", "traces_overwritten": True}]
    (left,) = lintel("people", "list", "--json").json_lines()
    assert [person["name"] for person in left] == ["Grace"]
    (event,) = lintel("audit", "show", "--json").json_lines()
    assert (event["kind"], event["facts"]) == ("person.erased", {"person": ada, "references": 1})


def test_removing_somebody_who_is_not_there_is_one_sentence(lintel: Lintel) -> None:
    enrol(lintel, "Ada")
    said = lintel("people", "erase", "--yes", "Grace")
    assert said.exit_code == 34
    assert "nobody named 'Grace' is enrolled" in said.sentence()


def test_nobody_is_erased_unasked(lintel: Lintel) -> None:
    enrol(lintel, "Ada")
    assert lintel("people", "erase", "Ada").exit_code == 2
    assert len(lintel("people", "list", "--json").json_lines()[0]) == 1


def photo(folder: Path) -> Path:
    Pillow.new("RGB", (64, 64)).save(folder / "photo.png")
    return folder / "photo.png"


def test_a_name_that_is_taken_is_refused_before_any_network_is_loaded(lintel: Lintel, tmp_path: Path) -> None:
    enrol(lintel, "Ada")
    said = lintel("people", "add", "ADA", "--consent", "form", "--photo", photo(tmp_path))
    assert said.exit_code == 35
    assert "already enrolled" in said.sentence()


def test_adding_without_networks_names_what_is_missing_and_enrols_nobody(lintel: Lintel, tmp_path: Path) -> None:
    said = lintel("people", "add", "Ada", "--consent", "form", "--photo", photo(tmp_path))
    assert said.exit_code == 41
    assert "install" in said.sentence()
    assert lintel("people", "list", "--json").json_lines() == [[]]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "p-0123456789abcdef", "a\x1b[2Jb"])
def test_a_name_that_cannot_be_one_is_a_usage_error(lintel: Lintel, tmp_path: Path, name: str) -> None:
    said = lintel("people", "add", name, "--consent", "form", "--photo", photo(tmp_path))
    assert said.exit_code == 2
    assert "name" in said.err
    assert "\x1b" not in said.err


def test_adding_without_a_photo_is_a_usage_error(lintel: Lintel) -> None:
    assert lintel("people", "add", "Ada").exit_code == 2


def test_nobody_is_enrolled_without_having_agreed(lintel: Lintel, tmp_path: Path) -> None:
    for blank in ([], ["--consent", "  "]):
        said = lintel("people", "add", "Ada", *blank, "--photo", photo(tmp_path))
        assert said.exit_code == 84
        assert "agreed" in said.sentence()
    assert not (lintel.state / "collection.db").exists()


def test_a_collection_that_is_none_is_refused_by_every_command_and_left_alone(lintel: Lintel, tmp_path: Path) -> None:
    lintel.state.mkdir()
    (lintel.state / "collection.db").write_bytes(b"somebody's diary, chapter one " * 99)
    for arguments in (
        ["list"],
        ["erase", "--yes", "Ada"],
        ["add", "Ada", "--consent", "form", "--photo", photo(tmp_path)],
    ):
        said = lintel("people", *arguments)
        assert said.exit_code == 31
        assert "not a Lintel collection" in said.sentence()
    assert (lintel.state / "collection.db").read_bytes() == b"somebody's diary, chapter one " * 99


def test_a_broken_audit_log_stops_every_change(lintel: Lintel) -> None:
    enrol(lintel, "Ada")
    (lintel.state / "audit.db").write_bytes(b"")
    said = lintel("people", "erase", "--yes", "Ada")
    assert said.exit_code == 51
    (lintel.state / "audit.db").unlink()
    (left,) = lintel("people", "list", "--json").json_lines()
    assert [person["name"] for person in left] == ["Ada"]
