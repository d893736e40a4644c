from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import make_frame, make_image, make_quality, make_template
from fakes import FakeCamera

from device.errors import NoFaceError, PoorQualityError, VideoUnreadableError
from device.measure.simulate.clip import Clip
from device.types import Image, Quality, Template
from device.vision.enrolment import StillExtractor
from enroll.cast import (
    EARLY_S,
    ENROLLED,
    LATER_S,
    PHOTO,
    STRANGER,
    Cast,
    Expected,
    LiveVisitor,
    cast_from_video,
    cast_of_puppets,
    first_usable,
    frames_of,
)


class Stills:
    """Enrols from pictures that are bright enough."""

    def __init__(self, least: int) -> None:
        self._least = least

    def extract(self, image: Image) -> tuple[Template, Quality]:
        if image.mean() < 10:
            raise NoFaceError("no face was found")
        if image.mean() < self._least:
            raise PoorQualityError("the face is too dark")
        return make_template(), make_quality()


def pictures(*levels: int) -> Iterator[Image]:
    return (np.full((48, 64, 3), level, np.uint8) for level in levels)


def test_the_first_picture_that_can_be_enrolled_is_taken() -> None:
    image = first_usable(pictures(0, 40, 90, 200), Stills(80), described="film.mp4")  # type: ignore[arg-type]
    assert image.mean() == 90


@pytest.mark.parametrize(
    ("levels", "reason"), [((0, 40), "too dark"), ((40, 0), "no face"), ((), "it holds no picture")]
)
def test_without_one_the_source_and_the_last_reason_are_told(levels: tuple[int, ...], reason: str) -> None:
    with pytest.raises(NoFaceError, match=rf"film\.mp4: .*{reason}"):
        first_usable(pictures(*levels), Stills(80), described="film.mp4")  # type: ignore[arg-type]


def test_only_the_first_seconds_of_a_recording_are_searched() -> None:
    asked: list[float] = []

    class Film:
        def frame_at(self, t_s: float) -> Image:
            asked.append(t_s)
            return make_image(size=(64, 48))

    list(frames_of(Film()))  # type: ignore[arg-type]
    assert asked[0] == 0.0
    assert max(asked) < EARLY_S
    assert len(asked) == 20


def test_whoever_is_before_a_camera_is_shown_as_they_are_now() -> None:
    images = [make_image(level=level, grain=0, size=(1280, 720)) for level in (50, 60, 70)]
    live = LiveVisitor(FakeCamera([make_frame(image=image, sequence=n) for n, image in enumerate(images)]))
    seen = [live.frame_at(t_s) for t_s in (5.0, 0.0, 0.0)]
    assert [image.mean() for image in seen] == [50, 60, 70]
    assert seen[0].shape == (480, 640, 3)


def names(cast: Cast) -> list[str]:
    return [visit.name for visit in cast.visits]


def test_puppets_walk_up_one_after_another_with_nobody_between_them(stills: StillExtractor) -> None:
    cast = cast_of_puppets(stills)
    assert names(cast)[1::2] == [ENROLLED, STRANGER, PHOTO]
    assert set(names(cast)[::2]) == {"empty room"}
    assert cast.expected == {ENROLLED: Expected.GRANT, STRANGER: Expected.DENY, PHOTO: Expected.DENY}
    assert cast.is_puppet
    assert any("simulation" in note for note in cast.notes)
    stills.extract(cast.still)  # it can be enrolled


def test_a_real_recording_is_said_to_be_one_and_its_person_walks_up_from_a_later_stretch(
    stills: StillExtractor, head_turns: Path
) -> None:
    cast = cast_from_video(head_turns, head_turns, stills)
    assert not cast.is_puppet
    assert names(cast)[1::2] == [ENROLLED, STRANGER, PHOTO]
    assert cast.notes[:2] == (
        "enrolled person is a real recording: head-turns-1080p.mp4",
        "stranger is a real recording: head-turns-1080p.mp4",
    )
    first = cast.visits[1].visitor.frame_at(0.0)
    assert not np.array_equal(first, Clip(head_turns).frame_at(0.0))
    assert np.array_equal(first, Clip(head_turns, start_s=LATER_S).frame_at(0.0))


def test_a_video_without_anybody_is_told(stills: StillExtractor, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"not a video")
    with pytest.raises(VideoUnreadableError, match=r"film\.mp4"):
        cast_from_video(tmp_path / "film.mp4", None, stills)
