from __future__ import annotations

import math

import numpy as np
import pytest
from builders import make_image, make_mesh
from hypothesis import assume, given
from hypothesis import strategies as st

from device.types import Pose
from device.vision.align import eye_distance, five_points, similarity, warp

LAYOUT = np.array([(38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)], np.float32)

coordinates = st.floats(-300, 300, width=32)
clouds = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=8).map(lambda p: np.array(p, np.float32))


def moved(points: np.ndarray, *, turn: float, zoom: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = math.cos(turn) * zoom, math.sin(turn) * zoom
    return (points @ np.array([[cos, -sin], [sin, cos]]).T + shift).astype(np.float32)


def applied(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ transform[:, :2].T + transform[:, 2]


@given(clouds, st.floats(-math.pi, math.pi), st.floats(0.1, 10), st.tuples(coordinates, coordinates))
def test_similarity_finds_the_very_turn_zoom_and_shift(
    points: np.ndarray, turn: float, zoom: float, shift: tuple[float, float]
) -> None:
    assume(np.ptp(points, axis=0).max() > 1)
    target = moved(points, turn=turn, zoom=zoom, shift=shift)
    transform = similarity(points, target)
    assert applied(transform, points) == pytest.approx(target, abs=0.05)
    assert transform[:, :2] == pytest.approx(
        np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) * zoom, abs=0.02 * zoom
    )


@given(clouds, st.data())
def test_no_other_similarity_comes_nearer(points: np.ndarray, data: st.DataObject) -> None:
    assume(np.ptp(points, axis=0).max() > 1)
    target = np.array([data.draw(st.tuples(coordinates, coordinates)) for _ in points], np.float32)
    transform = similarity(points, target).astype(np.float64)
    best = ((applied(transform, points) - target) ** 2).sum()
    turn, zoom = data.draw(st.floats(-0.2, 0.2)), data.draw(st.floats(0.8, 1.2))
    shift = data.draw(st.tuples(st.floats(-20, 20), st.floats(-20, 20)))
    other = ((moved(applied(transform, points), turn=turn, zoom=zoom, shift=shift) - target) ** 2).sum()
    assert best <= other * (1 + 1e-4) + 1.0


@given(clouds, clouds)
def test_similarity_never_mirrors(points: np.ndarray, target: np.ndarray) -> None:
    count = min(len(points), len(target))
    transform = similarity(points[:count], target[:count])
    assert np.linalg.det(transform[:, :2].astype(np.float64)) >= -1e-6


def test_points_in_one_place_give_a_finite_transform() -> None:
    assert np.isfinite(similarity(np.ones((5, 2), np.float32), LAYOUT)).all()


def test_the_five_points_are_eyes_nose_and_mouth_corners() -> None:
    points = five_points(make_mesh(centre=(320, 240), width=100))
    assert points.shape == (5, 2)
    assert points == pytest.approx(
        np.array([(297.5, 227.5), (342.5, 227.5), (320, 247.5), (302.5, 267.5), (337.5, 267.5)]), abs=1e-3
    )


def test_the_subjects_right_eye_comes_first() -> None:
    right_eye, left_eye = five_points(make_mesh())[:2]
    assert right_eye[0] < left_eye[0]  # the subject's right is the left of the frame


def test_the_eye_distance_shrinks_as_a_head_turns_and_not_as_it_tilts() -> None:
    straight = eye_distance(make_mesh(width=100))
    assert straight == pytest.approx(45.0)
    assert eye_distance(make_mesh(width=100, pose=Pose(0, 0, 30))) == pytest.approx(straight, rel=1e-4)
    assert eye_distance(make_mesh(width=100, pose=Pose(60, 0, 0))) == pytest.approx(straight / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("centre", "width", "roll_deg"), [((200, 150), 90.0, 0.0), ((430, 300), 220.0, 25.0), ((320, 240), 60.0, -40.0)]
)
def test_every_face_comes_to_the_same_place(centre: tuple[float, float], width: float, roll_deg: float) -> None:
    """Wherever it is in the frame, however large and tilted: a mark on the nose tip lands on the nose's target."""
    mesh = make_mesh(centre=centre, width=width, pose=Pose(0, 0, roll_deg))
    image = make_image(level=100, grain=0)
    x, y = five_points(mesh)[2].round().astype(int)
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    target = five_points(make_mesh(centre=(56, 56), width=80))
    chip = warp(image, similarity(five_points(mesh), target), 112)
    assert chip.shape == (112, 112, 3)
    bright = np.argwhere(chip[..., 0] > 200).mean(axis=0)
    assert bright == pytest.approx(target[2][::-1], abs=1.5)


def test_beyond_the_frame_its_border_is_repeated() -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    shifted = np.array([[1, 0, 30], [0, 1, 30]], np.float32)
    assert (warp(image, shifted, 60) == 200).all()
