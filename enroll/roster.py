"""Rosters: who is to be enrolled, as CSV or JSON Lines, read one row at a time."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from device.collection.people import clean_external_id, clean_groups, clean_name
from device.errors import RosterError

COLUMNS = ("name", "external_id", "groups", "valid_from", "valid_until", "photos", "consent")
LINE_AT_MOST = 65_536  # characters; no row of a roster needs more
PHOTOS_AT_MOST = 20
DRIVE = re.compile(r"[A-Za-z]:")
SEVERAL = "|"  # between groups and between photos of one CSV cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One person as a source describes them."""

    place: str  # "line 3", or the folder
    name: str
    photos: tuple[str, ...]  # inside the source, never outside
    external_id: str | None = None
    groups: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    consent: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that describes nobody who could be enrolled."""

    place: str
    sentence: str


def read_roster(file: Path) -> Iterator[Entry | Unreadable]:
    """The people in a roster, UTF-8 with or without BOM. Raises RosterError for one that is none at all."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = iter(lambda: stream.readline(LINE_AT_MOST + 1), "")
            rows = _json_rows(lines) if file.suffix.lower() in {".jsonl", ".ndjson"} else _csv_rows(lines)
            for number, row in rows:
                yield _entry(f"line {number}", row)
    except OSError as error:
        raise RosterError(f"{file}: the roster cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RosterError(f"{file}: the roster is not UTF-8; save it as CSV UTF-8") from error
    except (csv.Error, json.JSONDecodeError, RecursionError) as error:
        raise RosterError(f"{file}: not a roster: {error}") from error


def _short(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if len(line) > LINE_AT_MOST:
            raise RosterError(f"a line of a roster may have {LINE_AT_MOST} characters")
        yield line


def _csv_rows(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, object]]]:
    short = _short(lines)
    header = next(short, "")
    delimiter = max(",;\t", key=header.count)
    columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter, strict=True), [])]
    _refuse_unknown(columns)
    if "name" not in columns or "photos" not in columns or len(set(columns)) != len(columns):
        raise RosterError("a roster needs the columns name and photos, and each column once")
    for number, line in enumerate(short, start=2):  # one row a line: names and files need no line breaks
        if line.strip():
            cells = next(csv.reader([line], delimiter=delimiter, strict=True))
            yield number, {**dict(zip(columns, cells, strict=False)), "": len(cells) - len(columns)}


def _json_rows(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(_short(lines), start=1):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise RosterError(f"line {number} is no object")
            _refuse_unknown(list(row))
            yield number, row


def _refuse_unknown(columns: list[str]) -> None:
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise RosterError(f"unknown columns: {', '.join(unknown)[:200]}; known are {', '.join(COLUMNS)}")


def _entry(place: str, row: dict[str, object]) -> Entry | Unreadable:
    if row.pop("", 0):
        return Unreadable(place, "the row has not as many cells as there are columns")
    try:
        photos = tuple(inside(path) for path in _several(row.get("photos")))
        external_id = _text(row.get("external_id"))
        entry = Entry(
            place=place,
            name=clean_name(_text(row.get("name")) or ""),
            photos=photos,
            external_id=None if external_id is None else clean_external_id(external_id),
            groups=clean_groups(_several(row.get("groups"))),
            valid_from=_moment(row.get("valid_from")),
            valid_until=_moment(row.get("valid_until")),
            consent=_text(row.get("consent")),
        )
    except ValueError as error:
        return Unreadable(place, str(error))
    if not 1 <= len(photos) <= PHOTOS_AT_MOST:
        return Unreadable(place, f"a person needs 1 to {PHOTOS_AT_MOST} photos")
    return entry


def inside(path: str) -> str:
    """A path inside the source, with slashes. Raises ValueError for one that leads out of it."""
    pure = PurePosixPath(path.strip().replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or "\0" in path or DRIVE.match(str(pure)):
        raise ValueError(f"{path[:100]!r} leads out of the folder of the roster")
    return str(pure)


def _text(value: object) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise ValueError(f"text is expected, not {str(value)[:50]}")  # noqa: TRY004 (one kind for every bad cell)
    return value.strip()


def _several(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for one in value if (text := _text(one))]
    return [part for part in (_text(value) or "").split(SEVERAL) if part.strip()]


def _moment(value: object) -> datetime | None:
    text = _text(value)
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError(f"{text} needs a time and its zone, such as 2027-01-01T00:00:00+01:00")
    return moment
