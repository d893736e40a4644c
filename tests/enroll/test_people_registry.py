from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer
from small_disk import small_disk

from device.audit.chain import Intact
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.errors import AuditError, PersonExistsError, StorageFullError, UnknownPersonError
from device.types import ModelId, Template
from enroll.registry import Registry


def reference(seed: int) -> Reference:
    vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    return Reference(Template(vector / np.linalg.norm(vector), ModelId("model-a")))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    clock = FakeClock()
    with open_collection(tmp_path / "collection.db") as collection, AuditLog(tmp_path / "audit.db", clock=clock) as log:
        yield Registry(collection, log, clock)


def events(file: Path) -> list[tuple[str, dict[str, object]]]:
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)
        return [(event.kind, json.loads(event.facts)) for event in reader.events()]


def test_an_enrolment_and_an_erasure_are_recorded_by_id_and_without_the_name(
    registry: Registry, tmp_path: Path
) -> None:
    ada = registry.enrol(make_newcomer("Ada Lovelace", [reference(1), reference(2)]), how="photos")
    assert registry.erase(registry.collection.find(ada))
    assert events(tmp_path / "audit.db") == [
        ("person.enrolled", {"person": ada, "references": 2, "models": ["model-a"], "how": "photos", "consent": "1"}),
        ("person.erased", {"person": ada, "references": 2}),
    ]
    assert registry.collection.people() == []
    assert not any(b"Lovelace" in part.read_bytes() for part in tmp_path.iterdir())


def test_a_name_that_is_taken_changes_and_records_nothing(registry: Registry, tmp_path: Path) -> None:
    registry.enrol(make_newcomer("Ada", [reference(1)]), how="photos")
    with pytest.raises(PersonExistsError):
        registry.enrol(make_newcomer("ada", [reference(2)]), how="photos")
    assert [kind for kind, _ in events(tmp_path / "audit.db")] == ["person.enrolled"]


def test_erasing_somebody_whom_another_erased_first_records_nothing_more(registry: Registry, tmp_path: Path) -> None:
    person = registry.collection.find(registry.enrol(make_newcomer("Ada", [reference(1)]), how="photos"))
    registry.erase(person)
    with pytest.raises(UnknownPersonError):
        registry.erase(person)
    assert [kind for kind, _ in events(tmp_path / "audit.db")] == ["person.enrolled", "person.erased"]


def test_what_cannot_be_recorded_does_not_happen(registry: Registry, tmp_path: Path) -> None:
    ada = registry.collection.find(registry.enrol(make_newcomer("Ada", [reference(1)]), how="photos"))
    raw = sqlite3.connect(tmp_path / "audit.db")
    raw.execute("BEGIN IMMEDIATE")
    assert isinstance(registry.audit, AuditLog)
    registry.audit._database.execute("PRAGMA busy_timeout=1")
    with pytest.raises(AuditError):
        registry.enrol(make_newcomer("Grace", [reference(2)]), how="photos")
    with pytest.raises(AuditError):
        registry.erase(ada)
    raw.close()
    assert [person.name for person in registry.collection.people()] == ["Ada"]


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(kib=512) as folder:
        yield folder


def test_an_enrolment_that_could_not_be_committed_is_taken_back_in_the_audit(disk: Path, tmp_path: Path) -> None:
    clock = FakeClock()
    with (
        open_collection(disk / "collection.db") as collection,
        AuditLog(tmp_path / "audit.db", clock=clock) as log,
    ):
        registry = Registry(collection, log, clock)

        def enrol_until_full() -> None:
            for number in range(1000):
                registry.enrol(make_newcomer(f"person {number}", [reference(number)]), how="photos")

        with pytest.raises(StorageFullError):
            enrol_until_full()
        enrolled = {person.id for person in collection.people()}
    history = events(tmp_path / "audit.db")
    recorded = {facts["person"] for kind, facts in history if kind == "person.enrolled"}
    taken_back = {facts["person"] for kind, facts in history if kind == "fault"}
    assert len(taken_back) == 1
    assert recorded - taken_back == enrolled
