from __future__ import annotations

import math

import numpy as np
import pytest
from builders import as_detected, make_face, make_image, make_mesh
from hypothesis import given
from hypothesis import strategies as st
from scripted_network import ScriptedNetwork

from device.app import build_detector, build_fitter
from device.config import Settings
from device.measure.simulate.portraits import grace_hopper
from device.types import Box, Face, Mesh, Pose
from device.vision.boxes import bounding_box, overlap
from device.vision.mesh import FaceMeshFitter, Region, face_box, misfit
from models.errors import InferenceError
from models.manifest import Role
from models.store import Installed

EYES = (33, 263)


def answer(*, logit: float = 10.0, points: np.ndarray | None = None) -> ScriptedNetwork:
    """A mesh network that always sees `points`, or all of them in the middle of what it is shown."""
    local = np.full((468, 3), 96.0, np.float32) if points is None else points
    return ScriptedNetwork(local.reshape(1, 1, 1, 1404), np.full((1, 1, 1, 1), logit, np.float32))


def tilted_face(angle: float) -> Face:
    face = make_face()
    middle = np.array(face.box.centre)
    cos, sin = math.cos(angle), math.sin(angle)
    points = (face.key_points - middle) @ np.array([[cos, -sin], [sin, cos]]).T + middle
    return Face(face.box, points.astype(np.float32), face.score)


def test_the_region_of_a_detection_is_half_as_large_again_and_level_with_the_eyes() -> None:
    face = make_face(Box(100, 200, 80, 60))
    assert Region.of_face(face) == Region(140, 230, 120, 0.0)


@given(st.floats(-3.1, 3.1))
def test_the_region_turns_with_the_eyes(angle: float) -> None:
    assert Region.of_face(tilted_face(angle)).angle == pytest.approx(angle, abs=1e-3)


@pytest.mark.parametrize("roll_deg", [-40.0, 0.0, 25.0])
def test_the_region_of_a_mesh_is_about_the_mesh_and_turns_with_its_eyes(roll_deg: float) -> None:
    mesh = make_mesh(centre=(300, 200), width=120, pose=Pose(0, 0, roll_deg))
    region, box = Region.of_mesh(mesh), bounding_box(mesh.points)
    assert (region.x, region.y) == pytest.approx(box.centre)
    assert region.side == pytest.approx(1.5 * max(box.width, box.height))
    assert math.degrees(region.angle) == pytest.approx(roll_deg, abs=0.01)


def test_the_middle_of_the_crop_is_the_middle_of_the_face() -> None:
    face = make_face(Box(100, 200, 80, 60))
    mesh = FaceMeshFitter(answer()).fit(make_image(), face)
    assert mesh.points[:, :2] == pytest.approx(np.tile([140, 230], (468, 1)), abs=1e-3)


def test_depth_has_the_scale_of_the_frame() -> None:
    mesh = FaceMeshFitter(answer()).fit(make_image(), make_face(Box(0, 0, 256, 256)))  # 384 px of frame on 192
    assert mesh.points[:, 2] == pytest.approx(np.full(468, 192.0))


@pytest.mark.parametrize("angle", [0.0, 0.6, -1.2, math.pi])
def test_what_the_network_sees_lies_in_the_frame_where_it_says(angle: float) -> None:
    """A white spot that the network sees at some pixel of its input is white at the point it tells of the frame."""
    face = tilted_face(angle)
    spot = np.array(face.box.centre) + np.array([31.0, -22.0])
    image = np.zeros((480, 640, 3), np.uint8)
    x, y = spot.round().astype(int)
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    network = answer()
    FaceMeshFitter(network).fit(image, face)
    down, across = np.argwhere(network.seen[0][0, :, :, 0] > 0.5).mean(axis=0)
    local = np.tile(np.array([across, down, 0.0], np.float32), (468, 1))
    mesh = FaceMeshFitter(answer(points=local)).fit(image, face)
    assert mesh.points[0, :2] == pytest.approx([x, y], abs=0.8)


def test_the_eyes_of_a_tilted_face_are_level_for_the_network() -> None:
    face = tilted_face(0.5)
    image = np.zeros((480, 640, 3), np.uint8)
    for x, y in face.key_points[:2].round().astype(int):
        image[y - 3 : y + 4, x - 3 : x + 4] = 255
    network = answer()
    FaceMeshFitter(network).fit(image, face)
    seen = network.seen[0][0, :, :, 0] > 0.5
    right, left = (np.argwhere(seen[:, half]).mean(axis=0)[0] for half in (slice(0, 96), slice(96, 192)))
    assert right == pytest.approx(left, abs=1.0)


def test_the_network_sees_rgb_between_zero_and_one_and_black_beyond_the_frame() -> None:
    network = answer()
    image = np.zeros((100, 100, 3), np.uint8)
    image[:] = (255, 0, 51)
    FaceMeshFitter(network).fit(image, make_face(Box(-50, 0, 100, 100)))
    (tensor,) = network.seen
    assert tensor.shape == (1, 192, 192, 3)
    assert tensor[0, 96, 190] == pytest.approx([0.2, 0.0, 1.0], abs=1e-5)
    assert (tensor[0, 96, :60] == 0).all()


@pytest.mark.parametrize(("logit", "presence"), [(0.0, 0.5), (math.log(3), 0.75), (-500.0, 0.0), (500.0, 1.0)])
def test_presence_is_a_probability(logit: float, presence: float) -> None:
    mesh = FaceMeshFitter(answer(logit=logit)).fit(make_image(), make_face())
    assert mesh.presence == pytest.approx(presence, abs=1e-6)


@pytest.mark.parametrize("nonsense", [math.nan, math.inf])
def test_a_network_that_answers_no_number_has_failed_and_found_no_face(nonsense: float) -> None:
    with pytest.raises(InferenceError, match="face mesh"):
        FaceMeshFitter(answer(logit=nonsense)).fit(make_image(), make_face())
    points = np.full((468, 3), 96.0, np.float32)
    points[17, 1] = nonsense
    with pytest.raises(InferenceError, match="face mesh"):
        FaceMeshFitter(answer(points=points)).fit(make_image(), make_face())


def test_a_mesh_outlives_the_next_one() -> None:
    fitter = FaceMeshFitter(answer())
    first = fitter.fit(make_image(), make_face(Box(0, 0, 100, 100)))
    before = first.points.copy()
    fitter.fit(make_image(), make_face(Box(300, 200, 80, 80)))
    assert np.array_equal(first.points, before)


def test_the_face_box_is_a_square_about_the_face_that_grows_with_it() -> None:
    small, large = (face_box(make_mesh(width=width)) for width in (80, 160))
    assert small.width == small.height
    assert large.height == pytest.approx(2 * small.height, rel=1e-3)
    assert large.centre[0] == pytest.approx(bounding_box(make_mesh(width=160).points).centre[0])


def test_the_installed_mesh_finds_the_features_of_a_portrait_and_stays_on_them(networks: Installed) -> None:
    """From a detection, and again from its own result."""
    portrait = grace_hopper()
    detector, fitter = build_detector(Settings(), networks, Role.DETECTOR), build_fitter(Settings(), networks)
    (face,) = detector.detect(portrait)
    mesh = fitter.fit(portrait, face)
    again = fitter.fit(portrait, mesh)
    assert mesh.presence > 0.99
    assert mesh.points[EYES, :2] == pytest.approx(np.array([(204, 195), (316, 195)]), abs=15)
    assert np.abs(again.points - mesh.points)[:, :2].max() < 0.05 * face.box.width
    assert overlap(face_box(mesh), face.box) > 0.8


def test_the_installed_mesh_does_not_believe_in_a_face_where_there_is_none(networks: Installed) -> None:
    mesh = build_fitter(Settings(), networks).fit(make_image(grain=5), make_face())
    assert mesh.presence < Settings().detection.min_presence


def test_a_mesh_that_lies_where_the_face_was_detected_fits_and_one_that_slid_down_does_not() -> None:
    mesh = make_mesh()
    face = as_detected(mesh)
    slid = Mesh(mesh.points + np.array([0.0, 0.4 * np.ptp(mesh.points[:, 1]), 0.0], np.float32), 1.0)
    assert misfit(mesh, face) == pytest.approx(0.0, abs=1e-6)
    assert misfit(slid, face) == pytest.approx(0.4, abs=1e-3)
