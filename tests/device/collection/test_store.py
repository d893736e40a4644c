from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer
from hypothesis import given
from hypothesis import strategies as st
from people_builders import AT, MODEL, OTHER_MODEL, reference, template

from device.collection.people import (
    PERSON_ID,
    Consent,
    Reference,
    clean_name,
    name_key,
    random_person_id,
    vector_bytes,
    vectors_from_bytes,
)
from device.collection.store import Collection, open_collection
from device.errors import CollectionUnreadableError, PersonExistsError, UnknownPersonError
from device.types import PersonFacts, PersonId, Pose, Quality


def test_an_enrolled_person_is_listed_with_the_references_of_each_model(collection: Collection) -> None:
    references = [reference(1), reference(2), reference(3, model_id=OTHER_MODEL)]
    person = collection.add_person(make_newcomer("Ada Lovelace", references), at=AT)
    (listed,) = collection.people()
    assert listed.id == person
    assert listed.name == "Ada Lovelace"
    assert listed.created_at == AT
    assert listed.references == {MODEL: 2, OTHER_MODEL: 1}
    assert listed.facts == PersonFacts(person)


def test_an_id_is_opaque_and_random(collection: Collection) -> None:
    ids = {collection.add_person(make_newcomer(f"person {n}", [reference(n)]), at=AT) for n in range(20)}
    assert len(ids) == 20
    assert all(PERSON_ID.fullmatch(person) for person in ids)


def test_a_template_comes_back_turned_and_can_be_turned_back(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada", [reference(7)]), at=AT)
    stored = collection.references_of(person, model_id=MODEL)
    assert stored.owners == [person]
    assert abs(float(stored.vectors[0] @ template(7).vector)) < 0.5
    back = collection.seal_in_use().turned_back(stored.vectors[0], MODEL)
    assert np.allclose(back, template(7).vector, atol=1e-6)


def test_vectors_are_stored_as_little_endian_float32() -> None:
    made = template(1)
    assert np.array_equal(np.frombuffer(vector_bytes(made), dtype="<f4"), made.vector)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8))
def test_vector_bytes_and_their_reading_are_inverses(seeds: list[int]) -> None:
    made = [template(seed, dimensions=16) for seed in seeds]
    read = vectors_from_bytes([vector_bytes(one) for one in made])
    assert np.array_equal(read, np.stack([one.vector for one in made]))
    assert read.flags.c_contiguous
    assert read.dtype == np.float32


def test_a_name_is_taken_whatever_its_case_and_composition(collection: Collection) -> None:
    collection.add_person(make_newcomer("Zoë Straße", [reference(1)]), at=AT)
    with pytest.raises(PersonExistsError, match="already enrolled"):
        collection.add_person(make_newcomer("  ZOE\u0308  STRASSE ", [reference(2)]), at=AT)
    assert len(collection.people()) == 1


def test_a_person_is_found_by_id_and_by_name_whatever_its_case(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada Lovelace", [reference(1)]), at=AT)
    assert collection.find(person).id == person
    assert collection.find("ada  lovelace").id == person


@pytest.mark.parametrize("unknown", ["Grace", "p-0000000000000000", "", "\x00", "x" * 200])
def test_nobody_is_found_under_what_nobody_has(collection: Collection, unknown: str) -> None:
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    with pytest.raises(UnknownPersonError, match="nobody"):
        collection.find(unknown)


def test_erasing_takes_the_person_their_references_and_their_consent(collection: Collection, file: Path) -> None:
    consent = Consent("v1", "en", "signed form", AT)
    person = collection.add_person(make_newcomer("Ada", [reference(1), reference(2)], consent=consent), at=AT)
    collection.remove(person)
    assert collection.people() == []
    assert collection.references(MODEL).owners == []
    with sqlite3.connect(file) as raw:
        assert raw.execute("SELECT count(*) FROM consent").fetchone() == (0,)
    raw.close()


def test_consent_is_kept_with_the_person(collection: Collection, file: Path) -> None:
    consent = Consent("v3", "de", "signed form", AT)
    person = collection.add_person(make_newcomer("Ada", [reference(1)], consent=consent), at=AT)
    with sqlite3.connect(file) as raw:
        row = raw.execute("SELECT person, text_version, language, how, given_at FROM consent").fetchone()
    raw.close()
    assert row == (person, "v3", "de", "signed form", AT.isoformat())


def test_no_byte_of_an_erased_template_or_name_stays_in_the_files(collection: Collection, file: Path) -> None:
    person = collection.add_person(make_newcomer("Augusta Ada King", [reference(1)]), at=AT)
    raw = sqlite3.connect(file)
    row = raw.execute("SELECT sealed_key, sealed_name, name_tag, sealed_vector FROM person JOIN biometric_reference")
    traces = tuple(row.fetchone())
    raw.close()
    assert all(any(trace in part.read_bytes() for part in file.parent.iterdir()) for trace in traces)
    collection.remove(person)
    assert collection.overwrite_traces()
    for part in file.parent.iterdir():
        content = part.read_bytes()
        assert not any(trace in content for trace in traces), part


def test_traces_stay_while_another_reader_needs_them_and_the_caller_is_told(collection: Collection, file: Path) -> None:
    person = collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    reader = sqlite3.connect(file)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM person").fetchall()
    collection.remove(person)
    collection._database.execute("PRAGMA busy_timeout=1")
    assert not collection.overwrite_traces()
    reader.close()
    assert collection.overwrite_traces()


def test_removing_somebody_twice_is_refused(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    collection.remove(person)
    with pytest.raises(UnknownPersonError):
        collection.remove(person)


def test_facts_come_back_as_they_were_set(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    berlin_winter = timezone(timedelta(hours=1))
    facts = PersonFacts(
        person=person,
        is_suspended=True,
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=datetime(2026, 12, 31, 18, 0, tzinfo=berlin_winter),
        groups=("cleaners", "staff"),
    )
    collection.set_facts(facts)
    assert collection.facts_of(person) == facts
    assert collection.facts() == {person: facts}


def test_a_validity_without_a_time_zone_is_refused_and_changes_nothing(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="time zone"):
        collection.set_facts(PersonFacts(person, is_suspended=True, valid_from=naive))
    assert collection.facts_of(person) == PersonFacts(person)


def test_nothing_is_changed_about_somebody_unknown(collection: Collection) -> None:
    nobody = PersonId("p-0123456789abcdef")
    with pytest.raises(UnknownPersonError, match=nobody):
        collection.set_facts(PersonFacts(nobody))
    with pytest.raises(UnknownPersonError, match=nobody):
        collection.add_reference(nobody, reference(1), at=AT)
    assert collection.revision() == 0


def test_a_person_without_a_reference_is_not_enrolled(collection: Collection) -> None:
    with pytest.raises(ValueError, match="at least one"):
        collection.add_person(make_newcomer("Ada", []), at=AT)


def test_a_block_of_changes_that_fails_leaves_none_of_them(collection: Collection) -> None:
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)

    def enrol_two() -> None:
        with collection.changing():
            collection.add_person(make_newcomer("Grace", [reference(2)]), at=AT)
            collection.add_person(make_newcomer("ADA", [reference(3)]), at=AT)

    revision = collection.revision()
    with pytest.raises(PersonExistsError):
        enrol_two()
    assert [person.name for person in collection.people()] == ["Ada"]
    assert collection.revision() == revision


def test_changes_are_seen_by_another_connection_only_when_the_block_ends(collection: Collection, file: Path) -> None:
    with open_collection(file) as other:
        with collection.changing():
            collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
            assert other.people() == []
        assert [person.name for person in other.people()] == ["Ada"]


def test_the_journal_names_everyone_who_changed_once(collection: Collection) -> None:
    ada = collection.add_person(make_newcomer("Ada", [reference(1), reference(2)]), at=AT)
    grace = collection.add_person(make_newcomer("Grace", [reference(3)]), at=AT)
    assert sorted(collection.changed_since(0)) == sorted([ada, grace])
    before = collection.revision()
    assert collection.changed_since(before) == []
    collection.set_facts(PersonFacts(grace, is_suspended=True))
    assert collection.changed_since(before) == [grace]
    before = collection.revision()
    collection.remove(ada)
    assert collection.changed_since(before) == [ada]


def test_a_change_by_any_other_tool_is_in_the_journal_too(collection: Collection, file: Path) -> None:
    ada = collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    before = collection.revision()
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE person SET suspended = 1")
    raw.close()
    assert collection.changed_since(before) == [ada]


def test_quality_is_stored_as_facts(collection: Collection, file: Path) -> None:
    quality = Quality(123.4, 0.5, 88.0, Pose(1.0, -2.0, 3.0), 0.99, 0.25, ())
    collection.add_person(make_newcomer("Ada", [Reference(template(1), quality)]), at=AT)
    with sqlite3.connect(file) as raw:
        (stored,) = raw.execute("SELECT quality FROM biometric_reference").fetchone()
    raw.close()
    assert '"face_height_px": 123.4' in stored
    assert '"pitch_deg": -2.0' in stored
    assert '"cover": 0.25' in stored


def test_a_damaged_row_is_named_as_damage_and_not_as_a_bug(collection: Collection, file: Path) -> None:
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE biometric_reference SET sealed_vector = zeroblob(541)")
        raw.execute("UPDATE person SET valid_from = 'yesterday'")
    raw.close()
    with pytest.raises(CollectionUnreadableError, match="damaged"):
        collection.references(MODEL)
    with pytest.raises(CollectionUnreadableError, match="yesterday"):
        collection.people()


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=4))
def test_bytes_that_are_no_vectors_are_refused(stored: list[bytes]) -> None:
    try:
        read = vectors_from_bytes(stored)
    except ValueError:
        return
    assert np.allclose(np.linalg.norm(read, axis=1), 1.0, atol=1e-3)


@given(st.text(max_size=130))
def test_a_cleaned_name_is_clean_already(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except ValueError:
        return
    assert cleaned == clean_name(cleaned)
    assert 1 <= len(cleaned) <= 100
    assert cleaned.isprintable()
    assert name_key(cleaned) == name_key(name)


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "a\x07b", "x" * 101, "p-0123456789abcdef", "a\u202eb"])
def test_a_name_that_cannot_be_read_aloud_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        clean_name(name)


def test_a_name_may_have_a_hundred_characters() -> None:
    assert clean_name("x" * 100) == "x" * 100


@pytest.mark.parametrize("groups", ["no json", '"staff"', '{"staff": 1}', "[1]", "null"])
def test_groups_that_are_no_list_of_names_are_damage(collection: Collection, file: Path, groups: str) -> None:
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE person SET groups = ?", (groups,))
    raw.close()
    with pytest.raises(CollectionUnreadableError, match="damaged"):
        collection.facts()


def test_a_random_id_can_never_be_a_name() -> None:
    with pytest.raises(ValueError, match="looks like a person's id"):
        clean_name(random_person_id())


def test_a_name_stays_out_of_the_representation_of_a_person(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada Lovelace", [reference(1)]), at=AT)
    assert "Lovelace" not in repr(collection.find(person))


def test_closing_twice_is_harmless_and_leaves_one_file(file: Path) -> None:
    collection = open_collection(file)
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    assert len(list(file.parent.glob("collection.db*"))) == 3
    collection.close()
    collection.close()
    assert [part.name for part in file.parent.glob("collection.db*")] == ["collection.db"]
