"""Where an import comes from: a roster beside its photos, or a folder of photos named for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from device.collection.people import clean_name
from device.errors import ImportSourceError, PhotoUnreadableError
from device.vision.photo import read_photo_file
from enroll.roster import PHOTOS_AT_MOST, Entry, Unreadable, read_roster

ROSTERS = frozenset({".csv", ".jsonl", ".ndjson"})
PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp", ".gif"})


@dataclass(frozen=True, slots=True)
class Source:
    """A folder and, where it has one, its roster."""

    folder: Path
    roster: Path | None

    def entries(self) -> Iterator[Entry | Unreadable]:
        """Everyone in the source, one at a time. Raises RosterError."""
        return _layout(self.folder) if self.roster is None else read_roster(self.roster)

    def read(self, photo: str) -> bytes:
        """The bytes of a photo. Raises PhotoError's leaves, for one outside the folder, too."""
        path = self.folder / photo
        try:
            is_inside = path.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError, ValueError) as error:
            raise PhotoUnreadableError(f"{photo:.200}: the photo cannot be read") from error
        if not is_inside:
            raise PhotoUnreadableError(f"{photo}: a link leads out of the folder")
        return read_photo_file(path)


def open_source(path: Path) -> Source:
    """What `path` holds. Raises ImportSourceError for anything that is no folder and no roster."""
    if path.is_file() and path.suffix.lower() in ROSTERS:
        return Source(path.parent, path)
    if not path.is_dir():
        raise ImportSourceError(f"{path}: an import is a folder, or a roster that ends in .csv or .jsonl")
    rosters = sorted(one for one in path.iterdir() if one.suffix.lower() in ROSTERS)
    if len(rosters) > 1:
        raise ImportSourceError(f"{path}: several rosters; name the one that is meant")
    return Source(path, rosters[0] if rosters else None)


def _layout(folder: Path) -> Iterator[Entry | Unreadable]:
    """NAME/photo.jpg and ID_name.jpg; links are not followed."""
    for one in sorted(folder.iterdir()):
        if one.name.startswith(".") or one.is_symlink():
            continue
        if one.is_dir():
            photos = sorted(file for file in one.iterdir() if file.suffix.lower() in PHOTOS)
            yield _named(one.name, one.name, None, tuple(f"{one.name}/{file.name}" for file in photos))
        elif one.suffix.lower() in PHOTOS:
            external_id, _, name = one.stem.partition("_")
            yield _named(one.name, (name or external_id).replace("_", " "), external_id if name else None, (one.name,))


def _named(place: str, name: str, external_id: str | None, photos: tuple[str, ...]) -> Entry | Unreadable:
    try:
        cleaned = clean_name(name)
    except ValueError as error:
        return Unreadable(place, str(error))
    if not 1 <= len(photos) <= PHOTOS_AT_MOST:
        return Unreadable(place, f"a person needs 1 to {PHOTOS_AT_MOST} photos")
    return Entry(place=place, name=cleaned, photos=photos, external_id=external_id)
