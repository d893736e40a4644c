from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from small_disk import small_disk

from device.audit.chain import Broken, Head, Intact
from device.audit.evidence import verify_log
from device.audit.kinds import MEANINGS, AuditKind
from device.audit.log import AuditLog, reading_audit
from device.audit.sign import read_public_key
from device.clock import FakeClock
from device.errors import AuditBrokenError, AuditError
from device.ports import Audit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log(file: Path, clock: FakeClock) -> Iterator[AuditLog]:
    with AuditLog(file, clock=clock) as opened:
        yield opened


def fill(log: AuditLog, events: int) -> None:
    for number in range(events):
        log.append(AuditKind.DECISION_DENIED, {"reason": "not_enrolled", "number": number})


def test_the_log_is_what_the_appliance_asks_for(log: AuditLog) -> None:
    port: Audit = log
    assert port.append("fault", {"what": "camera"}) == 1


def test_events_are_numbered_from_one_without_gaps_and_carry_the_injected_time(
    log: AuditLog, clock: FakeClock, file: Path
) -> None:
    assert log.append(AuditKind.APPLIANCE_STARTED, {"people": 3}) == 1
    clock.advance(1.5)
    assert log.append(AuditKind.DECISION_GRANTED, {"person": "p-1", "score": 0.5}) == 2
    with reading_audit(file) as reader:
        first, second = reader.events()
    assert (first.sequence, first.kind, first.facts) == (1, "appliance.started", '{"people":3}')
    assert (second.sequence, second.at) == (2, "2026-01-05T09:00:01.500000+00:00")
    assert second.previous == first.hash


def test_every_connection_is_durable(log: AuditLog) -> None:
    assert log._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert log._database.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: committed means on the disk"


def test_an_event_is_committed_when_append_returns(log: AuditLog, file: Path) -> None:
    log.append(AuditKind.FAULT, {})
    shutil.copytree(file.parent, file.parent.with_name("pulled plug"))
    with reading_audit(file.parent.with_name("pulled plug") / "audit.db") as reader:
        assert len(list(reader.events())) == 1


def test_the_log_continues_where_it_ended(file: Path, clock: FakeClock) -> None:
    for expected in (1, 2, 3):
        with AuditLog(file, clock=clock) as log:
            assert log.append(AuditKind.APPLIANCE_STARTED, {}) == expected
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)


def test_a_new_log_is_private(log: AuditLog, file: Path) -> None:
    log.append(AuditKind.FAULT, {})
    modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in file.parent.iterdir()}
    assert modes.pop("device.pub") == 0o644
    assert set(modes.values()) == {0o600}


def test_the_civil_clock_may_jump_back_and_the_chain_holds(log: AuditLog, clock: FakeClock, file: Path) -> None:
    log.append(AuditKind.FAULT, {})
    clock.step_civil(timedelta(days=-400))
    log.append(AuditKind.FAULT, {})
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)


def test_a_kind_that_is_not_in_the_list_is_refused(log: AuditLog) -> None:
    with pytest.raises(AuditError, match=r"person\.teleported"):
        log.append("person.teleported", {})
    assert log.head().sequence == 0


def test_facts_that_json_has_no_form_for_are_a_bug_and_record_nothing(log: AuditLog) -> None:
    with pytest.raises(TypeError):
        log.append(AuditKind.FAULT, {"what": object()})
    assert log.head().sequence == 0
    assert log.append(AuditKind.FAULT, {}) == 1


def test_every_kind_is_explained_in_a_sentence() -> None:
    assert set(MEANINGS) == set(AuditKind)
    assert all(meaning.endswith(".") and len(meaning.split()) >= 4 for meaning in MEANINGS.values())


def test_the_newest_events_come_in_order_all_or_of_one_kind(log: AuditLog, file: Path) -> None:
    fill(log, 5)
    log.append(AuditKind.CAMERA_LOST, {})
    fill(log, 3)
    with reading_audit(file) as reader:
        assert [event.sequence for event in reader.last(3)] == [7, 8, 9]
        assert [event.sequence for event in reader.last(100)] == list(range(1, 10))
        assert [event.sequence for event in reader.last(4, kind=AuditKind.DECISION_DENIED)] == [5, 7, 8, 9]
        assert [event.sequence for event in reader.last(4, kind=AuditKind.CAMERA_LOST)] == [6]
        assert reader.head() == log.head()


def test_careless_hands_cannot_change_or_delete(log: AuditLog, file: Path) -> None:
    fill(log, 2)
    raw = sqlite3.connect(file)
    raw.execute("PRAGMA recursive_triggers=ON").close()
    for statement in ("UPDATE event SET kind = 'fault'", "DELETE FROM event", "REPLACE INTO event SELECT * FROM event"):
        with pytest.raises(sqlite3.DatabaseError):
            raw.execute(statement)
    raw.close()


def tamper(file: Path, *statements: str) -> None:
    raw = sqlite3.connect(file)
    raw.execute("DROP TRIGGER IF EXISTS event_never_update")
    raw.execute("DROP TRIGGER IF EXISTS event_never_delete")
    for statement in statements:
        raw.execute(statement)
    raw.commit()
    raw.close()


TAMPERINGS = {
    "changed reason": (["UPDATE event SET facts = replace(facts, 'not_enrolled', 'ambiguous') WHERE seq = 4"], 4),
    "changed kind": (["UPDATE event SET kind = 'fault' WHERE seq = 3"], 3),
    "changed time": (["UPDATE event SET at = '2026-01-05T09:00:00.000001+00:00' WHERE seq = 1"], 1),
    "changed hash": (["UPDATE event SET hash = previous WHERE seq = 6"], 6),
    "removed": (["DELETE FROM event WHERE seq = 5"], 5),
    "removed head": (["DELETE FROM event WHERE seq = 1"], 1),
    "removed head, renumbered": (["DELETE FROM event WHERE seq = 1", "UPDATE event SET seq = seq - 1"], 1),
    "removed, renumbered": (["DELETE FROM event WHERE seq = 4", "UPDATE event SET seq = seq - 1 WHERE seq > 4"], 4),
    "reordered": (
        [
            "UPDATE event SET seq = -1 WHERE seq = 3",
            "UPDATE event SET seq = 3 WHERE seq = 7",
            "UPDATE event SET seq = 7 WHERE seq = -1",
        ],
        3,
    ),
    "inserted before the head": (
        ["INSERT INTO event SELECT -5, at, kind, facts, previous, hash, signature FROM event LIMIT 1"],
        1,
    ),
    "inserted after the end": (
        ["INSERT INTO event SELECT 9, at, kind, facts, hash, hash, signature FROM event WHERE seq = 8"],
        9,
    ),
}


@pytest.mark.parametrize(("statements", "first_bad"), TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_a_tampered_row_is_found_and_named(log: AuditLog, file: Path, statements: list[str], first_bad: int) -> None:
    fill(log, 8)
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)
    tamper(file, *statements)
    with reading_audit(file) as reader:
        verdict = reader.verify()
    assert isinstance(verdict, Broken)
    assert verdict.sequence == first_bad


def test_a_cut_tail_is_found_beside_a_kept_end_and_only_there(log: AuditLog, file: Path) -> None:
    fill(log, 8)
    kept = log.head()
    tamper(file, "DELETE FROM event WHERE seq > 6")
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)
        assert isinstance(reader.verify(expected=kept), Broken)


def test_a_deleted_log_is_found_beside_a_kept_end(file: Path, clock: FakeClock) -> None:
    with AuditLog(file, clock=clock) as log:
        fill(log, 3)
        kept = log.head()
    file.unlink()
    with AuditLog(file, clock=clock) as log:
        fill(log, 3)
        clock.advance(1)
        fill(log, 3)
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)
        assert reader.verify(expected=Head(kept.sequence, kept.hash[::-1])) == Broken(
            3, "the log was rewritten: this is not the row whose hash was kept"
        )


def test_a_flipped_bit_in_the_file_is_always_found_when_it_changed_an_event(file: Path, clock: FakeClock) -> None:
    with AuditLog(file, clock=clock) as log:
        fill(log, 40)
    with reading_audit(file) as reader:
        written = [event.as_json_line() for event in reader.events()]
    whole, public = file.read_bytes(), read_public_key(file.with_name("device.pub"))
    found = 0
    for place in range(100, len(whole), 61):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        file.write_bytes(flipped)
        try:
            verdict = verify_log(file, public=public)
        except AuditBrokenError:
            found += 1
            continue
        if isinstance(verdict, Broken):
            found += 1
            continue
        with reading_audit(file) as reader:
            assert [event.as_json_line() for event in reader.events()] == written, "an unused byte"
    assert found > 100


def test_two_connections_append_to_one_chain(log: AuditLog, file: Path, clock: FakeClock) -> None:
    with AuditLog(file, clock=clock) as other:
        sequences = [one.append(AuditKind.FAULT, {}) for one in (log, other, other, log, other)]
    assert sequences == [1, 2, 3, 4, 5]
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)


def test_threads_share_one_log(log: AuditLog, file: Path) -> None:
    threads = [threading.Thread(target=fill, args=(log, 20)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading_audit(file) as reader:
        verdict = reader.verify()
    assert isinstance(verdict, Intact)
    assert verdict.head.sequence == 80


APPEND = """
import sys
from pathlib import Path
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.clock import SystemClock
with AuditLog(Path(sys.argv[1]), clock=SystemClock()) as log:
    for _ in range(int(sys.argv[2])):
        sys.stdout.write(f"{log.append(AuditKind.FAULT, {})}\\n")
        sys.stdout.flush()
"""


def appender(file: Path, events: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPEND, str(file), str(events)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_several_processes_append_at_once_and_none_loses_an_event(file: Path) -> None:
    processes = [appender(file, 30) for _ in range(3)]
    sequences = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert sorted(sequences) == list(range(1, 91))
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)


@pytest.mark.parametrize("lines", [1, 9, 40])
def test_killing_a_process_loses_no_acknowledged_event_and_the_chain_goes_on(
    file: Path, clock: FakeClock, lines: int
) -> None:
    with appender(file, 100_000) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    with AuditLog(file, clock=clock) as log:
        assert log.head().sequence in {len(acknowledged), len(acknowledged) + 1}
        log.append(AuditKind.APPLIANCE_STARTED, {})
    with reading_audit(file) as reader:
        assert isinstance(reader.verify(), Intact)


def test_a_full_quota_refuses_the_event_and_keeps_the_chain(file: Path, clock: FakeClock) -> None:
    with AuditLog(file, clock=clock, max_pages=6) as log:
        with pytest.raises(AuditError, match="no space is left for the audit log; nothing was written"):
            fill(log, 1000)
        length = log.head().sequence
        assert length > 3
    with reading_audit(file) as reader:
        verdict = reader.verify()
    assert isinstance(verdict, Intact)
    assert verdict.head.sequence == length


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(kib=512) as folder:
        yield folder


def test_on_a_full_disk_nothing_is_recorded_and_nothing_recorded_is_lost(disk: Path, clock: FakeClock) -> None:
    with AuditLog(disk / "audit.db", clock=clock) as log:
        with pytest.raises(AuditError, match="no space"):
            fill(log, 10_000)
        length = log.head().sequence
        assert length > 10
        with pytest.raises(AuditError, match="no space"):
            log.append(AuditKind.DECISION_GRANTED, {"person": "p-1", "filler": "x" * 4000})
    with reading_audit(disk / "audit.db") as reader:
        verdict = reader.verify()
    assert isinstance(verdict, Intact)
    assert verdict.head.sequence == length


def test_a_log_locked_by_another_process_refuses_in_one_sentence(log: AuditLog, file: Path) -> None:
    log._database.execute("PRAGMA busy_timeout=1")
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditError, match="another process keeps the audit log locked"):
        log.append(AuditKind.FAULT, {})
    other.close()
    assert log.append(AuditKind.FAULT, {}) == 1


def test_a_reader_does_not_hold_up_a_writer_and_sees_one_moment(log: AuditLog, file: Path) -> None:
    fill(log, 2)
    with reading_audit(file) as reader:
        assert reader.head().sequence == 2
        fill(log, 2)
        assert reader.head().sequence == 2


@pytest.mark.parametrize("content", [b"", b"no database at all " * 100])
def test_a_file_that_is_no_audit_log_is_refused_untouched(file: Path, clock: FakeClock, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(AuditBrokenError, match="audit log"):
        AuditLog(file, clock=clock)
    assert file.read_bytes() == content


def test_a_missing_log_is_not_created_by_reading(file: Path) -> None:
    with pytest.raises(AuditError, match="No such file"), reading_audit(file):
        pass
    assert not file.parent.exists()
