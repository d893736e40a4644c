"""What the audit keeps of a decision."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from builders import ADA, make_frame, make_match, make_mesh, make_nonmatch, make_person, make_quality, make_template

from device.audit.chain import canonical
from device.config import LivenessSettings, RecognitionSettings
from device.encounter import Encounter
from device.facts import decision_facts
from device.liveness.verdict import LivenessJudge
from device.types import (
    Attack,
    AttackReason,
    BonaFide,
    CueReading,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorFault,
    FactorGiven,
    FactorNotAsked,
    Grant,
    MissingCue,
    NotChecked,
    PadVerdict,
    Pose,
    SecondFactor,
    TrackId,
    Undecided,
)
from device.vision.mesh import face_box
from device.vision.track import Track

CUES = (CueReading("texture.score", 0.912345, 0.8),)
EVIDENCE = Evidence(
    search=make_match(score=0.7654321, margin=0.1234567),
    person=make_person(),
    pad=BonaFide(CUES),
    frames=5,
    captured_at=1000.0,
    decided_at=1000.123456,
    now=datetime(2026, 6, 1, tzinfo=UTC),
    clock_is_trusted=True,
)
GRANT, DENY = Grant(ADA, 5.0), Deny(DenyReason.NOT_ENROLLED)


def visit(**quality: object) -> Encounter:
    mesh = make_mesh()
    track = Track(TrackId(7), face_box(mesh), mesh, 1000.0)
    encounter = Encounter(track, LivenessJudge(LivenessSettings()), RecognitionSettings())
    encounter.admit(make_frame(), track, quality=make_quality(**quality), template=make_template(), texture_score=None)
    return encounter


def test_a_grant_says_who_for_how_long_and_on_what_it_rests() -> None:
    assert decision_facts(visit(pose=Pose(3.21, -4.56, 0)), EVIDENCE, GRANT) == {
        "track": 7,
        "frames": 1,
        "person": ADA,
        "release_for_s": 5.0,
        "quality": {
            "face_height_px": 150.0,
            "brightness": 0.5,
            "sharpness": 90.0,
            "yaw_deg": 3.2,
            "pitch_deg": -4.6,
        },
        "search": {
            "person": ADA,
            "score": 0.7654,
            "margin": 0.1235,
            "threshold": 0.4,
            "fmr": 1e-4,
            "model": "model-a",
        },
        "liveness": {"mode": "cooperative", "verdict": "bona_fide", "cues": {"texture.score": [0.9123, 0.8]}},
        "frame_age_s": 0.1235,
    }


def test_a_denial_says_why() -> None:
    facts = decision_facts(visit(), EVIDENCE, DENY)
    assert facts["reason"] == "not_enrolled"
    assert "person" not in facts
    assert "release_for_s" not in facts


@pytest.mark.parametrize(("best", "told"), [(None, None), (0.123456, 0.1235)])
def test_a_non_match_says_how_near_the_nearest_was(best: float | None, told: float | None) -> None:
    facts = decision_facts(visit(), replace(EVIDENCE, search=make_nonmatch(best)), DENY)
    assert facts["search"] == {"best_score": told, "threshold": 0.4, "fmr": 1e-4, "model": "model-a"}


@pytest.mark.parametrize(
    ("pad", "told"),
    [
        (BonaFide(()), {"verdict": "bona_fide", "cues": {}}),
        (
            Attack(AttackReason.PLANAR, CUES),
            {"verdict": "attack", "reason": "planar", "cues": {"texture.score": [0.9123, 0.8]}},
        ),
        (
            Undecided((MissingCue.TEXTURE, MissingCue.MOTION), ()),
            {"verdict": "undecided", "missing": ["texture", "motion"], "cues": {}},
        ),
        (NotChecked(), {"verdict": "not_checked"}),
    ],
)
def test_every_verdict_on_liveness_is_told(pad: PadVerdict, told: dict[str, object]) -> None:
    assert decision_facts(visit(), replace(EVIDENCE, pad=pad), DENY)["liveness"] == {"mode": "cooperative", **told}


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (FactorNotAsked(), None),
        (FactorAwaited(ADA), {"state": "awaited", "person": ADA}),
        (FactorGiven(ADA), {"state": "given", "person": ADA}),
        (FactorFailed(FactorFault.LATE), {"state": "failed", "fault": "late"}),
    ],
)
def test_what_became_of_a_second_factor_is_told(factor: SecondFactor, told: object) -> None:
    facts = decision_facts(visit(), replace(EVIDENCE, second_factor=factor), GRANT)
    assert facts.get("second_factor") == told


def test_without_evidence_there_is_the_visit_and_the_reason() -> None:
    facts = decision_facts(visit(), None, Deny(DenyReason.FAULT))
    assert set(facts) == {"track", "frames", "reason", "quality"}


def test_measurements_that_are_no_numbers_can_be_recorded() -> None:
    pad = Undecided((MissingCue.TEXTURE,), (CueReading("texture.score", math.nan, 0.8),))
    facts = decision_facts(visit(sharpness=math.inf), replace(EVIDENCE, pad=pad), DENY)
    assert json.loads(canonical(facts))["track"] == 7


@pytest.mark.parametrize("decision", [GRANT, DENY])
def test_no_template_image_or_name_is_kept(decision: Grant | Deny) -> None:
    facts = decision_facts(visit(), EVIDENCE, decision)
    text = canonical(facts)
    assert len(text) < 800
    assert json.loads(text) == facts
    assert "name" not in text
    assert "vector" not in text
