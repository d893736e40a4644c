"""Folders of labelled photos, and which face in a photo the label means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from device.errors import PhotoError
from device.types import Face

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"})


class Layout(StrEnum):
    """How the photos of a person are told from another's, and which comparisons follow from it."""

    FOLDERS = "folders"  # FOLDER/IDENTITY/PHOTO; non-mated: the first photos of all identities, all against all
    PAIRS = "pairs"  # FOLDER/IDENTITY_xxx.jpg; the first photo is a reference, the others probes, all against all


@dataclass(frozen=True, slots=True)
class Identity:
    """One person's photos, in the order of their names."""

    name: str
    photos: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """A folder of photos of known people."""

    layout: Layout
    identities: tuple[Identity, ...]

    @property
    def count(self) -> int:
        """How many photos there are."""
        return sum(len(identity.photos) for identity in self.identities)


def find_photos(folder: Path) -> LabelledPhotos:
    """The identities in `folder`, by name. Raises PhotoError when there are fewer than two, or no person twice.

    Where `folder` itself holds photos, what comes before the last "_" of a name is the identity; otherwise every
    subfolder is one.
    """
    flat = _pictures(folder)
    if flat:
        found = Layout.PAIRS, _by_prefix(flat)
    else:
        inside = ((entry.name, _pictures(entry)) for entry in sorted(folder.iterdir()) if entry.is_dir())
        found = Layout.FOLDERS, [Identity(name, photos) for name, photos in inside if photos]
    layout, identities = found
    if len(identities) < 2 or all(len(identity.photos) < 2 for identity in identities):
        raise PhotoError(f"{folder}: photos of two people or more are needed, of one of them more than one")
    return LabelledPhotos(layout, tuple(identities))


def _pictures(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()))


def _by_prefix(files: Sequence[Path]) -> list[Identity]:
    grouped: dict[str, list[Path]] = {}
    for file in files:
        prefix, _, _ = file.stem.rpartition("_")
        grouped.setdefault(prefix or file.stem, []).append(file)
    return [Identity(name, tuple(photos)) for name, photos in sorted(grouped.items())]


def labelled_face(faces: Sequence[Face], *, width_px: int, height_px: int) -> Face:
    """The face that the label of a photo of that size means, when there are several.

    Raises ValueError when there is none.
    """
    if not faces:
        raise ValueError("there is no face")

    def off_centre(face: Face) -> float:
        x, y = face.box.centre
        return math.hypot(x - width_px / 2, y - height_px / 2)

    return min(faces, key=off_centre)
