from __future__ import annotations

import msgspec
import pytest
from builders import make_frame, make_mesh, make_quality, make_template

from device.config import LivenessSettings, RecognitionSettings
from device.encounter import Encounter
from device.liveness.verdict import LivenessJudge
from device.types import Attack, Pose, QualityIssue, Template, TrackId, Undecided
from device.vision.mesh import face_box
from device.vision.template import fuse
from device.vision.track import Track

SETTINGS = RecognitionSettings(min_frames=3, max_frames=5)


def track(x: float = 320.0) -> Track:
    mesh = make_mesh(centre=(x, 240))
    return Track(TrackId(7), face_box(mesh), mesh, 1000.0)


def begin(settings: RecognitionSettings = SETTINGS) -> Encounter:
    return Encounter(track(), LivenessJudge(LivenessSettings()), settings)


def admit(encounter: Encounter, template: Template | None = None, *, at: float = 1000.0, **quality: object) -> None:
    encounter.admit(
        make_frame(at=at),
        track(),
        quality=make_quality(**quality),
        template=make_template(1) if template is None else template,
        texture_score=0.1,
    )


def test_a_visit_is_ready_and_exhausted_at_its_bounds() -> None:
    encounter = begin()
    seen = []
    for _ in range(6):
        seen.append((encounter.frames, encounter.is_ready, encounter.is_exhausted))
        admit(encounter)
    assert seen == [
        (0, False, False),
        (1, False, False),
        (2, False, False),
        (3, True, False),
        (4, True, False),
        (5, True, True),
    ]


def test_the_probe_is_weighted_by_the_quality_of_each_frame() -> None:
    encounter = begin()
    good, poor = make_template(1), make_template(2)
    admit(encounter, good)
    admit(encounter, poor, pose=Pose(75.0, 0.0, 0.0))
    weights = [make_quality().weight, make_quality(pose=Pose(75.0, 0.0, 0.0)).weight]
    assert encounter.probe().vector == pytest.approx(fuse([good, poor], weights).vector)
    assert float(encounter.probe().vector @ good.vector) > 0.95


def test_there_is_no_probe_before_the_first_usable_frame() -> None:
    with pytest.raises(ValueError, match="one model"):
        begin().probe()


def test_it_keeps_the_time_of_the_first_and_the_whole_of_the_newest_usable_frame() -> None:
    encounter = begin()
    assert (encounter.first_usable_at, encounter.newest, encounter.quality) == (None, None, None)
    admit(encounter, at=1001.0)
    encounter.reject(make_quality(issues=(QualityIssue.BLURRED,)))
    newest, where = make_frame(at=1003.0), track(100.0)
    encounter.admit(newest, where, quality=make_quality(sharpness=77.0), template=make_template(1), texture_score=None)
    assert encounter.first_usable_at == 1001.0
    assert encounter.newest is newest
    assert encounter.track is where
    assert encounter.quality == make_quality(sharpness=77.0)


def test_rejected_frames_are_counted_by_their_reasons_only() -> None:
    encounter = begin()
    assert encounter.main_issue is None
    encounter.reject(make_quality(issues=(QualityIssue.BLURRED, QualityIssue.TOO_DARK)))
    encounter.reject(make_quality(issues=(QualityIssue.TOO_DARK,)))
    assert encounter.main_issue is QualityIssue.TOO_DARK
    assert encounter.frames == 0


def test_any_first_frame_is_constant() -> None:
    assert begin().is_constant(make_template(5))


@pytest.mark.parametrize(("below", "is_constant"), [(0.001, True), (-0.001, False)])
def test_a_frame_is_constant_down_to_the_configured_score(below: float, *, is_constant: bool) -> None:
    score = float(make_template(1).vector @ make_template(2).vector)
    encounter = begin(msgspec.structs.replace(SETTINGS, min_constancy=score - below))
    admit(encounter)
    assert encounter.is_constant(make_template(2)) is is_constant


def test_the_judge_sees_every_usable_frame_and_no_other() -> None:
    encounter = begin()
    for _ in range(LivenessSettings().min_frames - 1):
        admit(encounter)
        encounter.reject(make_quality(issues=(QualityIssue.BLURRED,)))
    assert isinstance(encounter.verdict(), Undecided)
    admit(encounter)
    assert isinstance(encounter.verdict(), Attack)
