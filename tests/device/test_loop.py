from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest
from builders import (
    ADA,
    make_face,
    make_frame,
    make_match,
    make_mesh,
    make_nonmatch,
    make_person,
    make_template,
)
from door_rig import FRAME_S, DoorRig
from fakes import FakeAudit, FakeTexture

from device.audit.kinds import AuditKind
from device.config import Settings
from device.errors import CollectionError, TargetUnreachableError
from device.liveness.solidity import Motion
from device.types import Attack, Box, Deny, DenyReason, Face, Grant, Mesh, Pose, Undecided
from device.vision.mesh import face_box
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError
from models.errors import InferenceError

MIN_FRAMES = Settings().recognition.min_frames
MAX_FRAMES = Settings().recognition.max_frames
GRANTED, DENIED = AuditKind.DECISION_GRANTED.value, AuditKind.DECISION_DENIED.value


@pytest.fixture
def rig() -> DoorRig:
    return DoorRig(texture=FakeTexture(0.95))


def reasons(rig: DoorRig) -> list[object]:
    """Of the denials in the audit."""
    return [facts["reason"] for kind, facts in rig.audit.events if kind == DENIED]


def test_an_enrolled_live_person_is_granted_at_the_first_frame_that_suffices(rig: DoorRig) -> None:
    assert rig.show(MIN_FRAMES - 1) == []
    (decided,) = rig.show()
    assert decided.decision == Grant(ADA, Settings().door.release_for_s)
    assert decided.person == ADA
    assert rig.door.indications == ["granted"]


def test_the_grant_is_in_the_audit_before_the_lock_is_told(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES)
    assert rig.door.recorded_before == [[GRANTED]]
    assert rig.audit.kinds() == [GRANTED]


def test_a_release_names_its_audit_row_and_the_newest_frame_that_earned_it(rig: DoorRig) -> None:
    rig.audit.append(AuditKind.APPLIANCE_STARTED, {})
    (decided,) = rig.show(MIN_FRAMES, lag_s=0.1)
    assert rig.door.releases == [
        {
            "duration_s": Settings().door.release_for_s,
            "audit_sequence": 2,
            "captured_at": pytest.approx(rig.clock.monotonic() - 0.1),
        }
    ]
    assert decided.audit_sequence == 2


def test_a_decision_tells_how_long_the_person_waited(rig: DoorRig) -> None:
    started = rig.clock.monotonic()
    (decided,) = rig.show(MIN_FRAMES)
    assert decided.first_usable_at == pytest.approx(started + FRAME_S)
    assert decided.decided_at == rig.clock.monotonic()


def test_the_templates_of_all_usable_frames_are_fused_into_the_probe(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES - 1)
    rig.extractor.template = make_template(1)
    rig.show()
    (probe,) = rig.gallery.probes
    assert probe.vector == pytest.approx(make_template(1).vector, abs=1e-5)
    (decided,) = rig.pass_by(Settings().recognition.repeat_after_grant_s + 1)
    assert decided.evidence is not None
    assert decided.evidence.frames == MIN_FRAMES


@pytest.mark.parametrize("score", [None, 0.01, 0.399])
def test_a_stranger_is_denied_after_the_same_number_of_frames_however_near(rig: DoorRig, score: float | None) -> None:
    """So the delay tells nothing about the score."""
    rig.gallery.outcome = make_nonmatch(score)
    assert rig.show(MAX_FRAMES - 1) == []
    (decided,) = rig.show()
    assert decided.decision == Deny(DenyReason.NOT_ENROLLED)
    assert decided.person is None
    assert rig.door.releases == []
    assert rig.door.indications == ["denied"]
    assert rig.audit.kinds() == [DENIED]


def test_a_person_who_is_recognised_late_is_still_granted(rig: DoorRig) -> None:
    rig.gallery.outcome = make_nonmatch(0.3)
    rig.show(MAX_FRAMES - 1)
    rig.gallery.outcome = make_match()
    (decided,) = rig.show()
    assert isinstance(decided.decision, Grant)


def test_a_look_alike_of_two_people_is_denied(rig: DoorRig) -> None:
    rig.gallery.outcome = make_match(margin=Settings().recognition.min_margin - 0.01)
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.AMBIGUOUS)
    assert decided.person == ADA


def test_an_attack_is_denied_at_once() -> None:
    rig = DoorRig(texture=FakeTexture(0.1))
    (decided,) = rig.show(MIN_FRAMES)
    assert decided.decision == Deny(DenyReason.PRESENTATION_ATTACK)
    assert decided.evidence is not None
    assert isinstance(decided.evidence.pad, Attack)
    assert rig.door.releases == []


def test_liveness_that_stays_undecided_is_a_denial() -> None:
    rig = DoorRig(texture=FakeTexture(0.6), liveness={"mode": "passive"})
    assert rig.show(MAX_FRAMES - 1) == []
    (decided,) = rig.show()
    assert decided.decision == Deny(DenyReason.LIVENESS_UNDECIDED)
    assert decided.evidence is not None
    assert isinstance(decided.evidence.pad, Undecided)


def test_a_texture_score_that_is_no_number_is_a_denial_that_can_be_recorded() -> None:
    rig = DoorRig(texture=FakeTexture(math.nan), liveness={"mode": "passive"})
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.LIVENESS_UNDECIDED)
    assert rig.audit.kinds() == [DENIED]


def test_without_a_texture_network_a_head_must_turn() -> None:
    rig = DoorRig(liveness={"mode": "passive"})
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.LIVENESS_UNDECIDED)
    turned = Motion(depth=0.06, change=0.05, solidity=0.3, remainder=0.5)
    rig = DoorRig(motion=turned, liveness={"mode": "passive"})
    (decided,) = rig.show(MIN_FRAMES)
    assert isinstance(decided.decision, Grant)


def test_the_texture_is_scored_where_a_detector_would_have_drawn_the_box(rig: DoorRig) -> None:
    rig.show()
    assert rig.texture is not None
    assert rig.mesh is not None
    assert rig.texture.boxes == [face_box(rig.mesh)]


def test_frames_that_a_quality_gate_objects_to_count_for_nothing(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES - 1)
    rig.mesh = make_mesh(pose=Pose(50, 0, 0))
    assert rig.show(2 * MAX_FRAMES) == []
    rig.mesh = make_mesh()
    (decided,) = rig.show()
    assert decided.evidence is not None
    assert decided.evidence.frames == MIN_FRAMES
    assert decided.evidence.captured_at == rig.clock.monotonic()


def test_a_stale_frame_is_a_denial(rig: DoorRig) -> None:
    (decided,) = rig.show(MAX_FRAMES, lag_s=Settings().policy.freshness_s + 0.01)
    assert decided.decision == Deny(DenyReason.STALE_FRAME)
    assert rig.door.releases == []


def test_a_frame_from_the_future_is_a_denial(rig: DoorRig) -> None:
    (decided,) = rig.show(MAX_FRAMES, lag_s=-0.01)
    assert decided.decision == Deny(DenyReason.STALE_FRAME)


def test_a_clock_that_cannot_be_right_is_a_denial(rig: DoorRig) -> None:
    rig.clock.step_civil(timedelta(days=-3650))
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.CLOCK_UNTRUSTED)


def test_a_clock_that_is_known_to_be_wrong_is_a_denial(rig: DoorRig) -> None:
    rig.clock_is_trusted = False
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.CLOCK_UNTRUSTED)


def test_a_person_who_is_erased_between_search_and_decision_is_a_denial(rig: DoorRig) -> None:
    rig.gallery.known.clear()
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.PERSON_UNKNOWN)


def test_a_suspended_person_is_denied(rig: DoorRig) -> None:
    rig.gallery.known[ADA] = make_person(is_suspended=True)
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.PERSON_SUSPENDED)


@pytest.mark.parametrize("fault", [CollectionError("damaged"), TargetUnreachableError("too many people")])
def test_a_collection_that_cannot_be_searched_is_a_denial_without_evidence(
    rig: DoorRig, fault: CollectionError | TargetUnreachableError
) -> None:
    rig.gallery.fault = fault
    assert rig.show(MAX_FRAMES - 1) == []
    (decided,) = rig.show()
    assert decided.decision == Deny(DenyReason.FAULT)
    assert decided.evidence is None
    assert decided.person is None
    assert reasons(rig) == ["fault"]


def test_a_collection_that_can_be_searched_again_grants_in_the_same_visit(rig: DoorRig) -> None:
    rig.gallery.fault = CollectionError("locked")
    rig.show(MIN_FRAMES + 2)
    rig.gallery.fault = None
    (decided,) = rig.show()
    assert isinstance(decided.decision, Grant)


def test_what_cannot_be_recorded_does_not_happen() -> None:
    rig = DoorRig(texture=FakeTexture(), audit=FakeAudit(capacity=0))
    (decided,) = rig.show(MIN_FRAMES)
    assert decided.decision == Deny(DenyReason.AUDIT_UNAVAILABLE)
    assert decided.audit_sequence is None
    assert rig.door.releases == []
    assert rig.door.indications == ["denied"]


def test_a_denial_that_cannot_be_recorded_is_a_denial() -> None:
    rig = DoorRig(texture=FakeTexture(), audit=FakeAudit(capacity=0))
    rig.gallery.outcome = make_nonmatch()
    (decided,) = rig.show(MAX_FRAMES)
    assert decided.decision == Deny(DenyReason.AUDIT_UNAVAILABLE)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (DoorUnreachableError("nobody answers"), AuditKind.DOOR_UNREACHABLE, DenyReason.DOOR_UNREACHABLE),
        (CommandRefusedError("the door is locked down"), AuditKind.DOOR_REFUSED, DenyReason.DOOR_REFUSED),
    ],
)
def test_a_door_that_does_not_release_is_told_as_a_denial_and_recorded(
    rig: DoorRig, fault: DoorUnreachableError | CommandRefusedError, kind: AuditKind, reason: DenyReason
) -> None:
    rig.door.fault = fault
    (decided,) = rig.show(MIN_FRAMES)
    assert decided.decision == Deny(reason)
    assert decided.audit_sequence == 1
    assert rig.audit.kinds() == [GRANTED, kind.value]
    assert rig.audit.events[1][1] == {"audit_sequence": 1, "fault": str(fault)}
    assert rig.door.indications == ["denied"]


def test_a_door_that_fails_while_the_disk_is_full_ends_in_a_denial_all_the_same() -> None:
    rig = DoorRig(texture=FakeTexture(), audit=FakeAudit(capacity=1))
    rig.door.fault = DoorUnreachableError("nobody answers")
    (decided,) = rig.show(MIN_FRAMES)
    assert decided.decision == Deny(DenyReason.DOOR_UNREACHABLE)
    assert rig.audit.kinds() == [GRANTED]


def test_a_network_that_fails_stops_the_loop_and_releases_nothing(rig: DoorRig) -> None:
    def fail(_: object) -> None:
        raise InferenceError("the accelerator is gone")

    rig.show(MIN_FRAMES - 1)
    rig.fitter.fit_to = fail  # type: ignore[assignment]
    with pytest.raises(InferenceError):
        rig.show()
    assert rig.door.releases == []


def test_whoever_was_let_in_and_stays_is_looked_at_again_after_the_longer_rest(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES)
    assert rig.pass_by(Settings().recognition.repeat_after_grant_s - FRAME_S) == []
    (decided,) = rig.show(MIN_FRAMES + 1)
    assert isinstance(decided.decision, Grant)
    assert len(rig.door.releases) == 2


def test_whoever_was_denied_and_stays_is_looked_at_again_after_the_shorter_rest(rig: DoorRig) -> None:
    rig.gallery.outcome = make_nonmatch()
    rig.show(MAX_FRAMES)
    rig.gallery.outcome = make_match()
    assert rig.pass_by(Settings().recognition.repeat_after_s - FRAME_S) == []
    (decided,) = rig.show(MIN_FRAMES + 1)
    assert isinstance(decided.decision, Grant)


def test_after_the_rest_a_visit_has_to_earn_everything_again(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES)
    rig.pass_by(Settings().recognition.repeat_after_grant_s)
    rig.extractor.template = make_template(9)  # somebody else took the place meanwhile
    rig.gallery.outcome = make_nonmatch()
    rig.show(MAX_FRAMES + 1)
    assert rig.gallery.probes[-1].vector == pytest.approx(make_template(9).vector, abs=1e-5)
    assert reasons(rig) == ["not_enrolled"]


def test_nothing_is_kept_of_those_who_left(rig: DoorRig) -> None:
    """A door that runs for a year sees a million tracks."""
    for _ in range(3):
        rig.show(MIN_FRAMES)
        rig.mesh = None
        rig.show(2)
        rig.mesh = make_mesh()
    rig.mesh = None
    rig.show(2)
    assert rig.loop.encounters() == {}
    assert rig.loop._resting_until == {}


def test_whoever_leaves_and_comes_back_is_decided_anew_without_a_rest(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES)
    rig.mesh = None
    assert rig.show(2) == []
    rig.mesh = make_mesh()
    (decided,) = rig.show(MIN_FRAMES)
    assert isinstance(decided.decision, Grant)


def test_a_stranger_who_leaves_early_is_recorded_with_the_reason_and_not_indicated(rig: DoorRig) -> None:
    rig.gallery.outcome = make_nonmatch()
    rig.show(MIN_FRAMES)
    rig.mesh = None
    (decided,) = rig.show()
    assert decided.decision == Deny(DenyReason.NOT_ENROLLED)
    assert reasons(rig) == ["not_enrolled"]
    assert rig.door.indications == []
    assert rig.show(5) == []


def test_whoever_only_passes_by_is_not_recorded(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES - 1)
    rig.mesh = None
    assert rig.show(3) == []
    assert rig.audit.events == []


def test_nobody_is_granted_who_has_left(rig: DoorRig) -> None:
    rig.clock_is_trusted = False
    rig.show(MIN_FRAMES)
    rig.clock_is_trusted = True
    rig.mesh = None
    (decided,) = rig.show()
    assert decided.decision == Deny(DenyReason.STALE_FRAME)
    assert rig.door.releases == []
    assert reasons(rig) == ["stale_frame"]


def test_a_face_swapped_within_a_track_starts_over(rig: DoorRig) -> None:
    """What the first has shown, liveness above all, must not serve the second."""
    rig.gallery.outcome = make_nonmatch()
    rig.show(MAX_FRAMES - 1)
    (before,) = rig.loop.encounters()
    rig.gallery.outcome = make_match()
    rig.extractor.template = make_template(2)
    assert rig.show() == []  # the frame that gave it away counts for nobody
    (visit,) = rig.show()
    assert visit.track == before
    assert isinstance(visit.decision, Deny)
    decided = rig.show(MIN_FRAMES - 2)
    assert decided == []
    (granted,) = rig.show()
    assert granted.track != before
    assert granted.evidence is not None
    assert granted.evidence.frames == MIN_FRAMES
    assert rig.gallery.probes[-1].vector == pytest.approx(make_template(2).vector, abs=1e-5)


def test_a_visit_that_ends_with_a_swap_is_recorded_like_any_other(rig: DoorRig) -> None:
    rig.gallery.outcome = make_nonmatch()
    rig.show(MIN_FRAMES)
    rig.extractor.template = make_template(2)
    rig.show(2)
    assert reasons(rig) == ["not_enrolled"]


@pytest.mark.parametrize(("allowance", "is_swapped"), [(0.01, False), (-0.01, True)])
def test_how_constant_a_face_must_be_is_configured(allowance: float, is_swapped: bool) -> None:
    score = float(make_template(1).vector @ make_template(2).vector)
    rig = DoorRig(texture=FakeTexture(), recognition={"min_constancy": score - allowance})
    rig.show(2)
    (before,) = rig.loop.encounters()
    rig.extractor.template = make_template(2)
    rig.show(2)
    (after,) = rig.loop.encounters()
    assert (after != before) is is_swapped


def test_when_the_camera_ends_everybody_has_left(rig: DoorRig) -> None:
    rig.gallery.outcome = make_nonmatch()
    rig.show(MIN_FRAMES)
    (decided,) = rig.loop.conclude()
    assert decided.decision == Deny(DenyReason.NOT_ENROLLED)
    assert reasons(rig) == ["not_enrolled"]
    assert rig.loop.encounters() == {}
    assert rig.loop.conclude() == []


def test_when_the_camera_ends_nobody_is_granted(rig: DoorRig) -> None:
    rig.gallery.outcome = make_nonmatch()
    rig.show(MIN_FRAMES)
    rig.gallery.outcome = make_match()
    (decided,) = rig.loop.conclude()
    assert decided.decision == Deny(DenyReason.STALE_FRAME)
    assert rig.door.releases == []


def test_encounters_can_be_looked_at_and_not_changed(rig: DoorRig) -> None:
    rig.show(2)
    shown = rig.loop.encounters()
    (encounter,) = shown.values()
    assert encounter.frames == 2
    shown.clear()
    assert len(rig.loop.encounters()) == 1


def test_the_audit_keeps_enough_to_reconstruct_the_decision(rig: DoorRig) -> None:
    (decided,) = rig.show(MIN_FRAMES, lag_s=0.125)
    ((_, facts),) = rig.audit.events
    assert facts["track"] == decided.track
    assert facts["frames"] == MIN_FRAMES
    assert facts["person"] == ADA
    assert facts["frame_age_s"] == pytest.approx(0.125)
    assert facts["search"] == {
        "person": ADA,
        "score": 0.8,
        "margin": 0.5,
        "threshold": 0.4,
        "fmr": 1e-4,
        "model": "model-a",
    }
    assert json.loads(json.dumps(facts)) == facts


def test_every_stage_is_timed(rig: DoorRig) -> None:
    rig.show(MIN_FRAMES)
    counted = {stage: len(times) for stage, times in rig.stopwatch.times().items()}
    every_frame = dict.fromkeys(("frame", "follow", "mesh", "quality", "template", "texture", "challenge"), MIN_FRAMES)
    once = dict.fromkeys(("detect", "liveness", "search", "policy", "audit", "release"), 1)
    assert counted == every_frame | once


def test_two_people_are_each_decided_the_nearer_first() -> None:
    rig = DoorRig(texture=FakeTexture(), detection={"redetect_every_s": 0.01})
    near, far = make_mesh(centre=(180, 240), width=160), make_mesh(centre=(500, 240), width=90)
    rig.fitter.fit_to = lambda start: near if face_box_of(start).centre[0] < 320 else far
    rig.detector.faces = [make_face(face_box(far)), make_face(face_box(near))]
    decided = []
    for _ in range(MIN_FRAMES):
        rig.clock.advance(FRAME_S)
        decided += rig.loop.observe(make_frame(at=rig.clock.monotonic()))
    assert [one.box for one in decided] == [face_box(near), face_box(far)]
    assert len({one.track for one in decided}) == 2
    assert rig.audit.kinds() == [GRANTED, GRANTED]


def face_box_of(start: Face | Mesh) -> Box:
    return start.box if isinstance(start, Face) else face_box(start)
