# ruff: noqa: S608 (statements of the test itself)

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from device.audit.archive import archive_events, archive_if_large, retire_archives
from device.audit.chain import Broken, ChainVerdict, Head, Intact, digest
from device.audit.evidence import verify_export, verify_log
from device.audit.export import archives, export_audit, export_audit_csv
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, head_file, reading_audit
from device.audit.sign import DeviceKey, PublicKey, Statement, StatementKind, read_public_key
from device.clock import FakeClock
from device.errors import AuditBrokenError, AuditError

EVENTS = 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def fill(file: Path, clock: FakeClock, events: int = EVENTS) -> PublicKey:
    with AuditLog(file, clock=clock) as log:
        for number in range(events):
            clock.advance(60)
            log.append(AuditKind.DECISION_DENIED, {"reason": "not_enrolled", "number": number, "name": "ü"})
    return read_public_key(file.with_name("device.pub"))


def tamper(file: Path, *statements: str) -> None:
    raw = sqlite3.connect(file)
    for trigger in ("event_never_update", "event_never_delete"):
        raw.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    for statement in statements:
        raw.execute(statement)
    raw.commit()
    raw.close()


def verdict_of(check: Callable[[], ChainVerdict]) -> ChainVerdict:
    try:
        return check()
    except AuditBrokenError as error:
        return Broken(0, str(error))


def test_a_log_as_the_device_wrote_it_holds_live_and_exported(file: Path, clock: FakeClock, tmp_path: Path) -> None:
    public = fill(file, clock)
    assert isinstance(verify_log(file, public=public), Intact)
    assert export_audit(file, to=tmp_path / "out.jsonl") == EVENTS
    verdict = verify_export(tmp_path / "out.jsonl", public=public)
    assert isinstance(verdict, Intact)
    assert verdict.head.sequence == EVENTS


def test_another_devices_key_verifies_nothing(file: Path, clock: FakeClock, tmp_path: Path) -> None:
    fill(file, clock)
    export_audit(file, to=tmp_path / "out.jsonl")
    stranger = DeviceKey(b"s" * 32).public
    assert isinstance(verify_log(file, public=stranger), Broken)
    assert isinstance(verify_export(tmp_path / "out.jsonl", public=stranger), Broken)


def rewrite(file: Path, *, first: int) -> None:
    """Change a row and hash everything after it anew, as somebody without the device's key can."""
    raw = sqlite3.connect(file)
    raw.execute("DROP TRIGGER event_never_update")
    previous = raw.execute("SELECT previous FROM event WHERE seq = ?", (first,)).fetchone()[0]
    for seq, at, kind, facts in raw.execute(
        "SELECT seq, at, kind, facts FROM event WHERE seq >= ?", (first,)
    ).fetchall():
        changed = facts.replace("not_enrolled", "ambiguous")
        new = digest(previous, seq, at, kind, changed)
        raw.execute("UPDATE event SET facts = ?, previous = ?, hash = ? WHERE seq = ?", (changed, previous, new, seq))
        previous = new
    raw.commit()
    raw.close()


@pytest.mark.parametrize("first", [1, 17, EVENTS])
def test_a_log_written_anew_is_found_at_the_first_row_that_changed(file: Path, clock: FakeClock, first: int) -> None:
    public = fill(file, clock)
    rewrite(file, first=first)
    assert verify_log(file, public=public) == Broken(first, "this device did not sign it")


def test_a_cut_tail_is_found_and_recorded_when_the_door_goes_on(file: Path, clock: FakeClock) -> None:
    public = fill(file, clock)
    tamper(file, f"DELETE FROM event WHERE seq > {EVENTS - 3}")
    verdict = verify_log(file, public=public)
    assert isinstance(verdict, Broken)
    assert (verdict.sequence, f"row {EVENTS} was there" in verdict.why) == (EVENTS - 2, True)
    fill(file, clock, 10)
    with reading_audit(file) as reader:
        assert [event.kind for event in reader.events()][EVENTS - 3] == AuditKind.AUDIT_TAIL_LOST
    verdict = verify_log(file, public=public)
    assert isinstance(verdict, Broken)
    assert verdict.sequence == EVENTS - 2


def test_a_log_that_was_rolled_back_is_found(file: Path, clock: FakeClock) -> None:
    fill(file, clock, 5)
    earlier = file.read_bytes()
    public = fill(file, clock, 5)
    file.write_bytes(earlier)
    verdict = verify_log(file, public=public)
    assert isinstance(verdict, Broken)
    assert "rolled back" in verdict.why


def test_a_deleted_log_is_found_when_it_starts_anew(file: Path, clock: FakeClock) -> None:
    public = fill(file, clock, 5)
    file.unlink()
    fill(file, clock, 2)
    verdict = verify_log(file, public=public)
    assert verdict == Broken(1, "rows after 0 were lost: row 5 had been there")


def test_after_a_power_cut_the_end_kept_apart_may_be_behind_or_torn(file: Path, clock: FakeClock) -> None:
    fill(file, clock, 5)
    behind = head_file(file).read_bytes()
    public = fill(file, clock, 5)
    head_file(file).write_bytes(behind)
    assert isinstance(verify_log(file, public=public), Intact)
    head_file(file).write_bytes(b"{" + behind[1:100] + bytes(3996) + behind[4096:])
    assert isinstance(verify_log(file, public=public), Intact)
    fill(file, clock, 1)
    assert isinstance(verify_log(file, public=public), Intact)


def test_without_the_end_kept_apart_the_log_is_not_believed_and_the_loss_is_recorded(
    file: Path, clock: FakeClock
) -> None:
    public = fill(file, clock, 5)
    head_file(file).unlink()
    assert isinstance(verify_log(file, public=public), Broken)
    fill(file, clock, 1)
    with reading_audit(file) as reader:
        assert [event.kind for event in reader.last(2)] == [AuditKind.FAULT, AuditKind.DECISION_DENIED]


def test_the_key_of_a_signed_log_is_never_made_anew(file: Path, clock: FakeClock) -> None:
    fill(file, clock, 1)
    file.with_name("device.key").unlink()
    with pytest.raises(AuditError, match=r"device\.key, which signs this audit log, is missing"):
        AuditLog(file, clock=clock)


def test_stripping_all_signatures_does_not_make_a_log_of_an_earlier_version(file: Path, clock: FakeClock) -> None:
    public = fill(file, clock)
    tamper(file, "UPDATE event SET signature = NULL")
    assert isinstance(verify_log(file, public=public), Broken)
    tamper(file, "UPDATE event SET signature = NULL WHERE seq = 7")
    assert isinstance(verify_log(file, public=public), Broken)


def test_a_log_of_the_version_before_goes_on_signed(file: Path, clock: FakeClock) -> None:
    fill(file, clock, 3)
    tamper(file, "UPDATE event SET signature = NULL")
    for name in ("device.key", "device.pub", "audit.db.head"):
        file.with_name(name).unlink()
    public = fill(file, clock, 2)
    assert isinstance(verify_log(file, public=public), Intact)
    with reading_audit(file) as reader:
        assert [event.kind for event in reader.events()][3] == AuditKind.AUDIT_SIGNED


def test_one_statement_never_passes_for_another() -> None:
    key = DeviceKey(b"k" * 32)
    row = key.sign(StatementKind.ROW, Head(3, "a" * 64), at="now")
    assert key.public.has_signed(row)
    assert Statement.from_object(row.as_object()) == row
    for kind in (StatementKind.HEAD, StatementKind.END):
        assert not key.public.has_signed(Statement(kind, row.head, row.at, row.signature))
    assert not key.public.has_signed(Statement(row.kind, Head(4, "a" * 64), row.at, row.signature))
    assert "k" * 8 not in repr(key)


def test_the_chain_goes_through_archives_and_their_deletion_is_on_record(
    file: Path, clock: FakeClock, tmp_path: Path
) -> None:
    public = fill(file, clock, 100)
    with AuditLog(file, clock=clock) as log:
        assert archive_events(log, keep=30, at_most=50) == 50
        assert archive_events(log, keep=30) == 21
        assert archive_events(log, keep=50) == 0
        assert len(archives(file)) == 2
        assert isinstance(verify_log(file, public=public), Intact)
        assert export_audit(file, to=tmp_path / "all.jsonl") == 102
        assert isinstance(verify_export(tmp_path / "all.jsonl", public=public), Intact)
        for one in archives(file):
            assert isinstance(verify_export(one, public=public), (Intact, Broken))
        assert retire_archives(log, before=clock.now() - timedelta(minutes=49)) == 1
        assert isinstance(verify_log(file, public=public), Intact)
        export_audit(file, to=tmp_path / "rest.jsonl")
        assert isinstance(verify_export(tmp_path / "rest.jsonl", public=public), Intact)
        archives(file)[0].unlink()
    verdict = verify_log(file, public=public)
    assert isinstance(verdict, Broken)
    assert "nothing says that they were retired" in verdict.why


def test_a_log_grows_to_its_limit_and_not_beyond(file: Path, clock: FakeClock) -> None:
    public = fill(file, clock, 1)
    with AuditLog(file, clock=clock) as log:
        assert archive_if_large(log, max_bytes=10_000_000) == 0
        for number in range(1500):
            log.append(AuditKind.FAULT, {"number": number})
        used = log.used_bytes()
        assert archive_if_large(log, max_bytes=100_000) == 501
        assert log.used_bytes() < used
    assert isinstance(verify_log(file, public=public), Intact)


def test_a_killed_archiving_leaves_events_twice_and_the_log_whole(file: Path, clock: FakeClock, tmp_path: Path) -> None:
    public = fill(file, clock, 50)
    shutil.copytree(file.parent, tmp_path / "before")
    with AuditLog(file, clock=clock) as log:
        archive_events(log, keep=10)
    shutil.copytree(file.with_name("audit-archive"), tmp_path / "before" / "audit-archive")
    assert isinstance(verify_log(tmp_path / "before" / "audit.db", public=public), Intact)
    with AuditLog(tmp_path / "before" / "audit.db", clock=clock) as log:
        archive_events(log, keep=5)
    assert isinstance(verify_log(tmp_path / "before" / "audit.db", public=public), Intact)


def test_csv_has_a_heading_and_executes_nothing(file: Path, clock: FakeClock, tmp_path: Path) -> None:
    fill(file, clock, 3)
    tamper(file, "UPDATE event SET kind = '=cmd()' WHERE seq = 2")
    assert export_audit_csv(file, to=tmp_path / "out.csv") == 3
    heading, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert heading == "seq,at,kind,facts,previous,hash,signature"
    assert len(lines) == 3
    assert "'=cmd()" in lines[1]


def edit_export(lines: list[bytes], source: random.Random) -> list[bytes]:
    """One random edit of an exported log."""
    place = source.randrange(len(lines))
    match source.randrange(6):
        case 0:  # a bit
            line = bytearray(lines[place])
            line[source.randrange(len(line))] ^= 1 << source.randrange(8)
            return [*lines[:place], bytes(line), *lines[place + 1 :]]
        case 1:  # a row gone
            return lines[:place] + lines[place + 1 :]
        case 2:  # two rows exchanged
            other = source.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
            return lines
        case 3:  # cut off
            return lines[:place]
        case 4:  # a row twice
            return [*lines[:place], lines[place], *lines[place:]]
        case _:  # another content
            value = json.loads(lines[place])
            part = value.get("end", value)
            part["at"] = f"2027-{part['at'][5:]}"
            return [*lines[:place], json.dumps(value, separators=(",", ":")).encode() + b"\n", *lines[place + 1 :]]


def test_every_random_edit_of_an_exported_log_is_found(file: Path, clock: FakeClock, tmp_path: Path) -> None:
    public, source, edits = fill(file, clock), random.Random(7), 0
    export_audit(file, to=tmp_path / "out.jsonl")
    whole = (tmp_path / "out.jsonl").read_bytes()
    while edits < 200:
        edited = b"".join(edit_export(whole.splitlines(keepends=True), source))
        if edited == whole:
            continue
        edits += 1
        (tmp_path / "edited.jsonl").write_bytes(edited)
        verdict = verdict_of(lambda: verify_export(tmp_path / "edited.jsonl", public=public))
        assert isinstance(verdict, Broken), edits


def edit_live(source: random.Random) -> list[str]:
    row, other = source.sample(range(1, EVENTS + 1), 2)
    column = source.choice(["at", "kind", "facts", "previous", "hash", "signature"])
    match source.randrange(6):
        case 0:
            middle = source.randrange(1, 18)
            letter = f"iif(substr({column}, {middle}, 1) IN ('Z', x'5A'), 'Y', 'Z')"  # never the one that is there
            changed = f"substr({column}, 1, {middle - 1}) || {letter} || substr({column}, {middle + 1})"
            kind = "BLOB" if column == "signature" else "TEXT"
            return [f"UPDATE event SET {column} = CAST({changed} AS {kind}) WHERE seq = {row}"]
        case 1:
            return [f"DELETE FROM event WHERE seq = {row}"]
        case 2:
            return [
                f"UPDATE event SET seq = -1 WHERE seq = {row}",
                f"UPDATE event SET seq = {row} WHERE seq = {other}",
                f"UPDATE event SET seq = {other} WHERE seq = -1",
            ]
        case 3:
            return [f"DELETE FROM event WHERE seq >= {row}"]
        case 4:
            kind = "BLOB" if column == "signature" else "TEXT"
            longer = f"(SELECT CAST({column} || 'x' AS {kind}) FROM event WHERE seq = {other})"
            return [f"UPDATE event SET {column} = {longer} WHERE seq = {row}"]
        case _:
            return [f"DELETE FROM event WHERE seq <= {row}", f"UPDATE event SET seq = seq - {row}"]


def test_every_random_edit_of_the_live_log_is_found(file: Path, clock: FakeClock) -> None:
    fill(file, clock, EVENTS - 5)
    earlier = file.read_bytes()
    public, source = fill(file, clock, 5), random.Random(9)
    whole = file.read_bytes()
    for edit in range(200):
        file.write_bytes(earlier if edit % 20 == 19 else whole)  # rolled back, or edited
        if edit % 20 != 19:
            tamper(file, *edit_live(source))
        assert isinstance(verdict_of(lambda: verify_log(file, public=public)), Broken), edit
    file.write_bytes(whole)
    assert isinstance(verify_log(file, public=public), Intact)
