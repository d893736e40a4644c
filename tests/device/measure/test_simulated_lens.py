"""The simulated camera and its rasteriser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.measure.simulate.lens import Lens, rotation
from device.measure.simulate.posture import Posture
from device.measure.simulate.raster import build_texture, composite, rasterise, sample
from device.measure.simulate.sheet import Hold, hold_sheet, lay_sheet

NOSE = np.array([0.0, 0.0, -1.0])  # the way a face looks, towards the camera
CROWN = np.array([0.0, -1.0, 0.0])
ANGLES = st.floats(-80, 80)


def turned(what: np.ndarray, **angles: float) -> np.ndarray:
    return rotation(**({"yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0} | angles)) @ what


def test_positive_yaw_turns_the_nose_to_the_subjects_own_left_which_is_right_in_the_frame() -> None:
    assert turned(NOSE, yaw_deg=30.0)[0] == pytest.approx(0.5)


def test_positive_pitch_looks_up_which_is_up_in_the_frame() -> None:
    assert turned(NOSE, pitch_deg=30.0)[1] == pytest.approx(-0.5)


def test_positive_roll_tilts_the_crown_to_the_subjects_own_left_shoulder() -> None:
    assert turned(CROWN, roll_deg=30.0)[0] == pytest.approx(0.5)


@given(ANGLES, ANGLES, ANGLES)
def test_a_rotation_keeps_lengths_and_handedness(yaw: float, pitch: float, roll: float) -> None:
    matrix = rotation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll).astype(float)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-5)


def test_a_point_on_the_axis_appears_in_the_middle_and_the_edge_of_view_at_the_frames_edge() -> None:
    lens = Lens(width_px=640, height_px=480, view_deg=90.0)
    points = lens.project(np.array([[0.0, 0.0, 500.0], [500.0, 0.0, 500.0]], dtype=np.float32))
    assert points.tolist() == [[320.0, 240.0], [pytest.approx(640.0, abs=1e-3), 240.0]]


@pytest.mark.parametrize("options", [{"width_px": 4}, {"height_px": 0}, {"view_deg": 0.0}, {"view_deg": 179.0}])
def test_an_impossible_lens_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"at least|between"):
        Lens(**options)  # type: ignore[arg-type]


def gradient(width: int, height: int) -> np.ndarray:
    """A picture whose blue is the column and whose green is the row."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return np.dstack([columns, rows, np.zeros_like(rows), np.full_like(rows, 255)]).astype(np.uint8)


def shown(yaw_deg: float, **lens_options: int) -> tuple[np.ndarray, Lens]:
    lens = Lens(**lens_options)
    surface = lay_sheet(build_texture(gradient(200, 100)))
    vertices, _ = hold_sheet((200.0, 100.0), Hold(posture=Posture(yaw_deg=yaw_deg, distance_mm=lens.focal_px)))
    footprint = rasterise(surface, vertices, np.ones(surface.triangles.shape, np.float32), lens)
    frame = np.full((lens.height_px, lens.width_px, 3), 77, np.uint8)
    if footprint is not None:
        composite(frame, sample(surface.texture, footprint), footprint)
    return frame, lens


def test_a_sheet_at_focal_distance_is_shown_pixel_for_texel() -> None:
    frame, lens = shown(0.0)
    left, top = lens.width_px // 2 - 100, lens.height_px // 2 - 50
    part = frame[top + 5 : top + 95, left + 5 : left + 195].astype(int)
    expected = gradient(200, 100)[5:95, 5:195, :3].astype(int)
    assert np.abs(part - expected).max() <= 2


def test_where_nothing_is_the_frame_keeps_its_background() -> None:
    frame, _ = shown(0.0)
    assert (frame[:100] == 77).all()


def test_the_back_of_a_sheet_is_not_shown() -> None:
    frame, _ = shown(180.0)
    assert (frame == 77).all()


def test_a_turned_sheet_is_shown_in_perspective_exactly_as_the_camera_equation_says() -> None:
    frame, lens = shown(40.0)
    spin = rotation(yaw_deg=40.0, pitch_deg=0.0, roll_deg=0.0)
    for column in (20, 60, 150, 185):
        point = spin @ np.array([(column / 199 - 0.5) * 200, 0.0, 0.0]) + np.array([0.0, 0.0, lens.focal_px])
        x, y = lens.project(point[None].astype(np.float32))[0]
        assert frame[round(float(y)), round(float(x)), 0] == pytest.approx(column, abs=2)


def test_of_two_surfaces_in_one_mesh_the_nearer_hides_the_further() -> None:
    lens = Lens()
    surface = lay_sheet(build_texture(gradient(200, 100)))
    vertices, _ = hold_sheet((200.0, 100.0), Hold(posture=Posture(distance_mm=600.0)))
    right_half = surface.uv[:, 0] > 100
    vertices[right_half] = vertices[right_half] * [-1, 1, 0.5]  # folded over, nearer, before the left half
    footprint = rasterise(surface, vertices, np.ones(surface.triangles.shape, np.float32), lens)
    assert footprint is not None
    assert footprint.u[footprint.u >= 0].min() < 100  # what faces the camera is the part that was not turned over


def test_a_surface_out_of_view_has_no_footprint() -> None:
    surface = lay_sheet(build_texture(gradient(200, 100)))
    vertices, _ = hold_sheet((200.0, 100.0), Hold(posture=Posture(x_mm=5000.0, distance_mm=600.0)))
    assert rasterise(surface, vertices, np.ones(surface.triangles.shape, np.float32), Lens()) is None


def test_a_distant_surface_uses_a_smaller_texture_level() -> None:
    surface = lay_sheet(build_texture(gradient(200, 200)))
    levels = []
    for distance_mm in (500.0, 3000.0):
        vertices, _ = hold_sheet((200.0, 200.0), Hold(posture=Posture(distance_mm=distance_mm)))
        footprint = rasterise(surface, vertices, np.ones(surface.triangles.shape, np.float32), Lens())
        assert footprint is not None
        levels.append(footprint.level)
    assert levels[0] < levels[1]
