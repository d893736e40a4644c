"""Heads and sheets before the motion cue: rendered pictures with the meshes that truly lie on them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from device.config import LivenessSettings
from device.liveness.canonical import mean_face, onto_sheet, place_head, relief, rigid_points
from device.liveness.flow import follow
from device.liveness.solidity import Motion, Shape, Solidity
from device.liveness.view import look_at
from device.measure.simulate.lamps import GAMMA, Conditions, Subject, light_up
from device.measure.simulate.lens import rotation
from device.measure.simulate.posture import Posture
from device.measure.simulate.puppet import Puppet
from device.types import Image, Mesh

SETTINGS = LivenessSettings()
FRAMES = 36


def swing(number: int, degrees: float) -> float:
    return degrees * math.sin(2 * math.pi * number / 30)


def head(puppet: Puppet, *, turn_deg: float) -> Iterator[tuple[Image, Mesh]]:
    for number in range(FRAMES):
        posture = Posture(yaw_deg=swing(number, turn_deg), pitch_deg=swing(number, turn_deg / 3), distance_mm=560.0)
        points = np.column_stack([puppet.face_points(posture), np.zeros(468, np.float32)])
        yield puppet.render(posture, t_s=number / 15), Mesh(points.astype(np.float32), 1.0)


def sheet(person: tuple[Image, Mesh], subject: Subject, *, turn_deg: float) -> Iterator[tuple[Image, Mesh]]:
    grain = np.random.default_rng(2)
    for number in range(FRAMES):
        posture = Posture(yaw_deg=swing(number, turn_deg), pitch_deg=swing(number, turn_deg / 2), distance_mm=420.0)
        lit = light_up(*person, subject=subject, posture=posture, conditions=Conditions())
        levels = 255.0 * np.clip(0.8 * lit.ambient, 0, 1) ** (1 / GAMMA) + grain.normal(0, 2.0, lit.ambient.shape)
        points = np.column_stack([lit.points, np.zeros(468, np.float32)])
        yield np.clip(levels, 0, 255).astype(np.uint8), Mesh(points.astype(np.float32), 1.0)


def motion_of(frames: Iterator[tuple[Image, Mesh]]) -> Motion:
    cue = Solidity()
    for image, mesh in frames:
        cue.observe(image, mesh)
    return cue.motion


def test_a_head_that_turns_is_solid(puppet: Puppet) -> None:
    assert motion_of(head(puppet, turn_deg=18.0)).shape(SETTINGS) is Shape.SOLID


@pytest.mark.parametrize("subject", [Subject.FLAT_PRINT, Subject.BENT_PRINT])
def test_a_sheet_that_is_waved_is_flat_however_it_is_bent(
    portrait: Image, portrait_mesh: Mesh, subject: Subject
) -> None:
    moved = motion_of(sheet((portrait, portrait_mesh), subject, turn_deg=25.0))
    assert moved.shape(SETTINGS) is Shape.FLAT, moved


def test_a_head_that_holds_still_tells_nothing(puppet: Puppet) -> None:
    assert motion_of(head(puppet, turn_deg=0.0)).shape(SETTINGS) is Shape.UNKNOWN


def test_the_first_frame_tells_nothing(puppet: Puppet) -> None:
    cue = Solidity()
    cue.observe(*next(head(puppet, turn_deg=0.0)))
    assert cue.motion == Motion(0.0, 0.0, 0.0, 1.0)


def test_pictures_without_anything_to_follow_tell_nothing(portrait_mesh: Mesh) -> None:
    blank = look_at(np.full((480, 640, 3), 90, np.uint8), portrait_mesh)
    assert follow(blank, blank) is None


def test_a_mesh_that_slid_onto_something_else_is_not_compared(puppet: Puppet) -> None:
    """Half a face height lower the mesh lies on other things, and a slide from there looks like depth."""
    image, mesh = next(head(puppet, turn_deg=0.0))
    slid = Mesh(mesh.points + np.array([0, 0.5 * np.ptp(mesh.points[:, 1]), 0], np.float32), 1.0)
    assert look_at(image, mesh).likeness(look_at(image, mesh)) == pytest.approx(1.0)
    assert look_at(image, mesh).likeness(look_at(image, slid)) < 0.35


def test_what_was_seen_before_the_mesh_jumped_counts_no_more(puppet: Puppet) -> None:
    """A mesh that is put back onto its face looks as if the face had changed its shape."""
    cue = Solidity()
    for image, mesh in head(puppet, turn_deg=18.0):
        cue.observe(image, mesh)
    assert cue.motion.depth > SETTINGS.min_depth
    slid = Mesh(mesh.points + np.array([0, 0.5 * np.ptp(mesh.points[:, 1]), 0], np.float32), 1.0)
    cue.observe(image, slid)
    assert cue.motion == Motion(0.0, 0.0, 0.0, 1.0)


def test_an_early_view_that_differs_is_remembered_however_long_the_head_then_holds_still(puppet: Puppet) -> None:
    cue = Solidity()
    turned, *_ = (frame for number, frame in enumerate(head(puppet, turn_deg=15.0)) if number >= 7)
    for _ in range(2):
        cue.observe(*turned)
    still = list(head(puppet, turn_deg=0.0))
    for number in range(60):
        cue.observe(*still[number % FRAMES])
    early = cue.motion.change
    assert early > SETTINGS.min_change


def test_the_relief_of_a_face_is_its_nose_and_its_eyes() -> None:
    stands_out = relief()
    assert np.argmin(stands_out) in {1, 4, 44, 274, 19}  # the tip of the nose
    assert stands_out[[33, 263]].min() > 0.0
    terms = onto_sheet(mean_face()[:, :2])
    assert np.abs(terms @ stands_out).max() < 1e-9


def test_the_mean_face_is_symmetric_and_one_eye_distance_wide() -> None:
    face = mean_face()
    right, left = face[[33, 133]].mean(axis=0), face[[362, 263]].mean(axis=0)
    assert np.hypot(*(left - right)[:2]) == pytest.approx(1.0, abs=0.02)
    assert np.allclose(face[33] * [-1, 1, 1], face[263], atol=0.01)
    assert len(rigid_points()) > 200


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (20, 0, 0), (-15, 8, 0), (5, -12, 10), (0, 0, -20)])
def test_a_turned_head_is_placed_where_it_points(yaw: float, pitch: float, roll: float) -> None:
    turned = mean_face() @ rotation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll).T * 60.0 + (320, 240, 0)
    placed = place_head(Mesh(turned.astype(np.float32), 1.0))
    assert (placed.pose.yaw_deg, placed.pose.pitch_deg, placed.pose.roll_deg) == pytest.approx(
        (yaw, pitch, roll), abs=0.1
    )
    assert placed.scale == pytest.approx(60.0, rel=0.01)


def test_a_mesh_without_extent_points_nowhere() -> None:
    assert place_head(Mesh(np.zeros((468, 3), np.float32), 1.0)).scale == 0.0
