from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import make_newcomer
from people_builders import AT, reference
from small_disk import small_disk

from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.people import Person
from device.collection.snapshot import newest_good, snapshots, take_snapshot, write_copy
from device.collection.store import Collection, open_collection
from device.config import Settings
from device.errors import (
    AuditError,
    BackupError,
    CollectionTooNewError,
    CollectionUnreadableError,
    SiteKeyMissingError,
    StorageFullError,
)
from device.recovery import open_or_recover, restore_backup
from device.types import PersonId
from device.upkeep import Upkeep
from enroll.registry import Registry


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def audit(file: Path, clock: FakeClock) -> Iterator[AuditLog]:
    with AuditLog(file.with_name("audit.db"), clock=clock) as log:
        yield log


def enrol(registry: Registry, *names: str) -> list[PersonId]:
    return [registry.enrol(make_newcomer(name, [reference(len(name))]), how="photos") for name in names]


def snap(collection: Collection, audit: AuditLog, clock: FakeClock) -> None:
    clock.advance(1)
    take_snapshot(collection, at=clock.now(), audit_sequence=audit.head().sequence)


def damage(file: Path) -> bytes:
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    return bytes(content)


def recovered(file: Path, audit: AuditLog, clock: FakeClock) -> Collection:
    return open_or_recover(file, log=audit.path, audit=audit, clock=clock)


def names(people: list[Person]) -> list[str]:
    return [person.name for person in people]


def last_restoration(audit: AuditLog) -> dict[str, object]:
    with reading_audit(audit.path) as reader:
        (event,) = reader.last(1, kind=AuditKind.COLLECTION_RESTORED)
    facts: dict[str, object] = json.loads(event.facts)
    return facts


def test_a_snapshot_is_one_private_sealed_file(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with open_collection(file) as collection:
        enrol(Registry(collection, audit, clock), "Ada Lovelace")
        snap(collection, audit, clock)
    (one,) = snapshots(file)
    assert [part.name for part in one.path.parent.iterdir()] == [one.path.name]
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
    assert b"Lovelace" not in one.path.read_bytes()
    assert one.audit_sequence == 1


def test_old_snapshots_make_room(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with open_collection(file) as collection:
        for _ in range(11):
            snap(collection, audit, clock)
    assert len(snapshots(file)) == 8


@pytest.mark.parametrize("loss", ["damaged", "emptied", "gone"])
def test_a_lost_collection_gives_way_to_the_newest_good_snapshot_and_the_loss_is_on_record(
    file: Path, audit: AuditLog, clock: FakeClock, loss: str
) -> None:
    with open_collection(file) as collection:
        registry = Registry(collection, audit, clock)
        ada, grace, radia = enrol(registry, "Ada", "Grace", "Radia")
        snap(collection, audit, clock)
        registry.erase(collection.find(grace))
        collection.set_facts(replace(collection.facts()[radia], groups=("staff",)))
        audit.append(AuditKind.PERSON_CHANGED, {"person": radia})
        (late,) = enrol(registry, "Latecomer")
    bad = damage(file) if loss == "damaged" else b""
    if loss == "emptied":
        file.write_bytes(b"")
    if loss == "gone":
        file.unlink()
    with recovered(file, audit, clock) as collection:
        assert names(collection.people()) == ["Ada", "Radia"]
        assert collection.facts()[radia].is_suspended
        assert not collection.facts()[ada].is_suspended
    facts = last_restoration(audit)
    assert facts["lost_people"] == [late]
    assert facts["suspended"] == [radia]
    if bad:
        assert file.with_name(str(facts["set_aside"])).read_bytes() == bad
    with recovered(file, audit, clock) as collection:
        assert len(collection.people()) == 2


def test_a_damaged_snapshot_is_passed_over(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with open_collection(file) as collection:
        registry = Registry(collection, audit, clock)
        enrol(registry, "Ada")
        snap(collection, audit, clock)
        enrol(registry, "Grace")
        snap(collection, audit, clock)
    damage(snapshots(file)[0].path)
    damage(file)
    with recovered(file, audit, clock) as collection:
        assert names(collection.people()) == ["Ada"]


def test_without_a_good_snapshot_a_damaged_collection_is_refused_and_stays_where_it_is(
    file: Path, audit: AuditLog, clock: FakeClock
) -> None:
    with open_collection(file) as collection:
        enrol(Registry(collection, audit, clock), "Ada")
    bad = damage(file)
    with pytest.raises(CollectionUnreadableError):
        recovered(file, audit, clock)
    assert file.read_bytes() == bad


def test_the_door_never_starts_with_a_silently_empty_gallery(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with recovered(file, audit, clock) as collection:
        enrol(Registry(collection, audit, clock), "Ada", "Grace")
    file.unlink()
    with pytest.raises(CollectionUnreadableError, match="2 people had been enrolled"):
        recovered(file, audit, clock)
    assert not file.exists()


def test_a_collection_that_was_emptied_in_good_order_may_vanish(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with recovered(file, audit, clock) as collection:
        registry = Registry(collection, audit, clock)
        enrol(registry, "Ada")
        registry.erase(collection.find("Ada"))
    file.unlink()
    recovered(file, audit, clock).close()


def test_a_newer_collection_and_a_missing_key_are_no_damage(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with open_collection(file) as collection:
        enrol(Registry(collection, audit, clock), "Ada")
        snap(collection, audit, clock)
    key = file.with_name("site.key").rename(file.with_name("kept"))
    with pytest.raises(SiteKeyMissingError):
        recovered(file, audit, clock)
    key.rename(file.with_name("site.key"))
    raw = sqlite3.connect(file)
    raw.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
                "VALUES ('lintel_collection', 'm999', 'now')")  # fmt: skip
    raw.commit()
    raw.close()
    with pytest.raises(CollectionTooNewError):
        recovered(file, audit, clock)


def test_erasing_reaches_the_snapshots(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with open_collection(file) as collection:
        registry = Registry(collection, audit, clock)
        ada, _ = enrol(registry, "Ada", "Grace")
        snap(collection, audit, clock)
        raw = sqlite3.connect(file)
        trace = raw.execute("SELECT sealed_key FROM person WHERE id = ?", (ada,)).fetchone()[0]
        raw.close()
        (one,) = snapshots(file)
        assert trace in one.path.read_bytes()
        registry.erase(collection.find(ada))
        assert trace not in one.path.read_bytes()
        assert newest_good(file) == one


def test_a_backup_comes_back_and_knows_what_happened_since(
    file: Path, audit: AuditLog, clock: FakeClock, tmp_path: Path
) -> None:
    with open_collection(file) as collection:
        registry = Registry(collection, audit, clock)
        enrol(registry, "Ada", "Grace")
        write_copy(collection, tmp_path / "backup.db", audit_sequence=audit.head().sequence)
        registry.erase(collection.find("Grace"))
        enrol(registry, "Radia")
    assert restore_backup(tmp_path / "backup.db", of=file, audit=audit, clock=clock) == 1
    with open_collection(file) as collection:
        assert names(collection.people()) == ["Ada"]
        assert collection._execute("PRAGMA journal_mode") == [("wal",)]
    assert last_restoration(audit)["erased_again"] == 1


@pytest.mark.parametrize("content", [b"", b"no backup", None])
def test_a_backup_that_is_none_changes_nothing(
    file: Path, audit: AuditLog, clock: FakeClock, tmp_path: Path, content: bytes | None
) -> None:
    with open_collection(file) as collection:
        enrol(Registry(collection, audit, clock), "Ada")
    copy = tmp_path / "backup.db"
    if content is None:  # of another site
        with open_collection(tmp_path / "elsewhere" / "collection.db") as other:
            write_copy(other, copy, audit_sequence=0)
    else:
        copy.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(BackupError, match="cannot be restored"):
        restore_backup(copy, of=file, audit=audit, clock=clock)
    assert file.read_bytes() == before


def test_a_copy_onto_a_full_disk_leaves_nothing(file: Path) -> None:
    with small_disk(kib=128) as disk, open_collection(file) as collection:
        for number in range(60):
            collection.add_person(make_newcomer(f"person {number}", [reference(number)]), at=AT)
        with pytest.raises(StorageFullError):
            write_copy(collection, disk / "backup.db", audit_sequence=0)
        assert list(disk.iterdir()) == []


def test_upkeep_copies_what_changed_and_not_too_often(file: Path, audit: AuditLog, clock: FakeClock) -> None:
    with open_collection(file) as collection:
        registry = Registry(collection, audit, clock)
        upkeep = Upkeep(collection, audit, clock, Settings())
        upkeep.tend()
        assert snapshots(file) == []
        enrol(registry, "Ada")
        upkeep.tend()
        enrol(registry, "Grace")
        upkeep.tend()
        assert len(snapshots(file)) == 1
        clock.advance(601)
        upkeep.tend()
        clock.advance(601)
        upkeep.tend()
        assert len(snapshots(file)) == 2


def test_what_cannot_be_recorded_is_not_restored_silently(file: Path, clock: FakeClock, tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit.db", clock=clock) as log:
        with open_collection(file) as collection:
            enrol(Registry(collection, log, clock), "Ada")
            snap(collection, log, clock)
        damage(file)
        log._database.execute("PRAGMA busy_timeout=1")
        raw = sqlite3.connect(tmp_path / "audit.db")
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditError):
            recovered(file, log, clock)
        raw.close()
        with recovered(file, log, clock) as collection:
            assert names(collection.people()) == ["Ada"]
        assert last_restoration(log)["lost_people"] == []
