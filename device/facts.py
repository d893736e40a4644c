"""What the audit keeps of a decision: enough to reconstruct it in a year, without an image, a name or a template."""

from __future__ import annotations

from typing import assert_never

from device.encounter import Encounter
from device.types import (
    Attack,
    BonaFide,
    CueReading,
    Decision,
    Deny,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorGiven,
    FactorNotAsked,
    Grant,
    Match,
    NonMatch,
    NotChecked,
    PadVerdict,
    SearchOutcome,
    SecondFactor,
    Undecided,
)


def decision_facts(encounter: Encounter, evidence: Evidence | None, decision: Decision) -> dict[str, object]:
    """The facts of one decision as JSON values. `evidence` is None when a fault kept it from being gathered."""
    facts: dict[str, object] = {"track": encounter.track.id, "frames": encounter.frames, **_outcome(decision)}
    if encounter.quality is not None:
        quality = encounter.quality
        facts["quality"] = {
            "face_height_px": round(quality.face_height_px, 1),
            "brightness": round(quality.brightness, 3),
            "sharpness": round(quality.sharpness, 1),
            "yaw_deg": round(quality.pose.yaw_deg, 1),
            "pitch_deg": round(quality.pose.pitch_deg, 1),
        }
    if evidence is not None:
        facts["search"] = _search(evidence.search)
        facts["liveness"] = {"mode": encounter.judge.mode, **_liveness(evidence.pad)}
        facts["frame_age_s"] = round(evidence.decided_at - evidence.captured_at, 4)
        facts |= _second_factor(evidence.second_factor)
    return facts


def _outcome(decision: Decision) -> dict[str, object]:
    match decision:
        case Grant(person=person, release_for_s=seconds):
            return {"person": person, "release_for_s": seconds}
        case Deny(reason=reason):
            return {"reason": reason.value}
        case unreachable:
            assert_never(unreachable)


def _search(outcome: SearchOutcome) -> dict[str, object]:
    threshold = outcome.threshold
    basis: dict[str, object] = {
        "threshold": round(threshold.score, 4),
        "fmr": threshold.fmr,
        "model": threshold.model_id,
    }
    match outcome:
        case Match(person=person, score=score, margin=margin):
            return {"person": person, "score": round(score, 4), "margin": round(margin, 4), **basis}
        case NonMatch(best_score=best):
            return {"best_score": None if best is None else round(best, 4), **basis}
        case unreachable:
            assert_never(unreachable)


def _liveness(verdict: PadVerdict) -> dict[str, object]:
    match verdict:
        case BonaFide(cues=cues):
            return {"verdict": "bona_fide", "cues": _cues(cues)}
        case Attack(reason=reason, cues=cues):
            return {"verdict": "attack", "reason": reason.value, "cues": _cues(cues)}
        case Undecided(missing=missing, cues=cues):
            return {"verdict": "undecided", "missing": [cue.value for cue in missing], "cues": _cues(cues)}
        case NotChecked():
            return {"verdict": "not_checked"}
        case unreachable:
            assert_never(unreachable)


def _second_factor(factor: SecondFactor) -> dict[str, object]:
    """What became of it; nothing where nobody was asked."""
    match factor:
        case FactorNotAsked():
            return {}
        case FactorAwaited(person=person):
            return {"second_factor": {"state": "awaited", "person": person}}
        case FactorGiven(person=person):
            return {"second_factor": {"state": "given", "person": person}}
        case FactorFailed(fault=fault):
            return {"second_factor": {"state": "failed", "fault": fault.value}}
        case unreachable:
            assert_never(unreachable)


def _cues(cues: tuple[CueReading, ...]) -> dict[str, list[float]]:
    """Per cue what was measured and what it was held against."""
    return {cue.name: [round(cue.value, 4), cue.threshold] for cue in cues}
