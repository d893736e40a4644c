"""What must hold before a person is enrolled from photos: each is good, all show one person, and it is a new one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from device.collection.gallery import Gallery
from device.collection.people import Reference
from device.collection.store import Collection
from device.errors import LookAlikeError, PhotoError, PhotosDisagreeError
from device.types import Image, Match, Mesh, Quality, Template, Threshold
from device.vision.keepsake import make_keepsake
from device.vision.photo import read_photo


class PhotoExtractor(Protocol):
    """Turns a photo into a template, with the gates of the door."""

    def extract(self, image: Image) -> tuple[Template, Quality]:
        """The template of the only face in `image`. Raises NoFaceError, SeveralFacesError or PoorQualityError."""
        ...


class FaceLocator(Protocol):
    """Finds the only face of a photo."""

    def locate(self, image: Image) -> Mesh:
        """The mesh of the only face in `image`. Raises NoFaceError or SeveralFacesError."""
        ...


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo that is good enough to enrol from."""

    file: Path
    reference: Reference


def examine_photos(files: Sequence[Path], *, extractor: PhotoExtractor) -> list[Portrait]:
    """A portrait of each file, one photo in memory at a time.

    Raises PhotoError's leaves at the first photo that cannot be used; the sentence names the file.
    """
    return [_examine(file, extractor) for file in files]


def _examine(file: Path, extractor: PhotoExtractor) -> Portrait:
    image = read_photo(file)
    try:
        template, quality = extractor.extract(image)
    except PhotoError as error:
        raise type(error)(f"{file}: {error}") from error
    return Portrait(file, Reference(template, quality))


def keepsakes(portraits: Sequence[Portrait], *, extractor: FaceLocator) -> list[bytes]:
    """What is kept of the portraits' photos, for another network one day. Raises as `examine_photos` does."""
    kept = []
    for portrait in portraits:
        image = read_photo(portrait.file)
        kept.append(make_keepsake(image, extractor.locate(image)))
    return kept


def refuse_disagreement(portraits: Sequence[Portrait], *, threshold: Threshold) -> None:
    """Raises PhotosDisagreeError when two portraits do not match each other: one of them shows somebody else.

    `threshold` is that of a single comparison: whoever enrols vouches that the photos belong together.
    """
    for one, other in itertools.combinations(portraits, 2):
        score = float(one.reference.template.vector @ other.reference.template.vector)
        if not score >= threshold.score:  # written so that NaN disagrees
            raise PhotosDisagreeError(
                f"{one.file} and {other.file} do not seem to show the same person: "
                f"they score {score:.2f}, and a match needs {threshold.score:.2f}"
            )


def refuse_look_alike(portraits: Sequence[Portrait], *, gallery: Gallery, collection: Collection) -> None:
    """Raises LookAlikeError when the door would take a portrait for somebody who is enrolled already."""
    for portrait in portraits:
        outcome = gallery.search(portrait.reference.template)
        if isinstance(outcome, Match):
            name = collection.find(outcome.person).name
            raise LookAlikeError(
                f"{portrait.file} looks like {name}, who is already enrolled: they score {outcome.score:.2f}, and a "
                f"match needs {outcome.threshold.score:.2f}; add --allow-duplicate if these are two people"
            )
