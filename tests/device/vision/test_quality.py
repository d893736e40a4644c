from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from builders import make_image, make_mesh
from hypothesis import given
from hypothesis import strategies as st

from device.config import QualitySettings
from device.measure.simulate.portraits import grace_hopper
from device.types import Image, Mesh, Pose, Quality, QualityIssue
from device.vision.enrolment import StillExtractor
from device.vision.quality import QualityGate, face_cover, face_height, head_pose

IMAGE = make_image()
BLUE_MASK = (190, 150, 90)
SKIN = (140, 170, 210)


def judge(image: Image = IMAGE, mesh: Mesh | None = None, **gates: float) -> Quality:
    settings = msgspec.structs.replace(QualitySettings(), **gates)
    return QualityGate(settings).judge(image, make_mesh() if mesh is None else mesh)


def test_a_large_bright_sharp_frontal_face_has_no_objection() -> None:
    assert judge().issues == ()


@pytest.mark.parametrize(
    ("image", "mesh", "issue"),
    [
        (IMAGE, make_mesh(width=45), QualityIssue.TOO_SMALL),
        (make_image(level=12, grain=12), make_mesh(), QualityIssue.TOO_DARK),
        (make_image(level=250, grain=40), make_mesh(), QualityIssue.TOO_BRIGHT),
        (make_image(grain=0), make_mesh(), QualityIssue.BLURRED),
        (IMAGE, make_mesh(pose=Pose(40, 0, 0)), QualityIssue.TURNED_AWAY),
        (IMAGE, make_mesh(pose=Pose(-40, 0, 0)), QualityIssue.TURNED_AWAY),
        (IMAGE, make_mesh(pose=Pose(0, 35, 0)), QualityIssue.TURNED_AWAY),
        (IMAGE, make_mesh(pose=Pose(0, -35, 0)), QualityIssue.TURNED_AWAY),
        (IMAGE, make_mesh(presence=0.7), QualityIssue.OCCLUDED),
        (IMAGE, make_mesh(presence=math.nan), QualityIssue.OCCLUDED),
        (IMAGE, make_mesh(centre=(45, 240)), QualityIssue.CUT_OFF),
        (IMAGE, make_mesh(centre=(595, 240)), QualityIssue.CUT_OFF),
        (IMAGE, make_mesh(centre=(320, 30)), QualityIssue.CUT_OFF),
        (IMAGE, make_mesh(centre=(320, 430)), QualityIssue.CUT_OFF),
    ],
)
def test_each_fault_has_its_own_reason(image: Image, mesh: Mesh, issue: QualityIssue) -> None:
    assert judge(image, mesh).issues == (issue,)


def test_every_fault_is_named_at_once() -> None:
    issues = judge(make_image(level=5, grain=0), make_mesh(centre=(2, 2), width=40, pose=Pose(60, 0, 0)), max_cover=9)
    assert set(issues.issues) == set(QualityIssue) - {QualityIssue.TOO_BRIGHT, QualityIssue.OCCLUDED}


GATES = [  # key of the settings, what it is held against, the issue, and the direction that is better
    ("min_face_height_px", lambda q: q.face_height_px, QualityIssue.TOO_SMALL, -1),
    ("min_brightness", lambda q: q.brightness, QualityIssue.TOO_DARK, -1),
    ("max_brightness", lambda q: q.brightness, QualityIssue.TOO_BRIGHT, 1),
    ("min_sharpness", lambda q: q.sharpness, QualityIssue.BLURRED, -1),
    ("max_yaw_deg", lambda q: abs(q.pose.yaw_deg), QualityIssue.TURNED_AWAY, 1),
    ("max_pitch_deg", lambda q: abs(q.pose.pitch_deg), QualityIssue.TURNED_AWAY, 1),
    ("min_presence", lambda q: q.presence, QualityIssue.OCCLUDED, -1),
    ("max_cover", lambda q: q.cover, QualityIssue.OCCLUDED, 1),
]


@pytest.mark.parametrize(("key", "measured", "issue", "wider"), GATES, ids=[gate[0] for gate in GATES])
def test_every_configured_gate_lets_its_own_value_pass_and_nothing_beyond(
    key: str, measured: Any, issue: QualityIssue, wider: int
) -> None:
    image = painted(make_mesh(pose=Pose(15, 12, 0), presence=0.9), lower=(120, 130, 170))
    mesh = make_mesh(pose=Pose(15, 12, 0), presence=0.9)
    value = measured(judge(image, mesh))
    assert value > 0
    assert issue not in judge(image, mesh, **{key: value}).issues
    assert issue not in judge(image, mesh, **{key: value * (1 + 0.01 * wider)}).issues
    assert issue in judge(image, mesh, **{key: value * (1 - 0.01 * wider)}).issues


def test_what_is_measured_is_told_also_of_a_good_face() -> None:
    mesh = make_mesh(width=120, pose=Pose(10, 0, 0), presence=0.95)
    quality = judge(mesh=mesh)
    assert quality.face_height_px == face_height(mesh)
    assert quality.pose == head_pose(mesh)
    assert quality.presence == 0.95
    assert quality.cover == face_cover(IMAGE, mesh)
    assert quality.brightness == pytest.approx(128 / 255, abs=0.01)


@pytest.mark.parametrize("width", [60.0, 120.0, 240.0])
def test_brightness_does_not_depend_on_the_distance(width: float) -> None:
    assert judge(make_image(level=90), make_mesh(width=width)).brightness == pytest.approx(90 / 255, abs=0.02)


def test_blur_lowers_the_sharpness() -> None:
    sharp = make_image(level=128, grain=60)
    values = [judge(np.asarray(cv2.GaussianBlur(sharp, (0, 0), s), np.uint8)).sharpness for s in (0.5, 1.5, 4.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < QualitySettings().min_sharpness < values[0]


angles = st.floats(-35, 35)


@given(angles, angles, st.floats(-60, 60))
def test_the_pose_of_a_head_is_read_from_its_mesh(yaw: float, pitch: float, roll: float) -> None:
    """A head that is turned and nods at once seems to nod less, by up to a quarter of the turn."""
    pose = head_pose(make_mesh(pose=Pose(yaw, pitch, roll)))
    assert (pose.yaw_deg, pose.roll_deg) == pytest.approx((yaw, roll), abs=0.01)
    assert pose.pitch_deg == pytest.approx(pitch, abs=1.0 + abs(yaw) / 4)


@pytest.mark.parametrize(
    ("pose", "axis", "sign"),
    [(Pose(25, 0, 0), 0, 1), (Pose(-25, 0, 0), 0, -1), (Pose(0, 20, 0), 1, -1), (Pose(0, -20, 0), 1, 1)],
)
def test_the_nose_points_where_the_head_looks(pose: Pose, axis: int, sign: int) -> None:
    """To the subject's own left is the right of the frame; up is less y."""
    mesh, straight = make_mesh(pose=pose), make_mesh()
    eyes = [33, 263]
    nose = (mesh.points[1] - mesh.points[eyes].mean(axis=0))[axis]
    nose -= (straight.points[1] - straight.points[eyes].mean(axis=0))[axis]
    assert nose * sign > 10
    read = head_pose(mesh)
    assert (read.yaw_deg, read.pitch_deg)[axis] == pytest.approx((pose.yaw_deg, pose.pitch_deg)[axis], abs=2)


def painted(
    mesh: Mesh,
    *,
    skin: tuple[int, int, int] = SKIN,
    lower: tuple[int, int, int] | None = None,
    left: tuple[int, int, int] | None = None,
) -> Image:
    """A face of one colour, whose lower part or left half has another; grainy, so that it is sharp."""
    image = np.empty((480, 640, 3), np.uint8)
    image[:] = skin
    eyes, nose = mesh.points[[33, 263], :2].mean(axis=0), mesh.points[1, :2]
    if lower is not None:
        image[int((eyes[1] + nose[1]) / 2) :] = lower
    if left is not None:
        image[:, int(nose[0]) + 1 :] = left
    grain = make_image(level=128, grain=30).astype(int) - 128
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def test_a_face_of_one_colour_is_not_covered() -> None:
    assert face_cover(painted(make_mesh()), make_mesh()) < 0.5


@pytest.mark.parametrize("covering", [{"lower": BLUE_MASK}, {"lower": (15, 15, 15)}, {"left": (90, 60, 40)}])
def test_a_mask_or_a_hand_of_another_colour_covers(covering: dict[str, Any]) -> None:
    mesh = make_mesh()
    image = painted(mesh, **covering)
    assert face_cover(image, mesh) >= 1.0
    assert judge(image, mesh).issues == (QualityIssue.OCCLUDED,)


def test_a_dark_brow_over_a_bright_chin_is_no_cover() -> None:
    """A hat's shadow, a beard's absence: only a lower face that is darker is suspicious."""
    mesh = make_mesh()
    shade = tuple(level // 2 for level in SKIN)
    assert face_cover(painted(mesh, skin=shade, lower=SKIN), mesh) < 1.0


@given(st.floats(-900, 1500), st.floats(-900, 1500), st.floats(2, 3000), angles)
def test_a_face_anywhere_and_of_any_size_is_judged_without_an_exception(
    x: float, y: float, width: float, yaw: float
) -> None:
    quality = judge(mesh=make_mesh(centre=(x, y), width=width, pose=Pose(yaw, 0, 0)))
    assert math.isfinite(quality.sharpness)
    assert math.isfinite(quality.cover)
    if not (0 < x < 640 and 0 < y < 480):
        assert QualityIssue.CUT_OFF in quality.issues


def test_a_tiny_frame_is_judged_without_an_exception() -> None:
    assert not judge(np.zeros((2, 3, 3), np.uint8)).is_sufficient


def test_a_portrait_passes_every_gate_and_a_painted_mask_on_it_does_not(stills: StillExtractor) -> None:
    image = grace_hopper()
    mesh = stills.locate(image)
    assert judge(image, mesh).issues == ()
    masked = image.copy()
    outline = mesh.points[[234, 132, 58, 172, 136, 150, 152, 379, 365, 397, 288, 361, 454, 197], :2].astype(int)
    cv2.fillPoly(masked, [outline], BLUE_MASK)
    assert QualityIssue.OCCLUDED in judge(masked, replace(mesh, presence=1.0)).issues
