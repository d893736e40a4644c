"""What is known of somebody from the moment of their enrolment: consent, another system's id, groups, validity."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import CONSENT, make_newcomer
from people_builders import AT, reference

from device.collection.people import clean_external_id, clean_groups
from device.collection.store import open_collection
from device.errors import PersonExistsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "collection.db"


def test_everything_said_at_enrolment_is_there_from_the_first_moment(file: Path) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    ada = make_newcomer(
        "Ada",
        [reference(1)],
        external_id=" 4711 ",
        groups=("staff", "night", "staff"),
        valid_until=until,
        photos=[b"x"],
    )
    with open_collection(file) as collection:
        person = collection.find(collection.add_person(ada, at=AT))
        assert (person.external_id, person.facts.groups) == ("4711", ("night", "staff"))
        assert (person.facts.valid_from, person.facts.valid_until) == (None, until)
        assert collection.photos_of(person.id) == [b"x"]
        assert collection.consent_of(person.id) == CONSENT


def test_an_external_id_belongs_to_one_person(file: Path) -> None:
    with open_collection(file) as collection:
        collection.add_person(make_newcomer("Ada", [reference(1)], external_id="4711"), at=AT)
        with pytest.raises(PersonExistsError, match="4711"):
            collection.add_person(make_newcomer("Grace", [reference(2)], external_id="4711"), at=AT)
        assert [person.name for person in collection.people()] == ["Ada"]


def test_an_external_id_may_be_set_again_changed_and_forgotten(file: Path) -> None:
    with open_collection(file) as collection:
        ada = collection.add_person(make_newcomer("Ada", [reference(1)], external_id="4711"), at=AT)
        for external_id in ("4711", "4712", None):
            collection.set_external_id(ada, external_id)
            assert collection.find("Ada").external_id == external_id
        collection.add_person(make_newcomer("Grace", [reference(2)], external_id="4711"), at=AT)


def test_a_refused_external_id_leaves_the_one_before(file: Path) -> None:
    with open_collection(file) as collection:
        ada = collection.add_person(make_newcomer("Ada", [reference(1)], external_id="1"), at=AT)
        collection.add_person(make_newcomer("Grace", [reference(2)], external_id="2"), at=AT)
        with pytest.raises(PersonExistsError):
            collection.set_external_id(ada, "2")
        assert collection.find("Ada").external_id == "1"


def test_external_ids_are_sealed_and_outlive_a_new_site_key(file: Path) -> None:
    with open_collection(file) as collection:
        collection.add_person(make_newcomer("Ada", [reference(1)], external_id="staff-4711"), at=AT)
        collection.rotate_key()
        assert collection.find("Ada").external_id == "staff-4711"
        with pytest.raises(PersonExistsError):
            collection.refuse_taken_external_id("staff-4711")
    assert b"staff-4711" not in file.read_bytes()


@pytest.mark.parametrize("external_id", ["", " ", "a\nb", "x" * 101, "p-0123456789abcdef"])
def test_an_external_id_that_nobody_could_read_back_is_refused(external_id: str) -> None:
    with pytest.raises(ValueError, match="external id"):
        clean_external_id(external_id)


@pytest.mark.parametrize("group", ["", " ", "a\nb", "x" * 101])
def test_a_group_that_nobody_could_read_back_is_refused(group: str) -> None:
    with pytest.raises(ValueError, match="group"):
        clean_groups([group])
