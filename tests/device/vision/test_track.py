from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from builders import as_detected, make_face, make_frame, make_image, make_mesh
from fakes import FakeDetector, FakeFitter

from device.config import DetectionSettings
from device.stopwatch import Stopwatch
from device.types import Face, Mesh, TrackId
from device.vision.boxes import overlap
from device.vision.mesh import face_box
from device.vision.track import LONGEST_GAP_S, MISSES_ALLOWED, RECHECK_S, SETTLED, FaceTracker, Track

FRAME_S = 1 / 15
IMAGE = make_image()


class Corridor:
    """Faces before a camera, what a detector and a mesh make of them, and a tracker that is shown frame after frame."""

    def __init__(self, **settings: object) -> None:
        self.faces: dict[str, Mesh] = {}
        self.detector = FakeDetector()
        self.fitter = FakeFitter(self.fit)
        self.settings = msgspec.structs.replace(DetectionSettings(), **settings)
        self.tracker = FaceTracker(self.detector, self.fitter, self.settings, Stopwatch())
        self.now = 1000.0

    def fit(self, start: Face | Mesh) -> Mesh:
        """The face that the start lies on; where none is, what was there, and nobody believes in it."""
        box = start.box if isinstance(start, Face) else face_box(start)
        nearest = max(self.faces.values(), key=lambda mesh: overlap(face_box(mesh), box), default=None)
        if nearest is not None and overlap(face_box(nearest), box) > 0.05:
            return nearest
        return Mesh(start.points, 0.0) if isinstance(start, Mesh) else make_mesh(presence=0.0)

    def put(self, name: str, *, x: float = 320.0, y: float = 240.0, width: float = 100.0) -> None:
        self.faces[name] = make_mesh(centre=(x, y), width=width)

    def show(self, *, after_s: float = FRAME_S, detected: bool = True) -> list[Track]:
        """The next frame. Unless `detected` the detector finds nobody in it."""
        self.now += after_s
        boxes = [face_box(mesh) for mesh in self.faces.values()] if detected else []
        self.detector.faces = [make_face(box) for box in boxes]
        return self.tracker.follow(make_frame(at=self.now, image=IMAGE))

    def ids(self, **how: object) -> list[TrackId]:
        return [track.id for track in self.show(**how)]  # type: ignore[arg-type]


@pytest.fixture
def corridor() -> Corridor:
    return Corridor()


def test_an_empty_corridor_has_no_tracks_and_is_searched_in_every_frame(corridor: Corridor) -> None:
    assert [corridor.show() for _ in range(5)] == [[]] * 5
    assert corridor.detector.calls == 5


def test_a_person_who_moves_a_little_keeps_one_track(corridor: Corridor) -> None:
    ids = []
    for step in range(40):
        corridor.put("ada", x=200 + 4 * step, width=80 + step)
        ids += corridor.ids()
    assert ids == [ids[0]] * 40


def test_a_track_tells_where_the_face_is_and_since_when(corridor: Corridor) -> None:
    corridor.put("ada", x=200)
    (first,) = corridor.show()
    corridor.put("ada", x=210)
    (later,) = corridor.show()
    assert later.mesh is corridor.faces["ada"]
    assert later.box == face_box(corridor.faces["ada"])
    assert later.first_seen_at == first.first_seen_at == corridor.now - FRAME_S


def test_the_detector_rests_while_everybody_is_followed_and_looks_for_newcomers_at_its_interval() -> None:
    corridor = Corridor(redetect_every_s=1.0)
    corridor.put("ada")
    for _ in range(14):
        corridor.show()
    assert corridor.detector.calls == 1
    corridor.show(after_s=0.2)
    assert corridor.detector.calls == 2


def test_a_newcomer_is_found_at_the_next_search_and_the_others_keep_their_tracks() -> None:
    corridor = Corridor(redetect_every_s=0.5)
    corridor.put("ada", x=150)
    (ada,) = corridor.ids()
    corridor.put("grace", x=450, width=90)
    found = [corridor.ids() for _ in range(10)]
    assert found[0] == [ada]
    assert found[-1] == [ada, found[-1][1]]
    assert found[-1][1] != ada


def test_whoever_leaves_loses_the_track_and_whoever_comes_back_gets_a_new_one(corridor: Corridor) -> None:
    corridor.put("ada")
    (before,) = corridor.ids()
    del corridor.faces["ada"]
    assert corridor.ids() == []
    corridor.put("ada")
    (after,) = corridor.show()
    assert after.id != before
    assert after.first_seen_at == corridor.now


def test_a_face_that_jumps_gets_a_new_track(corridor: Corridor) -> None:
    """It may be someone else's: the mesh of the first would be fitted to the second without a word."""
    corridor.put("ada", x=200)
    (before,) = corridor.ids()
    corridor.put("ada", x=265)
    (after,) = corridor.ids()
    assert after != before


@pytest.mark.parametrize("presence", [0.49, math.nan])
def test_a_face_that_the_mesh_believes_in_no_more_is_lost(corridor: Corridor, presence: float) -> None:
    corridor.put("ada")
    corridor.show()
    corridor.faces["ada"] = replace(corridor.faces["ada"], presence=presence)
    assert corridor.show(detected=False) == []
    assert corridor.show(detected=True) == []  # and what is detected there is believed no more


def test_what_detection_does_not_confirm_is_dropped(corridor: Corridor) -> None:
    """A mesh can hold on to a lamp for ever."""
    corridor.put("lamp")
    (lamp,) = corridor.ids()
    for _ in range(MISSES_ALLOWED):
        assert corridor.ids(after_s=1.0, detected=False) == [lamp]
    assert corridor.ids(after_s=1.0, detected=False) == []


def test_a_face_that_is_confirmed_in_between_is_kept(corridor: Corridor) -> None:
    corridor.put("ada")
    (ada,) = corridor.ids()
    for round_ in range(6):
        assert corridor.ids(after_s=1.0, detected=round_ % 2 == 1) == [ada]


def test_after_a_pause_of_the_camera_everybody_starts_over(corridor: Corridor) -> None:
    """Somebody else may have taken the place meanwhile, and must not inherit what the first has shown."""
    corridor.put("ada")
    (before,) = corridor.ids()
    assert corridor.ids(after_s=LONGEST_GAP_S) == [before]
    (after,) = corridor.show(after_s=LONGEST_GAP_S + 0.01)
    assert after.id != before
    assert after.first_seen_at == corridor.now


def test_a_dropped_face_comes_back_under_a_new_track(corridor: Corridor) -> None:
    corridor.put("ada", x=150)
    corridor.put("grace", x=450, width=90)
    ada, grace = corridor.ids()
    corridor.tracker.drop(ada)
    again = corridor.ids()
    assert grace in again
    assert ada not in again
    assert len(corridor.ids(after_s=1.0)) == 2


def test_the_largest_face_comes_first(corridor: Corridor) -> None:
    corridor.put("far", x=100, width=60)
    corridor.put("near", x=400, width=160)
    corridor.put("between", x=250, width=90)
    areas = [track.box.area for track in corridor.show()]
    assert areas == sorted(areas, reverse=True)
    assert len(areas) == 3


def test_only_the_largest_faces_are_followed() -> None:
    corridor = Corridor(max_faces=2)
    for number, width in enumerate((60, 140, 90)):
        corridor.put(f"person {number}", x=110 + 200 * number, width=width)
    kept = [track.box for track in corridor.show()]
    assert kept == [face_box(corridor.faces[name]) for name in ("person 1", "person 2")]


def test_faces_on_a_poster_do_not_keep_the_door_from_looking_at_the_person_before_it() -> None:
    corridor = Corridor(max_faces=2)
    corridor.put("poster left", x=80, y=80, width=50)
    corridor.put("poster right", x=560, y=80, width=55)
    _, left = corridor.ids()
    corridor.put("ada", x=320, y=260, width=150)
    tracks = corridor.show(after_s=1.0)
    assert tracks[0].mesh is corridor.faces["ada"]
    assert len(tracks) == 2
    assert left not in [track.id for track in tracks]


def test_a_newcomer_who_is_hardly_larger_displaces_nobody() -> None:
    """Two people at the same distance would else take turns, and neither would ever be decided."""
    corridor = Corridor(max_faces=1)
    corridor.put("ada", x=150, width=100)
    ids = corridor.ids()
    corridor.put("grace", x=450, width=104)
    for _ in range(5):
        assert corridor.ids(after_s=1.0) == ids


def test_of_two_tracks_on_one_face_the_older_stays(corridor: Corridor) -> None:
    corridor.put("ada", x=250)
    corridor.put("grace", x=390)
    ids = corridor.ids()
    for x in range(390, 250, -10):  # Grace walks behind Ada
        corridor.put("grace", x=x)
        corridor.show(detected=False)
    corridor.faces.pop("grace")
    assert corridor.ids() == [min(ids)]


def test_a_mesh_that_lags_is_fitted_again_until_it_lies_on_the_face(corridor: Corridor) -> None:
    """A mesh that lags looks as if the face had changed its shape, and that is what parallax measures."""
    corridor.put("ada", x=200)
    corridor.show()

    def half_way(start: Face | Mesh) -> Mesh:
        assert isinstance(start, Mesh)
        true = corridor.faces["ada"]
        return Mesh((start.points + true.points) / 2, 1.0)

    corridor.fitter.fit_to = half_way
    corridor.put("ada", x=224)  # a fifth of its side, so that the first fit lags a tenth
    (track,) = corridor.show()
    lag = abs(track.box.centre[0] - face_box(corridor.faces["ada"]).centre[0])
    assert lag < SETTLED * track.box.height


def test_a_face_at_rest_is_fitted_once_a_frame(corridor: Corridor) -> None:
    corridor.put("ada")
    corridor.show()
    corridor.fitter.starts.clear()
    corridor.show()
    assert len(corridor.fitter.starts) == 1


def test_a_face_that_moves_fast_is_looked_for_anew(corridor: Corridor) -> None:
    corridor.put("ada", x=200)
    (ada,) = corridor.ids()
    calls = corridor.detector.calls
    corridor.put("ada", x=230)  # more than a fifth of its side
    assert corridor.ids() == [ada]
    assert corridor.detector.calls == calls + 1
    assert isinstance(corridor.fitter.starts[-1], Face)


def test_a_face_that_moves_fast_and_is_not_detected_is_lost(corridor: Corridor) -> None:
    corridor.put("ada", x=200)
    corridor.show()
    corridor.put("ada", x=230)
    assert corridor.show(detected=False) == []


class Slide:
    """A face whose mesh slides down a little with every fit, up to a share of its height, and stays there."""

    def __init__(self, corridor: Corridor, *, share: float) -> None:
        corridor.put("ada")
        self.corridor, self.true, self.share = corridor, corridor.faces["ada"], share
        corridor.fitter.fit_to = self.fit

    def fit(self, start: Face | Mesh) -> Mesh:
        if isinstance(start, Face):
            return self.true
        height = float(np.ptp(self.true.points[:, 1]))
        done = float((start.points - self.true.points)[0, 1]) / height
        down = np.array([0.0, min(self.share, done + 0.1) * height, 0.0], np.float32)
        return Mesh(self.true.points + down, 1.0)

    def follow(self, *, frames: int) -> list[Track]:
        """The tracks of so many frames, in which the detector sees the face where it truly is."""
        found = []
        for _ in range(frames):
            self.corridor.now += FRAME_S
            self.corridor.detector.faces = [as_detected(self.true)]
            found += self.corridor.tracker.follow(make_frame(at=self.corridor.now, image=IMAGE))
        return found


def test_a_mesh_that_slid_is_put_back_soon_and_keeps_its_track(corridor: Corridor) -> None:
    """Half a second on mouth and chin is enough for a print to look as if it had depth."""
    tracks = Slide(corridor, share=0.25).follow(frames=2 + round(RECHECK_S / FRAME_S))
    assert [track.mesh is corridor.faces["ada"] for track in tracks] == [True, False, False, True, False]
    assert len({track.id for track in tracks}) == 1


def test_a_mesh_that_would_have_to_be_put_back_far_away_ends_its_track(corridor: Corridor) -> None:
    """What lies that far from where it was may be someone else's face."""
    tracks = Slide(corridor, share=0.45).follow(frames=6)
    assert len({track.id for track in tracks}) > 1


def test_the_detector_rests_while_nobody_moves(corridor: Corridor) -> None:
    corridor.put("ada")
    for _ in range(12):
        corridor.show()
    assert corridor.detector.calls == 1


def test_every_stage_is_timed() -> None:
    stopwatch = Stopwatch()
    tracker = FaceTracker(FakeDetector(make_face()), FakeFitter(), DetectionSettings(), stopwatch)
    for number in range(3):
        tracker.follow(make_frame(at=1000.0 + number * FRAME_S))
    assert {stage: len(times) for stage, times in stopwatch.times().items()} == {"detect": 1, "mesh": 3}


def test_track_numbers_are_never_used_again(corridor: Corridor) -> None:
    seen: list[TrackId] = []
    source = np.random.default_rng(3)
    for _ in range(60):
        corridor.faces.clear()
        for name in ("ada", "grace"):
            if source.random() < 0.6:
                corridor.put(name, x=float(source.uniform(80, 560)), width=float(source.uniform(50, 150)))
        seen += [track for track in corridor.ids() if track not in seen[-2:]]
    assert len(seen) == len(set(seen))
