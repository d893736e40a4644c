"""From folders of photos to error rates, with stages whose answers are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device.errors import PhotoError, PhotoUnreadableError
from device.measure.accuracy import Acquired, Acquisition, acquire, compare_all
from device.measure.photos import Identity, Layout, find_photos, labelled_face
from device.types import Box, Face, Image, Mesh, ModelId, Template


def touch(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_every_subfolder_with_photos_is_a_person(tmp_path: Path) -> None:
    touch(tmp_path, "bert/2.jpg", "bert/1.PNG", "anna/x.jpeg", "anna/notes.txt", "empty/readme.md")
    found = find_photos(tmp_path)
    assert found.layout is Layout.FOLDERS
    assert found.identities == (
        Identity("anna", (tmp_path / "anna/x.jpeg",)),
        Identity("bert", (tmp_path / "bert/1.PNG", tmp_path / "bert/2.jpg")),
    )
    assert found.count == 3


def test_in_a_flat_folder_what_is_before_the_last_underscore_is_the_person(tmp_path: Path) -> None:
    touch(tmp_path, "a_1_badge.jpg", "a_1_later.jpg", "b_badge.jpg", "c.jpg")
    found = find_photos(tmp_path)
    assert found.layout is Layout.PAIRS
    assert [(identity.name, len(identity.photos)) for identity in found.identities] == [("a_1", 2), ("b", 1), ("c", 1)]


@pytest.mark.parametrize("names", [(), ("a_1.jpg", "a_2.jpg"), ("a_1.jpg", "b_1.jpg"), ("a/1.jpg", "b/1.jpg")])
def test_a_folder_that_allows_no_comparison_is_refused_in_one_sentence(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(tmp_path, *names)
    with pytest.raises(PhotoError, match="two people or more"):
        find_photos(tmp_path)


def face_at(x: float, y: float, size: float = 20.0) -> Face:
    return Face(Box(x - size / 2, y - size / 2, size, size), np.zeros((6, 2), np.float32), 0.9)


def test_the_label_means_the_face_nearest_to_the_centre_however_large_others_are() -> None:
    central, aside = face_at(52, 48), face_at(20, 80, size=60)
    assert labelled_face([aside, central], width_px=100, height_px=100) is central


def test_no_face_has_no_label() -> None:
    with pytest.raises(ValueError, match="no face"):
        labelled_face([], width_px=100, height_px=100)


class Marks:
    """Finds a face at every bright mark; what a photo's name says comes back as its template."""

    def detect(self, image: Image) -> list[Face]:
        places = np.argwhere(image[..., 0] == 255)
        return [face_at(float(x), float(y)) for y, x in places]

    def fit(self, image: Image, eyes_and_box: Face | Mesh) -> Mesh:
        assert isinstance(eyes_and_box, Face)
        x, y = eyes_and_box.box.centre
        presence = float(image[round(y), round(x), 1]) / 255
        return Mesh(np.full((468, 3), (x, y, 0.0), np.float32), presence)


class Angles:
    """A template is the direction that the mark's red level says, in degrees."""

    model_id = ModelId("angles")

    def __init__(self, turn_deg: float = 0.0) -> None:
        self._turn_deg = turn_deg

    def extract(self, image: Image, mesh: Mesh) -> Template:
        x, y = mesh.points[0, :2].round().astype(int)
        angle = np.radians(float(image[y, x, 2]) + self._turn_deg)
        return Template(np.array([np.cos(angle), np.sin(angle)], np.float32), self.model_id)


def photograph(file: Path, *marks: tuple[int, int, int], presence: int = 255) -> None:
    """Marks are (x, y, angle)."""
    image = np.zeros((100, 100, 3), np.uint8)
    for x, y, angle in marks:
        image[y, x] = (255, presence, angle)
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), image)


def read(file: Path) -> Image:
    image = cv2.imread(str(file))
    if image is None:
        raise PhotoUnreadableError(f"{file}: no photo")
    return np.asarray(image, np.uint8)


class Blind:
    """A detector that sees nobody."""

    def detect(self, image: Image) -> list[Face]:
        del image
        return []


def acquisition(*, min_presence: float = 0.5) -> Acquisition:
    marks = Marks()
    return Acquisition(read, [Blind(), marks], marks, min_presence)


def acquired(vectors: list[list[float]], owners: list[int], layout: Layout = Layout.FOLDERS) -> Acquired:
    rows = np.array(vectors, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Acquired(layout, {"float": rows}, np.array(owners), max(owners) + 1, len(owners), 0)


def test_photos_become_templates_of_the_central_face_in_every_build(tmp_path: Path) -> None:
    photograph(tmp_path / "anna/1.png", (50, 50, 10), (5, 5, 200))
    photograph(tmp_path / "anna/2.png", (50, 50, 20))
    photograph(tmp_path / "bert/1.png", (50, 50, 90))
    steps: list[int] = []
    result = acquire(
        find_photos(tmp_path),
        acquisition=acquisition(),
        extractors={"float": Angles(), "int8": Angles(1.0)},
        advance=steps.append,
    )
    for build, turned in (("float", 0.0), ("int8", 1.0)):
        angles = np.degrees(np.arctan2(result.vectors[build][:, 1], result.vectors[build][:, 0]))
        assert angles == pytest.approx(np.array([10, 20, 90]) + turned, abs=1e-3)
    assert result.owners.tolist() == [0, 0, 1]
    assert steps == [1, 2, 3]


def test_failures_to_acquire_are_counted_and_nothing_stops(tmp_path: Path) -> None:
    photograph(tmp_path / "anna/1.png", (50, 50, 10))
    photograph(tmp_path / "anna/2.png")
    photograph(tmp_path / "anna/3.png", (50, 50, 10), presence=20)
    (tmp_path / "anna/4.png").write_bytes(b"no photo")
    photograph(tmp_path / "bert/1.png", (50, 50, 90))
    result = acquire(find_photos(tmp_path), acquisition=acquisition(), extractors={"float": Angles()})
    assert (result.photos, result.not_acquired, result.unreadable) == (5, 3, 1)
    assert result.failure_rate == pytest.approx(0.6)


def test_folders_compare_all_photos_of_a_person_and_the_first_ones_of_all_people() -> None:
    """Anna has three photos, Bert two, Carl one: 3 + 1 mated pairs, 3 pairs of first photos."""
    result = compare_all(acquired([[1, 0]] * 3 + [[0, 1]] * 2 + [[1, 1]], [0, 0, 0, 1, 1, 2]), "float")
    assert (result.mated, result.non_mated) == (4, 3)
    assert result.rank1 is None


def test_pairs_compare_every_probe_with_every_reference_of_other_people() -> None:
    """Anna and Bert have a badge and a later photo, Carl only a badge: 2 mated, 2 probes x 2 other references."""
    everyone = acquired([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 1]], [0, 0, 1, 1, 2], Layout.PAIRS)
    result = compare_all(everyone, "float")
    assert (result.mated, result.non_mated) == (2, 4)
    assert result.rank1 == 1.0


def test_a_probe_nearer_to_another_persons_reference_is_a_rank_one_miss() -> None:
    swapped = acquired([[1, 0], [0, 1], [0, 1], [0.1, 1]], [0, 0, 1, 1], Layout.PAIRS)
    assert compare_all(swapped, "float").rank1 == 0.5


def test_a_person_whose_first_photo_was_not_acquired_takes_part_with_the_second() -> None:
    """Identity 0 was lost entirely, identity 1 kept one photo: numbering gaps change nothing."""
    result = compare_all(acquired([[1, 0], [0, 1], [0, 1]], [1, 3, 3]), "float")
    assert (result.mated, result.non_mated) == (1, 1)


def test_more_people_than_one_block_holds_are_all_compared_once() -> None:
    random = np.random.default_rng(5).normal(size=(1300, 16))
    owners = [*range(1200), *range(100)]
    order = np.argsort(owners, kind="stable")
    result = compare_all(acquired(random[order].tolist(), sorted(owners)), "float")
    assert result.non_mated == 1200 * 1199 // 2
    assert result.mated == 100


def test_the_rates_are_those_that_sorting_all_scores_gives() -> None:
    """150 people with two photos each: 11,175 non-mated pairs, so 11 may match falsely at 1e-3."""
    random = np.random.default_rng(3)
    people = random.normal(size=(150, 8))
    photos = np.repeat(people, 2, axis=0) + random.normal(0, 0.6, (300, 8))
    everyone = acquired(photos.tolist(), np.repeat(np.arange(150), 2).tolist())
    result = compare_all(everyone, "float")

    rows = everyone.vectors["float"]
    first, second = rows[::2], rows[1::2]
    non_mated = np.sort((first @ first.T)[np.triu_indices(150, k=1)])[::-1]
    mated = (first * second).sum(axis=1)
    allowed = 11
    assert list(result.fnmr_at_fmr) == [1e-3]
    assert non_mated[allowed] < result.threshold_at_fmr[1e-3] <= non_mated[allowed - 1]
    assert result.fnmr_at_fmr[1e-3] == pytest.approx((mated <= non_mated[allowed]).mean())
    assert result.false_matches_at_fmr[1e-3] == allowed


def test_faces_of_one_person_alone_allow_no_rates() -> None:
    with pytest.raises(PhotoError, match="two people or more"):
        compare_all(acquired([[1, 0], [1, 0]], [0, 0]), "float")
