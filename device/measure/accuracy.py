"""Accuracy of the whole path, from photo files to error rates of one-to-one comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.errors import PhotoError
from device.measure.photos import LabelledPhotos, Layout, labelled_face
from device.measure.rates import TARGETS, NonMatedScores, Scores, false_non_match_rate, rank_one_rate
from device.ports import FaceDetector, MeshFitter, TemplateExtractor
from device.types import Image, Mesh

BLOCK_ROWS = 512  # of the comparison matrix at a time: 512 x 10,000 scores are 20 MB

Vectors = NDArray[np.float32]  # (n, dimensions) templates of unit length
Advance = Callable[[int], None]  # told how many photos are done


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The stages from a photo to the mesh of the labelled face."""

    read: Callable[[Path], Image]  # raises PhotoError
    detectors: Sequence[FaceDetector]  # tried in order until one finds a face, as enrolment does
    fitter: MeshFitter
    min_presence: float  # the mesh's belief below which there is no face


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """The templates of all photos in which a face was found, person by person."""

    layout: Layout
    vectors: Mapping[str, Vectors]  # by build of the template network, rows in the same order
    owners: NDArray[np.int64]  # (n,) which identity each row belongs to, ascending
    identities: int  # in the folder
    photos: int  # in the folder
    unreadable: int  # files that are no photos; part of `not_acquired`

    @property
    def not_acquired(self) -> int:
        """Photos without a template."""
        return self.photos - len(self.owners)

    @property
    def failure_rate(self) -> float:
        """FTA, the share of photos without a template, in [0, 1]."""
        return self.not_acquired / self.photos


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Error rates of one build of one template network on one folder."""

    mated: int  # comparisons of the same person
    non_mated: int  # comparisons of different people
    fnmr_at_fmr: Mapping[float, float]  # FMR -> share of mated comparisons that fail there; photos not acquired aside
    threshold_at_fmr: Mapping[float, float]  # FMR -> lowest threshold that keeps it
    false_matches_at_fmr: Mapping[float, int]  # FMR -> how many comparisons that rate rests on
    rank1: float | None  # share of probes whose best reference is the right one; None for Layout.FOLDERS


def acquire(
    photos: LabelledPhotos,
    *,
    acquisition: Acquisition,
    extractors: Mapping[str, TemplateExtractor],
    advance: Advance = lambda _: None,
) -> Acquired:
    """Extract the template of every labelled face with every extractor. Detection and mesh run once per photo.

    A photo that cannot be read or shows no face counts as a failure to acquire; quality gates do not apply.
    """
    rows: dict[str, list[Vectors]] = {name: [] for name in extractors}
    owners: list[int] = []
    unreadable = done = 0
    for owner, identity in enumerate(photos.identities):
        for file in identity.photos:
            try:
                image = acquisition.read(file)
            except PhotoError:
                unreadable += 1
            else:
                mesh = fit_labelled_face(image, acquisition)
                if mesh is not None:
                    owners.append(owner)
                    for name, extractor in extractors.items():
                        rows[name].append(extractor.extract(image, mesh).vector)
            done += 1
            advance(done)
    vectors = {name: np.array(found, dtype=np.float32).reshape(len(owners), -1) for name, found in rows.items()}
    identities = len(photos.identities)
    return Acquired(photos.layout, vectors, np.array(owners, dtype=np.int64), identities, photos.count, unreadable)


def fit_labelled_face(image: Image, acquisition: Acquisition) -> Mesh | None:
    """The mesh of the face that the photo's label means; None when no face is found."""
    height, width = image.shape[:2]
    for detector in acquisition.detectors:
        faces = detector.detect(image)
        if faces:
            mesh = acquisition.fitter.fit(image, labelled_face(faces, width_px=width, height_px=height))
            return mesh if mesh.presence >= acquisition.min_presence else None
    return None


def compare_all(acquired: Acquired, build: str) -> Accuracy:
    """Compare the templates of one build. Raises PhotoError when too few photos were acquired to compare anything."""
    vectors, owners = acquired.vectors[build], acquired.owners
    mated = _mated_scores(vectors, owners)
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    if len(first) < 2 or not mated.size:
        raise PhotoError("faces of two people or more were needed, of one of them more than one")
    match acquired.layout:
        case Layout.FOLDERS:
            total = len(first) * (len(first) - 1) // 2
            blocks = _all_against_all(vectors[first])
        case Layout.PAIRS:
            probes = np.setdiff1d(np.arange(len(owners)), first)
            total = sum(len(first) - 1 for _ in probes)
            blocks = _probes_against_references(vectors, owners, probes=probes, references=first)
    scores = NonMatedScores(keep=int(max(TARGETS) * total) + 2)
    for block in blocks:
        scores.add(block)
    return _rates(mated, scores, _rank_one(acquired, vectors))


def _mated_scores(vectors: Vectors, owners: NDArray[np.int64]) -> Scores:
    """Every pair of photos of the same person."""
    pairs = [np.empty(0, dtype=np.float32)]
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    for rows in np.split(np.arange(len(owners)), starts[1:]):
        upper = np.triu_indices(len(rows), k=1)
        pairs.append((vectors[rows] @ vectors[rows].T)[upper])
    return np.concatenate(pairs)


def _all_against_all(vectors: Vectors) -> Iterator[Scores]:
    """Every pair of rows once, a block of rows at a time."""
    for start in range(0, len(vectors), BLOCK_ROWS):
        scores = vectors[start : start + BLOCK_ROWS] @ vectors[start:].T
        yield scores[np.triu(np.ones(scores.shape, dtype=bool), k=1)]


def _probes_against_references(
    vectors: Vectors, owners: NDArray[np.int64], *, probes: NDArray[np.int64], references: NDArray[np.int64]
) -> Iterator[Scores]:
    """Every probe with the reference of every other person, a block of probes at a time."""
    for start in range(0, len(probes), BLOCK_ROWS):
        block = probes[start : start + BLOCK_ROWS]
        scores = vectors[block] @ vectors[references].T
        yield scores[owners[block][:, None] != owners[references][None, :]]


def _rank_one(acquired: Acquired, vectors: Vectors) -> float | None:
    """For photos in pairs, how often the right reference is the best; over the people with both."""
    if acquired.layout is not Layout.PAIRS:
        return None
    owners = acquired.owners
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    second = first[first + 1 < len(owners)] + 1
    second = second[owners[second] == owners[second - 1]]
    own = np.searchsorted(owners[first], owners[second])
    return rank_one_rate(vectors[second] @ vectors[first].T, own=own)


def _rates(mated: Scores, non_mated: NonMatedScores, rank1: float | None) -> Accuracy:
    targets = non_mated.targets()
    thresholds = {fmr: non_mated.threshold_at(fmr) for fmr in targets}
    return Accuracy(
        mated=int(mated.size),
        non_mated=non_mated.count,
        fnmr_at_fmr={fmr: false_non_match_rate(mated, threshold) for fmr, threshold in thresholds.items()},
        threshold_at_fmr=thresholds,
        false_matches_at_fmr={fmr: non_mated.false_matches_at(threshold) for fmr, threshold in thresholds.items()},
        rank1=rank1,
    )
