"""Heads and planes in motion, from true points: what the cue makes of them when the mesh is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
from builders import make_mesh
from hypothesis import given
from hypothesis import strategies as st

from device.config import LivenessSettings
from device.liveness.parallax import VIEW_EVERY, VIEWS_KEPT, Motion, Parallax, Shape, strongest_motion
from device.types import Mesh, Pose

SETTINGS = LivenessSettings()
FRAMES = 45  # three seconds


def shape_of(meshes: Iterator[Mesh]) -> Shape:
    parallax = Parallax()
    for mesh in meshes:
        parallax.observe(mesh)
    return parallax.shape(SETTINGS)


def head(turn_deg: Callable[[int], float]) -> Iterator[Mesh]:
    """A head that turns; `turn_deg` of the frame's number."""
    for number in range(FRAMES):
        yield make_mesh(pose=Pose(turn_deg(number), 0, 0))


def swing(amplitude: float, *, frames: int = 30) -> Callable[[int], float]:
    return lambda number: amplitude * math.sin(2 * math.pi * number / frames)


def picture(*, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0, distance: float = 3.0) -> Mesh:
    """A flat picture of a head, held up at an angle `distance` picture heights away, in true perspective."""
    flat = make_mesh(centre=(0, 0), width=1.0, pose=Pose(12, 0, 0)).points[:, :2]
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    x, y = flat.T
    y, z = y * math.cos(pitch), -y * math.sin(pitch)
    x, z = x * math.cos(yaw) - z * math.sin(yaw), x * math.sin(yaw) + z * math.cos(yaw)
    x, y = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    points = np.stack([x, y], axis=1) * 450 / (distance + z)[:, None] + (320, 240)
    return Mesh(np.concatenate([points, np.zeros((468, 1))], axis=1).astype(np.float32), 1.0)


def test_a_head_that_turns_is_solid() -> None:
    assert shape_of(head(swing(20))) is Shape.SOLID


@pytest.mark.parametrize("amplitude", [30.0, 50.0])
def test_a_picture_that_is_waved_is_flat(amplitude: float) -> None:
    turn = swing(amplitude)
    assert shape_of(picture(yaw_deg=turn(n), pitch_deg=turn(n) / 2) for n in range(FRAMES)) is Shape.FLAT


@given(st.floats(0, 60), st.floats(0, 45), st.floats(0, 90), st.floats(1.2, 5), st.integers(10, 60))
def test_no_way_of_waving_a_picture_makes_it_solid(
    yaw: float, pitch: float, roll: float, distance: float, frames: int
) -> None:
    poses = [
        picture(
            yaw_deg=swing(yaw, frames=frames)(n),
            pitch_deg=swing(pitch, frames=frames + 7)(n),
            roll_deg=swing(roll, frames=frames + 3)(n),
            distance=distance,
        )
        for n in range(FRAMES)
    ]
    assert shape_of(iter(poses)) is not Shape.SOLID


@given(st.floats(12, 40), st.integers(20, 60), st.floats(-30, 30))
def test_no_way_of_turning_makes_a_head_flat(amplitude: float, frames: int, roll: float) -> None:
    turn = swing(amplitude, frames=frames)
    meshes = (make_mesh(pose=Pose(turn(n), turn(n) / 3, roll)) for n in range(FRAMES))
    assert shape_of(meshes) is not Shape.FLAT


def test_a_head_that_holds_still_tells_nothing() -> None:
    assert shape_of(head(lambda _: 5.0)) is Shape.UNKNOWN


def test_a_trembling_mesh_tells_nothing() -> None:
    """Half a pixel of noise on every point, as the network has it on a face 150 pixels wide."""
    source = np.random.default_rng(5)
    still = make_mesh()
    meshes = (Mesh((still.points + source.normal(0, 0.5, (468, 3))).astype(np.float32), 1.0) for _ in range(4 * FRAMES))
    assert shape_of(meshes) is Shape.UNKNOWN


def test_walking_up_and_tilting_the_head_tell_nothing() -> None:
    """Neither a shift nor a zoom nor a roll tells a head from a picture."""
    parallax = Parallax()
    for n in range(FRAMES):
        parallax.observe(make_mesh(centre=(200 + 3 * n, 240 - n), width=60 + 4 * n, pose=Pose(0, 0, swing(25)(n))))
    assert parallax.strongest.change < 1e-3
    assert parallax.shape(SETTINGS) is Shape.UNKNOWN


def test_the_strongest_motion_is_kept() -> None:
    """Whoever has turned the head once may hold it still."""
    parallax = Parallax()
    for mesh in head(swing(20)):
        parallax.observe(mesh)
    strongest = parallax.strongest
    for _ in range(VIEWS_KEPT * VIEW_EVERY + 1):
        parallax.observe(make_mesh())
    assert parallax.strongest == strongest
    assert parallax.shape(SETTINGS) is Shape.SOLID


def test_a_larger_turn_is_a_stronger_motion() -> None:
    changes = []
    for amplitude in (5.0, 10.0, 20.0, 30.0):
        parallax = Parallax()
        for mesh in head(swing(amplitude)):
            parallax.observe(mesh)
        changes.append(parallax.strongest.change)
    assert changes == sorted(changes)


def test_one_view_in_which_the_mesh_did_not_fit_is_not_believed() -> None:
    """It is kept as a view and every later frame differs from it, but no second view agrees."""
    source = np.random.default_rng(5)
    still = make_mesh()
    misfit = Mesh((still.points + source.normal(0, 20, (468, 3))).astype(np.float32), 1.0)
    parallax = Parallax()
    parallax.observe(misfit)  # the first frame is always kept as a view
    for _ in range(FRAMES):
        parallax.observe(still)
    assert parallax.strongest.change < 1e-3


def test_the_first_frames_cannot_tell_anything() -> None:
    """There are not two earlier views yet."""
    parallax = Parallax()
    for mesh in (make_mesh(), make_mesh(pose=Pose(30, 0, 0)), make_mesh(pose=Pose(-30, 0, 0))):
        parallax.observe(mesh)
    assert parallax.strongest == Motion(0.0, 0.0)


@pytest.mark.parametrize(
    ("key", "factor", "shape"),
    [
        ("min_depth", 0.99, Shape.SOLID),
        ("min_depth", 1.01, Shape.UNKNOWN),
        ("min_solidity", 0.99, Shape.SOLID),
        ("min_solidity", 1.01, Shape.UNKNOWN),
    ],
)
def test_each_configured_bound_of_a_head_counts(key: str, factor: float, shape: Shape) -> None:
    parallax = Parallax()
    parallax.strongest = Motion(change=0.2, depth=0.15)
    measured = {"min_depth": 0.15, "min_solidity": 0.75}[key]
    assert parallax.shape(msgspec.structs.replace(SETTINGS, **{key: measured * factor})) is shape


@pytest.mark.parametrize(
    ("key", "factor", "shape"),
    [
        ("min_change", 0.99, Shape.FLAT),
        ("min_change", 1.01, Shape.UNKNOWN),
        ("max_flat_solidity", 1.01, Shape.FLAT),
        ("max_flat_solidity", 0.99, Shape.UNKNOWN),
    ],
)
def test_each_configured_bound_of_a_plane_counts(key: str, factor: float, shape: Shape) -> None:
    parallax = Parallax()
    parallax.strongest = Motion(change=0.2, depth=0.05)
    measured = {"min_change": 0.2, "max_flat_solidity": 0.25}[key]
    assert parallax.shape(msgspec.structs.replace(SETTINGS, **{key: measured * factor})) is shape


def test_a_motion_between_head_and_plane_is_neither() -> None:
    parallax = Parallax()
    parallax.strongest = Motion(change=0.2, depth=0.2 * 0.58)
    assert parallax.shape(SETTINGS) is Shape.UNKNOWN


@pytest.mark.parametrize("depth", [math.nan, math.inf])
def test_a_motion_that_is_no_number_is_no_head(depth: float) -> None:
    parallax = Parallax()
    parallax.strongest = Motion(change=math.nan, depth=depth)
    assert parallax.shape(SETTINGS) is Shape.UNKNOWN


def test_no_motion_has_no_solidity() -> None:
    assert Motion(0.0, 0.0).solidity == 0.0
    assert Motion(0.2, 0.1).solidity == 0.5


def view(mesh: Mesh) -> np.ndarray:
    points = mesh.points[:, :2].astype(np.float64)
    return (points - points.mean(axis=0)) / 100


def test_depth_never_exceeds_the_change_by_more_than_the_linear_solution_costs() -> None:
    """A homography can do whatever a similarity can; the linear solution minimises nearly the same."""
    earlier = np.stack([view(make_mesh(pose=Pose(yaw, 0, 0))) for yaw in (-20, -10, 0)])
    moved = strongest_motion(earlier, view(make_mesh(pose=Pose(15, 5, 3))))
    assert 0 < moved.depth <= moved.change * 1.05


def test_a_plane_in_perspective_has_change_without_depth() -> None:
    earlier = np.stack([view(picture(yaw_deg=yaw, distance=1.5)) for yaw in (-30, -30)])
    moved = strongest_motion(earlier, view(picture(yaw_deg=30, distance=1.5)))
    assert moved.change > 0.02
    assert moved.depth < 1e-4


def test_memory_stays_bounded() -> None:
    parallax = Parallax()
    for mesh in head(swing(20)):
        for _ in range(5):
            parallax.observe(mesh)
    assert len(parallax._views) == VIEWS_KEPT
