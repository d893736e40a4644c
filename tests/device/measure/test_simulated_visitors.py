"""The puppet moves like a head, a print like paper, a screen like the clip that it shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from device.measure.simulate.expression import INNER_LOWER_LIP, INNER_UPPER_LIP, LOWER_LIDS, UPPER_LIDS
from device.measure.simulate.lens import Lens
from device.measure.simulate.posture import Posture, stand_still, walk_up
from device.measure.simulate.print_attack import PAPER_WHITE, PrintAttack, crop_to_face, print_on_paper
from device.measure.simulate.puppet import Puppet, PuppetVisitor
from device.measure.simulate.replay import ReplayAttack, Screen, show_on_screen
from device.measure.simulate.sheet import Hold, Swing, hold_sheet, swing, wave
from device.types import Image, Mesh

REST = Posture(distance_mm=600.0)


def planar_residual(before: np.ndarray, after: np.ndarray, eye_distance: float) -> float:
    """What no homography explains, root mean square, in eye distances."""
    homography, _ = cv2.findHomography(before, after, 0)
    moved = cv2.perspectiveTransform(before[None], homography)[0]
    return float(np.sqrt(((moved - after) ** 2).sum(axis=1).mean()) / eye_distance)


def test_the_same_portrait_and_seed_give_the_same_frames(portrait: Image, portrait_mesh: Mesh, puppet: Puppet) -> None:
    twin = Puppet(portrait, portrait_mesh, seed=3)
    posture = walk_up(5)(2.0)
    assert np.array_equal(twin.render(posture, t_s=2.0), puppet.render(posture, t_s=2.0))


def test_another_seed_is_another_room(portrait: Image, portrait_mesh: Mesh, puppet: Puppet) -> None:
    other = Puppet(portrait, portrait_mesh, seed=4)
    assert not np.array_equal(other.empty_room(), puppet.empty_room())


def test_a_frame_has_the_lenss_size(portrait: Image, portrait_mesh: Mesh) -> None:
    frame = Puppet(portrait, portrait_mesh, lens=Lens(width_px=320, height_px=240)).render(REST)
    assert frame.shape == (240, 320, 3)
    assert frame.dtype == np.uint8


def test_the_person_is_in_the_frame_and_not_in_the_empty_room(puppet: Puppet) -> None:
    nose = puppet.face_points(REST)[1].round().astype(int)
    change = np.abs(puppet.render(REST).astype(int) - puppet.empty_room().astype(int)).max(axis=2)
    assert change[nose[1], nose[0]] > 30
    assert change[:20].max() < 25  # only noise above the head


def test_nobody_is_seen_who_stands_far_beside_the_frame(puppet: Puppet) -> None:
    away = puppet.render(Posture(x_mm=9000.0))
    assert np.array_equal(away, puppet.empty_room())


def test_a_turned_head_moves_as_no_plane_can(puppet: Puppet) -> None:
    before, after = (puppet.face_points(Posture(yaw_deg=yaw, distance_mm=600.0)) for yaw in (0.0, 20.0))
    eyes = float(np.linalg.norm(before[33] - before[263]) * 0.7)
    assert planar_residual(before, after, eyes) > 0.05


def test_turning_to_the_own_left_brings_the_nose_to_the_right_of_the_eyes(puppet: Puppet) -> None:
    points = puppet.face_points(Posture(yaw_deg=20.0, distance_mm=600.0))
    rest = puppet.face_points(REST)
    middle = [33, 263]
    assert points[1, 0] - points[middle, 0].mean() > rest[1, 0] - rest[middle, 0].mean() + 5


def test_the_mesh_of_the_portrait_is_where_the_puppets_face_is(
    portrait: Image, portrait_mesh: Mesh, puppet: Puppet
) -> None:
    """The texture sticks to the mesh: the frame around each eye corner looks like the portrait around it."""
    points = puppet.face_points(REST)
    frame = puppet.render(REST)
    scale = np.ptp(points[:, 1]) / np.ptp(portrait_mesh.points[:, 1])
    scaled = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for number in (33, 263, 61, 291, 1):
        x, y = points[number].round().astype(int)
        u, v = (portrait_mesh.points[number, :2] * scale).round().astype(int)
        patch, wanted = frame[y - 8 : y + 9, x - 8 : x + 9], scaled[v - 8 : v + 9, u - 8 : u + 9]
        assert cv2.matchTemplate(patch, wanted, cv2.TM_CCOEFF_NORMED)[0, 0] > 0.6


def test_closing_the_eyes_brings_the_lids_together(puppet: Puppet) -> None:
    opened = puppet.face_points(REST)
    closed = puppet.face_points(Posture(distance_mm=600.0, eyes_closed=1.0))
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        gaps = [np.abs(p[list(upper), 1] - p[list(lower), 1])[2:-2].mean() for p in (opened, closed)]
        assert gaps[1] < 0.15 * gaps[0]


def test_opening_the_mouth_parts_the_lips_and_drops_the_chin(puppet: Puppet) -> None:
    shut, wide = (puppet.face_points(Posture(distance_mm=600.0, mouth_open=m)) for m in (0.0, 1.0))
    gaps = [(p[list(INNER_LOWER_LIP), 1] - p[list(INNER_UPPER_LIP), 1])[3:-3].mean() for p in (shut, wide)]
    assert gaps[1] > gaps[0] + 0.1 * np.ptp(shut[:, 1])
    assert wide[152, 1] > shut[152, 1] + 5


def test_a_large_portrait_gives_the_same_person_as_a_small_one(portrait: Image, portrait_mesh: Mesh) -> None:
    large = cv2.resize(portrait, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    frame = Puppet(np.asarray(large, np.uint8), Mesh(portrait_mesh.points * 3, 1.0), seed=3).render(REST)
    twin = Puppet(portrait, portrait_mesh, seed=3).render(REST)
    middle = slice(150, 330), slice(250, 390)
    assert np.abs(frame[middle].astype(int) - twin[middle].astype(int)).mean() < 8


def test_a_walk_is_deterministic_comes_near_and_turns_both_ways() -> None:
    walk, again = walk_up(7), walk_up(7)
    times = np.arange(0, 10, 0.1)
    assert [walk(t) for t in times] == [again(t) for t in times]
    assert walk(0.0).distance_mm > 1500
    yaws = [walk(t).yaw_deg for t in times if t > 2.5]
    assert max(yaws) > 15
    assert min(yaws) < -15
    assert 550 < walk(6.0).distance_mm < 700


def test_people_blink_while_they_wait() -> None:
    walk = walk_up(1)
    closed = [walk(t).eyes_closed for t in np.arange(0, 12, 0.02)]
    assert max(closed) > 0.8
    assert np.mean(np.array(closed) > 0) < 0.15


def test_standing_still_is_perfectly_still() -> None:
    motion = stand_still(distance_mm=500.0)
    assert motion(0.0) == motion(9.0)


def test_a_swung_sheet_turns_to_both_sides_as_far_as_it_is_told() -> None:
    handling = swing(4, Swing(yaw_deg=20.0), flex_deg=10.0)
    holds = [handling(t_s) for t_s in np.arange(0.0, 3.0, 0.02)]
    yaws = [hold.posture.yaw_deg for hold in holds]
    assert (min(yaws), max(yaws)) == pytest.approx((-20.0, 20.0), abs=0.1)
    assert {hold.posture.pitch_deg for hold in holds} == {0.0}
    assert max(hold.bend_deg for hold in holds) == pytest.approx(10.0, abs=0.1)


def test_a_flat_print_moves_exactly_as_a_plane() -> None:
    handling = wave(2)
    lens = Lens()
    before = lens.project(hold_sheet((200.0, 280.0), handling(2.0))[0])
    for t_s in (2.5, 3.0, 4.5):
        after = lens.project(hold_sheet((200.0, 280.0), handling(t_s))[0])
        assert planar_residual(before, after, 50.0) < 1e-3


def test_a_bent_print_does_not_move_as_a_plane() -> None:
    lens = Lens()
    sheets = [
        lens.project(
            hold_sheet((200.0, 280.0), Hold(posture=Posture(yaw_deg=yaw, distance_mm=400.0), bend_deg=70.0))[0]
        )
        for yaw in (-20.0, 20.0)
    ]
    assert planar_residual(sheets[0], sheets[1], 50.0) > 0.02


def test_a_positive_bend_bulges_towards_the_camera() -> None:
    vertices, _ = hold_sheet((200.0, 280.0), Hold(posture=Posture(distance_mm=400.0), bend_deg=60.0))
    middle, edge = vertices[12], vertices[0]
    assert middle[2] == pytest.approx(400.0, abs=0.1)
    assert edge[2] > middle[2] + 10


def test_a_print_is_deterministic_in_its_seed(portrait: Image) -> None:
    frames = [PrintAttack(portrait, seed=seed).frame_at(2.0) for seed in (1, 1, 2)]
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def test_paper_is_never_brighter_than_paper_nor_darker_than_ink(portrait: Image) -> None:
    sheet = print_on_paper(portrait, border=0.04, seed=0)
    assert sheet[..., :3].max() <= PAPER_WHITE
    assert sheet[..., :3].min() >= 30
    assert (sheet[..., 3] == 255).all()


def test_what_is_printed_holds_the_whole_face(portrait: Image, portrait_mesh: Mesh) -> None:
    part = crop_to_face(portrait, portrait_mesh)
    assert part.shape[0] > np.ptp(portrait_mesh.points[:, 1])
    assert part.shape[1] > np.ptp(portrait_mesh.points[:, 0])


def test_a_screen_shows_the_clip_of_that_moment() -> None:
    colours = {0: (255, 60, 60), 1: (60, 60, 255)}
    attack = ReplayAttack(lambda t_s: np.full((480, 640, 3), colours[int(t_s) % 2], np.uint8), seed=1)
    early, late = (attack.frame_at(t_s)[220:260, 300:340].mean(axis=(0, 1)) for t_s in (4.5, 5.5))
    assert early[0] > early[2] + 80
    assert late[2] > late[0] + 80


def test_a_screen_has_a_dark_rim_and_no_true_black() -> None:
    shown = show_on_screen(np.zeros((300, 400, 3), np.uint8), bezel=0.05)
    assert shown[0, 0, :3].max() < 30
    assert shown[shown.shape[0] // 2, shown.shape[1] // 2, :3].min() > 10


def test_moire_and_bands_come_and_go_with_their_contrast() -> None:
    grey = np.full((480, 640, 3), 128, np.uint8)
    spreads = []
    for contrast in (0.0, 0.2):
        screen = Screen(moire=contrast, flicker=contrast)
        frame = ReplayAttack(lambda _: grey, screen=screen, seed=1).frame_at(3.0)
        spreads.append(frame[200:280, 280:360].astype(float).std())
    assert spreads[1] > spreads[0] + 3


def test_a_visitor_follows_its_motion(puppet: Puppet) -> None:
    motion = walk_up(3)
    assert np.array_equal(PuppetVisitor(puppet, motion).frame_at(1.0), puppet.render(motion(1.0), t_s=1.0))
