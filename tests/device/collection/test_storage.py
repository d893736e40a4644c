from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import make_newcomer
from people_builders import AT, reference
from small_disk import small_disk

from device.collection.schema import COLLECTION, sealed_by
from device.collection.storage import Database, open_database, open_database_for_reading, sqlite_errors
from device.collection.store import Collection, open_collection
from device.errors import (
    CollectionError,
    CollectionTooNewError,
    CollectionUnreadableError,
    StorageFullError,
    StorageUnwritableError,
)

AS_ROOT = os.geteuid() == 0


def m002_sealed(_: Database) -> None:
    raise AssertionError("every collection here has taken this step")


SEALED = sealed_by(m002_sealed)


def digests(folder: Path) -> dict[str, str]:
    return {part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in folder.iterdir() if part.is_file()}


def enrolled(file: Path, people: int) -> None:
    with open_collection(file) as collection:
        for number in range(people):
            collection.add_person(make_newcomer(f"person {number}", [reference(number)]), at=AT)


def test_a_new_collection_is_private_and_leaves_nothing_beside_it(file: Path) -> None:
    open_collection(file).close()
    assert sorted(part.name for part in file.parent.iterdir()) == ["collection.db", "site.key"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_every_connection_is_durable_and_keeps_references_to_people(collection: Collection) -> None:
    def ask(pragma: str) -> object:
        return collection._execute(f"PRAGMA {pragma}")[0][0]

    assert ask("journal_mode") == "wal"
    assert ask("synchronous") == 2, "FULL: a commit is on the disk when it returns"
    assert ask("foreign_keys") == 1
    assert ask("secure_delete") == 1


def test_what_was_enrolled_is_there_after_reopening(file: Path) -> None:
    enrolled(file, 3)
    with open_collection(file) as again:
        assert len(again.people()) == 3


def test_a_draft_that_a_killed_process_left_is_replaced(file: Path) -> None:
    file.parent.mkdir()
    (file.parent / ".collection.db.new").write_bytes(b"half a database")
    open_collection(file).close()
    assert sorted(part.name for part in file.parent.iterdir()) == ["collection.db", "site.key"]


@pytest.mark.skipif(not AS_ROOT, reason="only root may give a file away")
def test_a_collection_made_by_root_belongs_to_the_owner_of_its_folder(file: Path) -> None:
    file.parent.mkdir()
    os.chown(file.parent, 12345, 54321)
    with open_collection(file) as collection:
        collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
        owners = {(part.stat().st_uid, part.stat().st_gid) for part in file.parent.iterdir()}
    assert owners == {(12345, 54321)}


NOT_COLLECTIONS = {
    "empty": b"",
    "text": b"this is a letter, not a database\n" * 200,
    "header only": b"SQLite format 3\x00",
    "zeros": bytes(8192),
}


@pytest.mark.parametrize("content", NOT_COLLECTIONS.values(), ids=NOT_COLLECTIONS.keys())
def test_a_file_that_is_no_collection_is_refused_untouched(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(CollectionUnreadableError, match="collection"):
        open_collection(file)
    assert file.read_bytes() == content
    assert [part.name for part in file.parent.iterdir()] == ["collection.db"]


def test_somebody_elses_database_is_refused_untouched(file: Path) -> None:
    file.parent.mkdir()
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE bookmark (url TEXT)")
    foreign.close()
    before = digests(file.parent)
    with pytest.raises(CollectionUnreadableError, match="not a Lintel collection"):
        open_collection(file)
    assert digests(file.parent) == before


def test_a_truncated_collection_is_refused_untouched(file: Path) -> None:
    enrolled(file, 40)
    whole = file.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 4096, 100):
        file.write_bytes(whole[:length])
        with pytest.raises(CollectionUnreadableError):
            open_collection(file)
        assert file.read_bytes() == whole[:length]


def test_a_collection_with_a_page_of_rubbish_is_refused_untouched(file: Path) -> None:
    enrolled(file, 60)
    content = bytearray(file.read_bytes())
    content[-4096:] = os.urandom(4096)
    file.write_bytes(content)
    with pytest.raises(CollectionUnreadableError):
        open_collection(file)
    assert file.read_bytes() == content


def m999_from_the_future(database: Database) -> None:
    database.execute("CREATE TABLE palm_vein (person TEXT)")


def test_a_newer_collection_is_refused_untouched(file: Path) -> None:
    enrolled(file, 2)
    newer = replace(SEALED, steps=(*SEALED.steps, m999_from_the_future))
    open_database(file, newer).close()
    before = file.read_bytes()
    with pytest.raises(CollectionTooNewError, match="newer Lintel"):
        open_collection(file)
    assert file.read_bytes() == before
    log = file.with_name("collection.db-wal")  # SQLite's reader may leave an empty one
    assert not log.exists() or log.stat().st_size == 0


def test_a_newer_collection_in_use_is_refused_with_its_log_untouched(file: Path) -> None:
    open_collection(file).close()
    newer = open_database(file, replace(SEALED, steps=(*SEALED.steps, m999_from_the_future)))
    newer.execute("INSERT INTO palm_vein VALUES ('somebody')")
    newer.conn.commit()
    with pytest.raises(CollectionTooNewError):
        open_collection(file)
    assert newer.execute("SELECT person FROM palm_vein").fetchall() == [("somebody",)]
    newer.close()


def test_an_older_collection_is_brought_up_to_date_and_keeps_its_people(file: Path) -> None:
    enrolled(file, 2)
    newer = replace(SEALED, steps=(*SEALED.steps, m999_from_the_future))
    database = open_database(file, newer)
    assert database.execute("SELECT count(*) FROM palm_vein").fetchone() == (0,)
    assert database.execute("SELECT count(*) FROM person").fetchone() == (2,)
    database.close()


def m999_that_fails(database: Database) -> None:
    database.execute("CREATE TABLE half (done TEXT)")
    database.execute("CREATE TABLE half (done TEXT)")


def test_a_step_that_fails_leaves_the_collection_as_it_was(file: Path) -> None:
    enrolled(file, 2)
    with pytest.raises(CollectionUnreadableError):
        open_database(file, replace(SEALED, steps=(*SEALED.steps, m999_that_fails)))
    with open_collection(file) as collection:
        assert len(collection.people()) == 2
        assert collection._execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == [(0,)]


def test_a_full_quota_refuses_the_whole_person_and_keeps_the_others(file: Path) -> None:
    enrolled(file, 1)
    pages = file.stat().st_size // 4096
    with open_collection(file, max_pages=pages) as collection:
        with pytest.raises(StorageFullError, match="no space"):
            collection.add_person(make_newcomer("Grace", [reference(n) for n in range(40)]), at=AT)
        assert [person.name for person in collection.people()] == ["person 0"]
        assert collection.changed_since(collection.revision()) == []


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(kib=1024) as folder:
        yield folder


def test_a_full_disk_refuses_and_everyone_acknowledged_is_still_there(disk: Path, tmp_path: Path) -> None:
    file = disk / "collection.db"
    acknowledged: list[str] = []

    def enrol_until_full(collection: Collection) -> None:
        for number in range(1000):
            name = f"person {number}"
            collection.add_person(make_newcomer(name, [reference(number)]), at=AT)
            acknowledged.append(name)

    with open_collection(file) as collection:
        with pytest.raises(StorageFullError, match="no space"):
            enrol_until_full(collection)
        assert sorted(person.name for person in collection.people()) == sorted(acknowledged)
    assert len(acknowledged) > 5
    shutil.copytree(disk, rescued := tmp_path / "rescued")
    with open_collection(rescued / "collection.db") as again:
        assert sorted(person.name for person in again.people()) == sorted(acknowledged)


def test_a_full_disk_leaves_no_half_made_collection(disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(970 * 1024))
    with pytest.raises(StorageFullError, match="no space"):
        open_collection(disk / "collection.db")
    assert not any(part.name.startswith("collection") or part.name.startswith(".") for part in disk.iterdir())


def test_a_folder_where_the_file_should_be_is_refused(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(StorageUnwritableError, match="cannot be opened"):
        open_collection(file)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    with pytest.raises(StorageUnwritableError, match="cannot be opened"):
        open_collection(tmp_path / "state" / "collection.db")


AS_NOBODY = """
import os, sys
from pathlib import Path
import sqlite_utils
from device.collection.store import open_collection
from device.errors import DeviceError
os.setgid(65534); os.setuid(65534)
try:
    open_collection(Path(sys.argv[1]))
except DeviceError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(not AS_ROOT, reason="only root may become somebody without permissions")
@pytest.mark.parametrize("people", [0, 1])
def test_a_file_or_folder_without_permission_is_refused(people: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # everybody may look, only root may write
        if people:
            enrolled(folder / "collection.db", people)
        command = [sys.executable, "-c", AS_NOBODY, str(folder / "collection.db")]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.stdout.startswith("StorageUnwritableError"), said


def test_a_lock_that_another_process_keeps_is_one_sentence(collection: Collection, file: Path) -> None:
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    collection._database.execute("PRAGMA busy_timeout=1")
    with pytest.raises(CollectionError, match="another process keeps the collection locked; nothing was written"):
        collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    other.close()
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)


CODES = {
    sqlite3.SQLITE_FULL: StorageFullError,
    sqlite3.SQLITE_READONLY: StorageUnwritableError,
    sqlite3.SQLITE_CANTOPEN: StorageUnwritableError,
    sqlite3.SQLITE_NOTADB: CollectionUnreadableError,
    sqlite3.SQLITE_CORRUPT: CollectionUnreadableError,
    sqlite3.SQLITE_CORRUPT_INDEX: CollectionUnreadableError,
    sqlite3.SQLITE_BUSY: CollectionError,
    sqlite3.SQLITE_BUSY_SNAPSHOT: CollectionError,
    sqlite3.SQLITE_IOERR: CollectionError,
    sqlite3.SQLITE_IOERR_FSYNC: CollectionError,
    sqlite3.SQLITE_NOMEM: CollectionError,
    None: CollectionUnreadableError,  # Python's own complaint about text that is not UTF-8
}


@pytest.mark.parametrize(("code", "kind"), CODES.items(), ids=str)
def test_every_fault_of_sqlite_has_its_own_error(tmp_path: Path, code: int | None, kind: type[CollectionError]) -> None:
    fault = sqlite3.OperationalError("what SQLite says")
    if code is not None:
        fault.sqlite_errorcode = code
    with pytest.raises(CollectionError, match=str(tmp_path)) as caught, sqlite_errors(tmp_path / "file", COLLECTION):
        raise fault
    assert type(caught.value) is kind
    assert caught.value.__cause__ is fault


def test_a_broken_constraint_is_a_bug_and_not_a_fault_of_the_file(collection: Collection) -> None:
    with pytest.raises(sqlite3.IntegrityError), collection.changing():
        collection._execute("INSERT INTO biometric_reference VALUES (1, 'nobody', 'm', x'00', '{}', 'now')")
    assert not collection._database.conn.in_transaction


def test_a_snapshot_does_not_change_while_others_commit(collection: Collection, file: Path) -> None:
    with open_collection(file) as other:
        with collection.snapshot():
            assert collection.people() == []
            other.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
            assert collection.people() == []
        assert not collection._database.conn.in_transaction
        assert len(collection.people()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM _sqlite_migrations",
        "UPDATE _sqlite_migrations SET name = 'm000_from_elsewhere' WHERE name = 'm001_people'",
        "UPDATE _sqlite_migrations SET migration_set = 'somebody else'",
        "DROP TABLE _sqlite_migrations",
    ],
)
def test_a_collection_that_lacks_its_own_history_is_damaged_and_not_newer(file: Path, statement: str) -> None:
    enrolled(file, 1)
    with sqlite3.connect(file) as raw:
        raw.execute(statement)
    raw.close()
    before = file.read_bytes()
    with pytest.raises(CollectionUnreadableError, match="damaged"):
        open_collection(file)
    assert file.read_bytes() == before


ENROL_ONE = """
import sys
from pathlib import Path
from builders import make_newcomer
from people_builders import AT, reference
from device.collection.store import open_collection
print("ready", flush=True)
sys.stdin.readline()
with open_collection(Path(sys.argv[1])) as collection:
    collection.add_person(make_newcomer(sys.argv[2], [reference(1)]), at=AT)
"""


def test_of_processes_that_start_at_once_none_loses_what_another_created(file: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (Path.cwd(), Path(__file__).parent, Path(__file__).parents[2]))),
    }
    names = [f"person {number}" for number in range(5)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ENROL_ONE, str(file), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with open_collection(file) as collection:
        assert [person.name for person in collection.people()] == names


def test_a_reader_refuses_what_a_writer_refuses(file: Path) -> None:
    file.parent.mkdir()
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE bookmark (url TEXT)")
    foreign.close()
    with pytest.raises(CollectionUnreadableError, match="not a Lintel collection"):
        open_database_for_reading(file, COLLECTION)


def test_a_reader_cannot_change_the_file(file: Path) -> None:
    enrolled(file, 1)
    database = open_database_for_reading(file, SEALED)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.execute("DELETE FROM person")
    database.close()


def test_a_reader_does_not_create_the_file(file: Path) -> None:
    with pytest.raises(StorageUnwritableError, match="No such file"):
        open_database_for_reading(file, COLLECTION)
    assert not file.parent.exists()


ENROL_UNTIL_KILLED = """
import sys
import tempfile
from pathlib import Path
from builders import make_newcomer
from people_builders import AT, reference
from device.collection.store import open_collection
with open_collection(Path(sys.argv[1])) as collection:
    for number in range(100_000):
        collection.add_person(make_newcomer(f"person {number}", [reference(1), reference(2)]), at=AT)
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("lines", [1, 7, 30])
def test_killing_a_process_in_the_middle_loses_nobody_and_halves_nobody(file: Path, lines: int) -> None:
    command = [sys.executable, "-c", ENROL_UNTIL_KILLED, str(file)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (Path.cwd(), Path(__file__).parent, Path(__file__).parents[2]))),
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    with open_collection(file) as collection:
        people = collection.people()
        assert len(people) in {len(acknowledged), len(acknowledged) + 1}
        assert all(sum(person.references.values()) == 2 for person in people)
