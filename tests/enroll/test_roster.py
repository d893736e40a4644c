from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.errors import RosterError
from enroll.roster import Entry, Unreadable, read_roster


def roster(folder: Path, text: str | bytes, *, name: str = "people.csv") -> list[Entry | Unreadable]:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_roster(file))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_csv_roster_is_read_whatever_its_delimiter_and_mark(tmp_path: Path, delimiter: str, mark: bytes) -> None:
    text = "name,external_id,groups,photos\nÉmilie,17,staff|night,a.jpg|b.jpg\n".replace(",", delimiter)
    (entry,) = roster(tmp_path, mark + text.encode())
    assert isinstance(entry, Entry)
    assert (entry.name, entry.external_id, entry.groups) == ("Émilie", "17", ("night", "staff"))
    assert entry.photos == ("a.jpg", "b.jpg")


def test_a_json_lines_roster_says_the_same(tmp_path: Path) -> None:
    line = '{"name": "Ada", "photos": ["a.jpg"], "valid_until": "2027-01-01T00:00:00+01:00"}'
    (entry,) = roster(tmp_path, line, name="people.jsonl")
    assert isinstance(entry, Entry)
    assert entry.valid_until is not None


def test_unknown_columns_are_refused_and_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="unknown columns: colour; known are name, external_id"):
        roster(tmp_path, "name,colour,photos\nAda,red,a.jpg\n")


def test_a_roster_that_is_not_utf_8_is_told_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="not UTF-8"):
        roster(tmp_path, "name,photos\nÉmilie,a.jpg\n".encode("latin-1"))


@pytest.mark.parametrize("photo", ["/etc/passwd", "../a.jpg", "a/../../b.jpg", "..\\a.jpg", "C:\\a.jpg"])
def test_a_photo_outside_the_folder_of_the_roster_is_refused(tmp_path: Path, photo: str) -> None:
    (row,) = roster(tmp_path, f"name,photos\nAda,{photo}\n")
    assert isinstance(row, Unreadable)
    assert "leads out" in row.sentence


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="65536 characters"):
        roster(tmp_path, "name,photos\n" + "a" * 1_000_000)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), st.sampled_from(["csv", "jsonl"]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_roster_holds_it_is_read_or_refused(tmp_path: Path, content: bytes, kind: str) -> None:
    for start in (b"", b"name,photos\n", b'{"name": "Ada", "photos": '):
        try:
            rows = roster(tmp_path, start + content, name=f"people.{kind}")
        except RosterError:
            continue
        assert all(isinstance(row, Entry | Unreadable) for row in rows)
