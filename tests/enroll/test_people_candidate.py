from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from device.clock import FakeClock
from device.collection.gallery import Gallery
from device.collection.people import Reference
from device.collection.store import Collection, open_collection
from device.errors import (
    LookAlikeError,
    NoFaceError,
    PhotosDisagreeError,
    PhotoUnreadableError,
    PoorQualityError,
    SeveralFacesError,
)
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.types import Image, ModelId, Pose, Quality, QualityIssue, Template, Threshold
from enroll.candidate import Portrait, examine_photos, refuse_disagreement, refuse_look_alike

MODEL = ModelId("model-a")
THRESHOLDS = ThresholdPolicy(MODEL, (OperatingPoint(1e-3, 0.33), OperatingPoint(1e-6, 0.58)), 0.003)


class FaceByColour:
    """An extractor for pictures of one colour: blue and green say whose face it is, red how good the picture is."""

    def extract(self, image: Image) -> tuple[Template, Quality]:
        blue, green, red = (int(channel) for channel in image[0, 0])
        if red == 0:
            raise NoFaceError("no face was found")
        if red == 255:
            raise SeveralFacesError("2 faces, so it is not clear whose it is")
        issues = (QualityIssue.TOO_DARK,) if red < 50 else ()
        if issues:
            raise PoorQualityError("the face is too dark")
        return face(blue * 256 + green, look=red), Quality(100.0, 0.5, 90.0, Pose(0, 0, 0), 0.99, 0.0, issues)


def face(person: int, *, look: int = 100) -> Template:
    """A person's face; other looks of the same person score about 0.9 with each other."""
    own = np.random.default_rng(person).normal(size=64)
    change = np.random.default_rng((person, look)).normal(size=64)
    vector = own / np.linalg.norm(own) + 0.3 * change / np.linalg.norm(change)
    return Template((vector / np.linalg.norm(vector)).astype(np.float32), MODEL)


def photo(folder: Path, name: str, *, person: int = 7, look: int = 100) -> Path:
    Pillow.new("RGB", (8, 8), (look, person % 256, person // 256)).save(folder / name)
    return folder / name


def portrait(person: int, look: int = 100) -> Portrait:
    return Portrait(Path(f"{person}-{look}.jpg"), Reference(face(person, look=look)))


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with open_collection(tmp_path / "collection.db") as opened:
        yield opened


def test_good_photos_become_portraits_in_their_order(tmp_path: Path) -> None:
    files = [photo(tmp_path, "one.png", look=100), photo(tmp_path, "two.png", look=200)]
    portraits = examine_photos(files, extractor=FaceByColour())
    assert [one.file for one in portraits] == files
    assert portraits[1].reference.quality is not None
    assert portraits[1].reference.quality.face_height_px == 100.0


BAD_LOOKS = {NoFaceError: 0, SeveralFacesError: 255, PoorQualityError: 20}


@pytest.mark.parametrize(("kind", "look"), BAD_LOOKS.items())
def test_one_bad_photo_of_several_is_named_with_its_own_kind_of_error(
    tmp_path: Path, kind: type[Exception], look: int
) -> None:
    files = [photo(tmp_path, "good.png"), photo(tmp_path, "bad.png", look=look), photo(tmp_path, "fine.png")]
    with pytest.raises(kind, match=r"bad\.png: "):
        examine_photos(files, extractor=FaceByColour())


def test_a_file_that_is_no_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("not a picture")
    with pytest.raises(PhotoUnreadableError, match=r"letter\.jpg"):
        examine_photos([photo(tmp_path, "good.png"), tmp_path / "letter.jpg"], extractor=FaceByColour())


def test_photos_of_one_person_agree() -> None:
    refuse_disagreement([portrait(7, look) for look in (60, 100, 200)], threshold=THRESHOLDS.choose(1))


def test_one_photo_agrees_with_itself() -> None:
    refuse_disagreement([portrait(7)], threshold=THRESHOLDS.choose(1))


def test_a_photo_of_somebody_else_among_them_is_named_with_the_score() -> None:
    with pytest.raises(PhotosDisagreeError, match=r"7-100\.jpg and 8-100\.jpg .* a match needs 0\.33"):
        refuse_disagreement([portrait(7), portrait(7, 120), portrait(8)], threshold=THRESHOLDS.choose(1))


@given(st.permutations([portrait(7, 60), portrait(7, 100), portrait(8), portrait(7, 200)]))
def test_the_odd_one_out_is_found_wherever_it_stands(portraits: list[Portrait]) -> None:
    with pytest.raises(PhotosDisagreeError, match=r"8-100\.jpg"):
        refuse_disagreement(portraits, threshold=THRESHOLDS.choose(1))


def test_a_threshold_that_is_no_number_agrees_with_nothing() -> None:
    with pytest.raises(PhotosDisagreeError):
        refuse_disagreement([portrait(7), portrait(7, 120)], threshold=Threshold(float("nan"), 1e-3, MODEL))


def test_somebody_new_looks_like_nobody(collection: Collection) -> None:
    collection.add_person(make_newcomer("Ada", [portrait(7).reference]), at=FakeClock().now())
    refuse_look_alike([portrait(8)], gallery=Gallery(collection, thresholds=THRESHOLDS), collection=collection)


def test_somebody_enrolled_under_another_name_is_named_with_the_score(collection: Collection) -> None:
    collection.add_person(make_newcomer("Ada Lovelace", [portrait(7).reference]), at=FakeClock().now())
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    with pytest.raises(LookAlikeError, match=r"7-200\.jpg looks like Ada Lovelace.*0\.9.*--allow-duplicate"):
        refuse_look_alike([portrait(7, 200)], gallery=gallery, collection=collection)
