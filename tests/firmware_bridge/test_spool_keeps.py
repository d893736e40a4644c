"""The event spool: nothing is lost, whatever happens to the process or the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import SpoolError
from firmware_bridge.protocol import DoorEvent
from firmware_bridge.spool import Spool
from firmware_bridge.types import EventKind


def event(sequence: int, detail: str = "") -> DoorEvent:
    return DoorEvent(sequence=sequence, kind=EventKind.REX, at=1.5, utc="2026-01-05T09:00:00.000+00:00", detail=detail)


def spool(folder: Path, max_events: int = 10_000, segment_bytes: int = 256 * 1024) -> Spool:
    return Spool(folder, max_events=max_events, segment_bytes=segment_bytes)


def numbers(kept: Spool, after: int = 0, limit: int = 100_000) -> list[int]:
    return [event.sequence for event in kept.events(after=after, limit=limit)]


def fill(kept: Spool, count: int) -> None:
    for _ in range(count):
        kept.append(event(kept.last_sequence + 1, "x" * 40))


def test_events_come_back_after_a_restart_exactly_as_they_were(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.append(event(1, 'anything "quoted"\nand 	broken ü'))
    kept.close()
    again = spool(tmp_path)
    assert again.events(after=0, limit=9) == (event(1, 'anything "quoted"\nand 	broken ü'),)
    again.close()


def test_what_is_acknowledged_is_forgotten_for_good_and_numbers_go_on(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    fill(kept, 5)
    kept.acknowledge(3)
    kept.acknowledge(3)
    kept.acknowledge(1)
    assert numbers(kept) == [4, 5]
    kept.acknowledge(99)
    kept.close()
    again = spool(tmp_path)
    assert (numbers(again), again.last_sequence) == ([], 5)
    again.close()


def test_a_number_is_never_used_twice_even_after_many_restarts_without_events(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    fill(kept, 7)
    kept.acknowledge(7)
    for _ in range(5):
        kept.close()
        kept = spool(tmp_path)
    assert kept.last_sequence == 7
    assert len(list(tmp_path.glob("events-*"))) == 1, "and old files go"
    kept.close()


def test_segments_are_begun_and_deleted_as_events_come_and_go(tmp_path: Path) -> None:
    kept = spool(tmp_path, segment_bytes=2000)
    fill(kept, 100)
    assert len(list(tmp_path.glob("events-*"))) > 5
    kept.acknowledge(90)
    assert len(list(tmp_path.glob("events-*"))) < 5
    kept.close()
    again = spool(tmp_path, segment_bytes=2000)
    assert numbers(again) == list(range(91, 101))
    again.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 6), st.integers(0, 40).map(lambda n: -n - 1), st.none()), max_size=14))
def test_any_history_of_events_acknowledgements_and_restarts_keeps_exactly_the_rest(
    tmp_path_factory: pytest.TempPathFactory, history: list[int | None]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    kept, last, forgotten = spool(folder, segment_bytes=900), 0, 0
    for step in history:
        if step is None:
            kept.close()
            kept = spool(folder, segment_bytes=900)
        elif step > 0:
            fill(kept, step)
            last += step
        else:
            kept.acknowledge(-step - 1)
            forgotten = max(forgotten, min(-step - 1, last))
        assert numbers(kept) == list(range(forgotten + 1, last + 1))
        assert kept.last_sequence == last
    kept.close()


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_torn_last_line_costs_that_line_and_nothing_else(tmp_path: Path, cut: int) -> None:
    kept = spool(tmp_path)
    fill(kept, 3)
    kept.close()
    file = next(tmp_path.glob("events-*"))
    file.write_bytes(file.read_bytes()[:-cut])
    again = spool(tmp_path)
    assert numbers(again) == [1, 2]
    assert again.damaged_lines == 1
    fill(again, 1)
    again.close()
    once_more = spool(tmp_path)
    assert numbers(once_more) == [1, 2, 3]
    once_more.close()


def test_a_torn_first_line_does_not_spoil_the_file_that_is_used_again(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    fill(kept, 1)
    kept.close()
    file = next(tmp_path.glob("events-*"))
    file.write_bytes(file.read_bytes()[:-5])
    again = spool(tmp_path)
    fill(again, 2)
    again.close()
    assert [one.name for one in tmp_path.glob("events-*")] == [file.name]
    once_more = spool(tmp_path)
    assert numbers(once_more) == [1, 2]
    once_more.close()


def test_rot_in_the_middle_costs_one_line(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    fill(kept, 9)
    kept.close()
    file = next(tmp_path.glob("events-*"))
    spoiled = bytearray(file.read_bytes())
    spoiled[len(spoiled) // 2] ^= 0x10
    file.write_bytes(spoiled)
    again = spool(tmp_path)
    assert len(numbers(again)) == 8
    assert again.last_sequence == 9
    again.close()


def test_a_full_disk_is_a_fault_and_events_wait_until_there_is_room(tmp_path: Path) -> None:
    program = f"""
import resource, signal
from pathlib import Path
from firmware_bridge.protocol import DoorEvent
from firmware_bridge.spool import Spool
from firmware_bridge.types import EventKind
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(tmp_path)!r}), max_events=1000)
def add(n):
    for _ in range(n):
        spool.append(DoorEvent(sequence=spool.last_sequence + 1, kind=EventKind.REX, at=0.0, utc="", detail="x" * 40))
add(3)
assert spool.fault is None
size = max(file.stat().st_size for file in Path({str(tmp_path)!r}).iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))  # in the middle of the next line
add(5)
assert spool.fault is not None, "the disk is full"
assert len(spool.events(after=0, limit=99)) == 8, "and nothing is lost"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
add(1)
assert spool.fault is None
spool.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again = spool(tmp_path)
    assert numbers(again) == list(range(1, 10))
    assert again.damaged_lines == 0, "a line that did not fit was taken back"
    again.close()


def test_a_spool_that_nobody_empties_drops_its_oldest_and_stays_small(tmp_path: Path) -> None:
    kept = spool(tmp_path, max_events=100)
    fill(kept, 100)
    assert kept.is_full()
    assert kept.drop_oldest() == 10
    assert numbers(kept)[0] == 11
    kept.close()


def test_reading_goes_in_pages(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    fill(kept, 10)
    assert numbers(kept, after=3, limit=4) == [4, 5, 6, 7]
    assert numbers(kept, after=10) == []
    kept.close()


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="spool"):
        spool(tmp_path / "file")


def test_the_spool_is_private(tmp_path: Path) -> None:
    kept = spool(tmp_path / "deep" / "folder")
    kept.close()
    modes = [path.stat().st_mode & 0o077 for path in (tmp_path / "deep" / "folder").rglob("*")]
    assert set(modes) == {0}
