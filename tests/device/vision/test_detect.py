from __future__ import annotations

import math

import numpy as np
import pytest
from builders import make_image
from scripted_network import ScriptedNetwork

from device.app import build_detector
from device.config import Settings
from device.measure.simulate.portraits import grace_hopper
from device.types import Box, Face
from device.vision.boxes import overlap
from device.vision.detect import FULL_RANGE, SHORT_RANGE, AnchorLayout, BlazeFaceDetector, anchor_centres
from models.manifest import Role
from models.store import Installed

NOTHING = -50.0  # a logit of an anchor that sees nothing


class Painted(ScriptedNetwork):
    """A BlazeFace whose output is painted: boxes in pixels of its input, each at the anchor of a given number."""

    def __init__(self, layout: AnchorLayout = SHORT_RANGE) -> None:
        self._centres = anchor_centres(layout) * layout.input_px
        count = len(self._centres)
        super().__init__(np.zeros((1, count, 16), np.float32), np.full((1, count, 1), NOTHING, np.float32))

    def paint(self, anchor: int, box: Box, *, logit: float) -> None:
        """A face that fills `box`, with key points on a line through its middle, a sixth of its width apart."""
        offsets, logits = self.answers
        x, y = self._centres[anchor]
        points = [(box.left + box.width * i / 6, box.centre[1]) for i in range(6)]
        from_anchor = [step for across, down in points for step in (across - x, down - y)]
        offsets[0, anchor] = [box.centre[0] - x, box.centre[1] - y, box.width, box.height, *from_anchor]
        logits[0, anchor] = logit


def detect(network: ScriptedNetwork, *, size: tuple[int, int] = (128, 128), min_score: float = 0.5) -> list[Face]:
    return BlazeFaceDetector(network, min_score=min_score).detect(make_image(size=size))


def near(box: Box) -> object:
    return pytest.approx((box.left, box.top, box.width, box.height), abs=1e-3)


def sides(face: Face) -> tuple[float, ...]:
    return face.box.left, face.box.top, face.box.width, face.box.height


def test_an_empty_answer_is_no_face() -> None:
    assert detect(Painted()) == []


@pytest.mark.parametrize("anchor", [0, 511, 512, 895])
def test_a_box_is_read_from_the_anchor_that_saw_it(anchor: int) -> None:
    network, box = Painted(), Box(30, 40, 50, 60)
    network.paint(anchor, box, logit=4.0)
    (face,) = detect(network)
    assert sides(face) == near(box)
    assert face.score == pytest.approx(1 / (1 + math.exp(-4.0)))
    assert face.key_points.shape == (6, 2)
    assert face.key_points[:, 0] == pytest.approx([30 + 50 * i / 6 for i in range(6)], abs=1e-3)
    assert face.key_points[:, 1] == pytest.approx([70.0] * 6, abs=1e-3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), Box(150, 120, 250, 300)),  # 5 pixels of frame to one of the input, 16 of border above
        ((480, 640), Box(70, 200, 250, 300)),  # the same with the border beside
        ((64, 64), Box(15, 20, 25, 30)),
    ],
)
def test_a_box_is_told_in_pixels_of_the_frame(size: tuple[int, int], expected: Box) -> None:
    network = Painted()
    network.paint(7, Box(30, 40, 50, 60), logit=4.0)
    (face,) = detect(network, size=size)
    assert sides(face) == near(expected)
    assert face.key_points[3] == pytest.approx((expected.centre[0], expected.centre[1]), abs=1e-3)


def test_the_network_sees_the_frame_as_rgb_between_minus_one_and_one_on_black() -> None:
    network = Painted()
    image = np.zeros((64, 128, 3), np.uint8)
    image[:] = (255, 0, 51)  # blue, green, red
    BlazeFaceDetector(network).detect(image)
    (tensor,) = network.seen
    assert tensor.shape == (1, 128, 128, 3)
    assert (tensor[0, :32] == -1).all()
    assert (tensor[0, 96:] == -1).all()
    assert tensor[0, 64, 64] == pytest.approx([51 / 127.5 - 1, -1, 1], abs=1e-5)


def test_a_smaller_frame_leaves_nothing_of_the_one_before_on_the_border() -> None:
    network = Painted()
    detector = BlazeFaceDetector(network)
    detector.detect(np.full((128, 128, 3), 255, np.uint8))
    detector.detect(np.full((32, 128, 3), 255, np.uint8))
    assert (network.seen[1][0, :48] == -1).all()


def test_several_anchors_that_see_one_face_tell_one() -> None:
    network = Painted()
    for anchor, shift in ((100, 0.0), (101, 2.0), (132, -2.0)):
        network.paint(anchor, Box(30 + shift, 40, 50, 60), logit=3.0)
    (face,) = detect(network)
    assert sides(face) == near(Box(30, 40, 50, 60))


def test_the_surest_face_comes_first() -> None:
    network = Painted()
    network.paint(0, Box(5, 5, 30, 30), logit=1.0)
    network.paint(500, Box(80, 80, 30, 30), logit=3.0)
    assert [round(face.box.left) for face in detect(network)] == [80, 5]


@pytest.mark.parametrize(("min_score", "found"), [(0.5, 2), (0.8, 1), (0.99, 0), (1.0, 0), (0.0, 2)])
def test_a_face_below_the_least_score_is_not_told(min_score: float, found: int) -> None:
    network = Painted()
    network.answers[1][:] = -200.0
    network.paint(0, Box(5, 5, 30, 30), logit=math.log(0.6 / 0.4))
    network.paint(500, Box(80, 80, 30, 30), logit=math.log(0.9 / 0.1))
    assert len([face for face in detect(network, min_score=min_score) if face.score > 0.1]) == found


def test_at_a_least_score_of_one_nothing_is_found_and_at_zero_nothing_breaks() -> None:
    network = Painted()
    network.paint(0, Box(5, 5, 30, 30), logit=-90.0)
    assert detect(network, min_score=1.0) == []
    assert all(math.isfinite(face.box.area) for face in detect(network, min_score=0.0))


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["offsets", "logits"])
def test_what_is_no_number_is_no_face(nonsense: float, place: str) -> None:
    """And it does not spoil the face beside it."""
    network = Painted()
    network.paint(0, Box(5, 5, 30, 30), logit=3.0)
    network.paint(500, Box(80, 80, 30, 30), logit=3.0)
    if place == "offsets":
        network.answers[0][0, 0] = nonsense
    else:
        network.answers[1][0, 0] = nonsense
    found = detect(network)
    assert all(math.isfinite(side) for face in found for side in sides(face))
    assert any(overlap(face.box, Box(80, 80, 30, 30)) > 0.9 for face in found)


def test_a_box_without_an_extent_is_no_face() -> None:
    network = Painted()
    network.paint(0, Box(5, 5, 1, 1), logit=3.0)
    network.answers[0][0, 0, 2:4] = 0.0
    assert detect(network) == []


@pytest.mark.parametrize(("layout", "count"), [(SHORT_RANGE, 896), (FULL_RANGE, 2304)])
def test_anchors_cover_the_input_evenly(layout: AnchorLayout, count: int) -> None:
    centres = anchor_centres(layout)
    assert centres.shape == (count, 2)
    assert centres.min() > 0
    assert centres.max() < 1
    assert centres.mean(axis=0) == pytest.approx((0.5, 0.5), abs=1e-5)


def test_anchors_run_along_rows_with_the_finer_grid_first() -> None:
    centres = anchor_centres(SHORT_RANGE)
    assert centres[:4] == pytest.approx(np.array([(1, 1), (1, 1), (3, 1), (3, 1)]) / 32)
    assert centres[512:519] == pytest.approx(np.array([(1, 1)] * 6 + [(3, 1)]) / 16)


@pytest.mark.parametrize("role", [Role.DETECTOR, Role.DETECTOR_FAR])
def test_the_installed_detectors_find_the_one_face_of_a_portrait(networks: Installed, role: Role) -> None:
    """Where the portrait's right eye, left eye and nose are is known from looking at it."""
    if networks.card(role) is None:
        pytest.skip(f"the profile {networks.profile} has no {role} here")
    (face,) = build_detector(Settings(), networks, role).detect(grace_hopper())
    for point, wanted in zip(face.key_points[:3], ((222, 198), (297, 195), (268, 245)), strict=True):
        assert point == pytest.approx(wanted, abs=15)
    assert face.score > 0.7
