from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from builders import make_image
from fakes import FakeTexture
from hypothesis import given
from hypothesis import strategies as st

from device.app import build_texture
from device.liveness.texture import MiniFasNet, TexturePair, crop_around
from device.types import Box
from device.vision.photo import read_photo
from models.card import ModelCard
from models.errors import ManifestError
from models.manifest import Precision, read_manifest
from models.session import RuntimeOptions
from models.store import Installed

BOX = Box(200, 150, 100, 100)


def card(crop_scale: float | None = 2.7) -> ModelCard:
    network = msgspec.structs.replace(read_manifest().networks["minifasnet-v2"], crop_scale=crop_scale)
    return ModelCard("tiny", network, Precision.FLOAT, "0" * 64, "for a test")


class Judging:
    """A texture network that answers three probabilities and keeps what it saw."""

    def __init__(self, *probabilities: float) -> None:
        self.answer = np.array([probabilities], np.float32)
        self.seen = np.empty(0, np.float32)

    def infer(self, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        self.seen = tensor.copy()
        return (self.answer,)


sizes = st.integers(40, 1920)
sides = st.floats(1, 1500)


@given(st.floats(-500, 2000), st.floats(-500, 2000), sides, sides, st.floats(1, 5), sizes, sizes)
def test_the_crop_lies_inside_the_frame(
    left: float, top: float, box_width: float, box_height: float, scale: float, width: int, height: int
) -> None:
    box = Box(left, top, box_width, box_height)
    x0, y0, x1, y1 = crop_around(box, scale, width=width, height=height)
    assert 0 <= x0 <= x1 < width
    assert 0 <= y0 <= y1 < height


@given(st.floats(100, 500), st.floats(100, 400), st.floats(20, 60), st.floats(1.5, 4))
def test_the_crop_is_that_many_times_the_box_about_its_centre(x: float, y: float, side: float, scale: float) -> None:
    """As long as the frame is large enough."""
    box = Box(x + 500 - side / 2, y + 500 - side / 2, side, side)
    x0, y0, x1, y1 = crop_around(box, scale, width=1600, height=1400)
    assert (x1 - x0, y1 - y0) == pytest.approx((side * scale, side * scale), abs=1.01)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(box.centre, abs=1.01)


def test_a_crop_at_the_edge_is_shifted_and_not_shrunk() -> None:
    x0, y0, x1, y1 = crop_around(Box(0, 430, 50, 50), 2.0, width=640, height=480)
    assert (x0, y0, x1, y1) == (0, 379, 100, 479)


def test_a_crop_that_does_not_fit_is_the_largest_that_does() -> None:
    x0, y0, x1, y1 = crop_around(Box(200, 100, 200, 300), 4.0, width=640, height=480)
    assert (y0, y1) == (0, 479)
    assert x1 - x0 == pytest.approx(200 * 479 / 300, abs=1)


def test_the_network_sees_the_crop_as_it_is_in_blue_green_red() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[:] = (200, 100, 30)
    network = Judging(0.1, 0.7, 0.2)
    assert MiniFasNet(network, card()).bona_fide_score(image, BOX) == pytest.approx(0.7)
    assert network.seen.shape == (1, 3, 80, 80)
    assert network.seen[0, :, 40, 40] == pytest.approx([200, 100, 30])


def test_the_network_sees_no_more_than_its_scale_of_the_face_box() -> None:
    image = np.full((480, 640, 3), 255, np.uint8)
    x0, y0, x1, y1 = crop_around(BOX, 2.7, width=640, height=480)
    image[y0 : y1 + 1, x0 : x1 + 1] = 0
    near, far = Judging(0, 1, 0), Judging(0, 1, 0)
    MiniFasNet(near, card(2.7)).bona_fide_score(image, BOX)
    MiniFasNet(far, card(4.0)).bona_fide_score(image, BOX)
    assert near.seen.max() == 0
    assert far.seen.max() == 255


def test_a_network_without_a_crop_scale_is_no_texture_network() -> None:
    with pytest.raises(ManifestError, match="tiny"):
        MiniFasNet(Judging(), card(None))


def test_a_score_that_is_no_number_stays_none() -> None:
    """The verdict, which knows how to deny, must see it."""
    assert math.isnan(MiniFasNet(Judging(0.1, math.nan, 0.2), card()).bona_fide_score(make_image(), BOX))


def test_the_pair_scores_the_mean_of_both() -> None:
    near, far = (MiniFasNet(Judging(0, score, 0), card()) for score in (0.9, 0.2))
    assert TexturePair(near, far).bona_fide_score(make_image(), BOX) == pytest.approx(0.55)


@pytest.mark.parametrize("scores", [(0.9, math.nan), (math.nan, 0.9)])
def test_a_pair_of_which_one_fails_scores_no_number(scores: tuple[float, float]) -> None:
    near, far = (MiniFasNet(Judging(0, score, 0), card()) for score in scores)
    assert math.isnan(TexturePair(near, far).bona_fide_score(make_image(), BOX))


def test_the_fake_keeps_the_port() -> None:
    scorer = FakeTexture(0.3)
    assert scorer.bona_fide_score(make_image(), BOX) == 0.3
    assert scorer.boxes == [BOX]


PAD = [  # photo, face box, mean of the two networks' bona fide probabilities in PyTorch
    ("minivision_F1.jpg", Box(184, 146, 209, 209), (0.001 + 0.052) / 2),
    ("minivision_F2.jpg", Box(125, 262, 247, 247), (0.001 + 0.417) / 2),
    ("minivision_T1.jpg", Box(97, 165, 198, 198), 0.986),
]


@pytest.mark.parametrize(("name", "box", "score"), PAD, ids=[row[0] for row in PAD])
def test_the_installed_pair_scores_the_authors_samples_as_they_do(
    standard_networks: Installed, shared_data: Path, name: str, box: Box, score: float
) -> None:
    """F1 and F2 are attacks, T1 is a live person."""
    pair = build_texture(standard_networks, RuntimeOptions())
    assert pair is not None
    assert pair.bona_fide_score(read_photo(shared_data / "pad" / name), box) == pytest.approx(score, abs=0.005)
