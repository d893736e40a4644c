"""What the real networks make of simulated visitors: a puppet is followed as a live head, paper never is."""

from __future__ import annotations

import numpy as np
import pytest

from device.app import build_vision
from device.clock import FakeClock
from device.config import LivenessSettings, Settings
from device.liveness.verdict import LivenessJudge
from device.measure.simulate.posture import walk_up
from device.measure.simulate.print_attack import PrintAttack, crop_to_face
from device.measure.simulate.puppet import Puppet, PuppetVisitor
from device.measure.simulate.scenes import StagedCamera, Visit, Visitor
from device.measure.simulate.sheet import Handling, wave
from device.stopwatch import Stopwatch
from device.types import Attack, BonaFide, Frame, Image, Mesh, PadVerdict
from device.vision.track import Track
from models.store import Installed

SETTINGS = Settings()
PASSIVE = LivenessSettings(mode="passive")  # cooperative asks everybody where texture is not measured
WALK = walk_up(3, from_mm=1000.0, walk_s=1.0)


def film(visitor: Visitor, networks: Installed, *, seconds: float) -> list[tuple[Frame, list[Track]]]:
    """Every frame at 15 a second, and the tracks in it."""
    tracker = build_vision(SETTINGS, networks, Stopwatch()).tracker
    camera = StagedCamera([Visit("visitor", visitor, seconds)], rate_hz=15.0, clock=FakeClock())
    return [(frame, tracker.follow(frame)) for frame in camera.frames()]


def follow(visitor: Visitor, networks: Installed, *, seconds: float) -> list[list[Track]]:
    """The tracks in every frame."""
    return [tracks for _, tracks in film(visitor, networks, seconds=seconds)]


def verdicts_by_motion_alone(film: list[tuple[Frame, list[Track]]]) -> list[PadVerdict]:
    """What liveness says in the end of each track, without texture."""
    judges: dict[int, LivenessJudge] = {}
    for frame, tracks in film:
        for track in tracks:
            judge = judges.setdefault(track.id, LivenessJudge(PASSIVE))
            judge.observe(frame.image, track.mesh, texture_score=None)
    return [judge.verdict() for judge in judges.values()]


def test_a_puppet_is_one_track_from_the_moment_it_is_near(puppet: Puppet, networks: Installed) -> None:
    frames = follow(PuppetVisitor(puppet, WALK), networks, seconds=5.0)
    assert all(len(tracks) == 1 for tracks in frames[15:])
    assert len({tracks[0].id for tracks in frames[15:]}) == 1


def test_the_mesh_lies_where_the_puppets_face_truly_is(puppet: Puppet, networks: Installed) -> None:
    """Within five hundredths of the distance between the outer eye corners, in the median over four seconds."""
    frames = follow(PuppetVisitor(puppet, WALK), networks, seconds=4.0)
    errors = []
    for number, tracks in enumerate(frames):
        if tracks:
            truth = puppet.face_points(WALK(number / 15.0))
            apart = np.linalg.norm(tracks[0].mesh.points[:, :2] - truth, axis=1).mean()
            errors.append(apart / np.linalg.norm(truth[33] - truth[263]))
    assert np.median(errors) < 0.05


def test_a_puppet_that_turns_its_head_is_bona_fide_by_its_motion(puppet: Puppet, networks: Installed) -> None:
    verdicts = verdicts_by_motion_alone(film(PuppetVisitor(puppet, WALK), networks, seconds=6.0))
    assert [type(verdict) for verdict in verdicts] == [BonaFide]


@pytest.mark.parametrize("handling", [wave(1), wave(2, tilt_deg=30.0), wave(3, bend_deg=40.0, flex_deg=10.0)])
def test_a_waved_print_is_never_bona_fide_by_its_motion(
    portrait: Image, portrait_mesh: Mesh, networks: Installed, handling: Handling
) -> None:
    attack = PrintAttack(crop_to_face(portrait, portrait_mesh), handling)
    verdicts = verdicts_by_motion_alone(film(attack, networks, seconds=6.0))
    assert verdicts
    assert not any(isinstance(verdict, BonaFide) for verdict in verdicts)


def test_a_print_does_not_look_like_skin(portrait: Image, portrait_mesh: Mesh, standard_networks: Installed) -> None:
    vision = build_vision(SETTINGS, standard_networks, Stopwatch())
    assert vision.texture is not None
    attack = PrintAttack(crop_to_face(portrait, portrait_mesh), wave(1))
    judge = LivenessJudge(SETTINGS.liveness)
    camera = StagedCamera([Visit("print", attack, 4.0)], rate_hz=15.0, clock=FakeClock())
    for frame in camera.frames():
        for track in vision.tracker.follow(frame):
            judge.observe(frame.image, track.mesh, texture_score=vision.texture.bona_fide_score(frame.image, track.box))
    assert isinstance(judge.verdict(), Attack)
