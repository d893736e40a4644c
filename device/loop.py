"""The loop: one frame in; for each face in it at most one decision out, recorded before the lock is told.

frame ─► follow ─► judge ─► template, texture ─► search ─► decide ─► audit ─► release
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from device.audit.kinds import AuditKind
from device.camera.checks import StreamGuard
from device.clock import Clock
from device.config import LivenessSettings, RecognitionSettings
from device.encounter import Encounter
from device.errors import AuditError, DeviceError
from device.facts import decision_facts
from device.liveness.solidity import Solidity
from device.liveness.verdict import MotionCue
from device.liveness.warden import Warden
from device.policy.lockout import Lockout
from device.ports import Audit, Door, Gallery, Lamps, TemplateExtractor, TextureScorer
from device.second_factor import Inquiry, NoInquiry
from device.stopwatch import Stopwatch
from device.types import (
    Box,
    Decision,
    Deny,
    DenyReason,
    Evidence,
    FactorFailed,
    FactorNotAsked,
    Frame,
    Grant,
    Match,
    PersonId,
    Quality,
    TrackId,
)
from device.vision.quality import QualityGate
from device.vision.track import FaceTracker, Track
from firmware_bridge.errors import BridgeError, CommandRefusedError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vision:
    """The stages that look at a frame."""

    tracker: FaceTracker
    gate: QualityGate
    extractor: TemplateExtractor
    texture: TextureScorer | None  # None: the installed profile has no texture network
    motion: Callable[[], MotionCue] = Solidity  # makes the motion cue of one track
    guard: StreamGuard | None = None  # None: the frames are known not to come from a camera


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the loop decides with and acts on."""

    gallery: Gallery
    decide: Callable[[Evidence], Decision]
    audit: Audit
    door: Door
    clock: Clock
    clock_is_trusted: Callable[[], bool]
    lamps: Lamps | None = None  # None: no emitters, or none that liveness uses
    lockout: Lockout = field(default_factory=Lockout)
    inquiry: Inquiry | NoInquiry = field(default_factory=NoInquiry)


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, as the indicators, the `watch` command and the demo show it. Never goes to the person denied."""

    track: TrackId
    box: Box
    decision: Decision
    evidence: Evidence | None  # None: a fault kept it from being gathered
    quality: Quality
    audit_sequence: int | None  # None: it could not be recorded, so nothing was released
    first_usable_at: float  # capture time of the first usable frame, monotonic seconds
    decided_at: float  # when the command had been given to the lock, or the denial was recorded

    @property
    def person(self) -> PersonId | None:
        """Who was recognised, granted or not."""
        match = self.evidence.search if self.evidence is not None else None
        return match.person if isinstance(match, Match) else None


class DoorLoop:
    """Turns frames into decisions. One thread."""

    def __init__(
        self,
        vision: Vision,
        surroundings: Surroundings,
        *,
        recognition: RecognitionSettings,
        liveness: LivenessSettings,
        stopwatch: Stopwatch,
    ) -> None:
        self._vision = vision
        self._world = surroundings
        self._recognition = recognition
        self._warden = Warden(liveness, motion=vision.motion, door=surroundings.door, lamps=surroundings.lamps)
        self._stopwatch = stopwatch
        self._encounters: dict[TrackId, Encounter] = {}
        self._resting_until: dict[TrackId, float] = {}

    def observe(self, frame: Frame) -> list[Decided]:
        """Look at one frame and return the decisions that fell on it, the nearest person first.

        Raises ModelError when a network fails. A fault of collection, audit or door is a denial with its reason.
        """
        with self._stopwatch.measure("frame"):
            with self._stopwatch.measure("follow"):
                tracks = self._vision.tracker.follow(frame)
            decided = self._conclude_visits_of_those_who_left({track.id for track in tracks})
            fault = None if self._vision.guard is None else self._vision.guard.inspect(frame)
            if fault is not None:
                self._warden.note_stream(fault, tracks)
            decided += [one for track in tracks if (one := self._look_at(track, frame, faces=len(tracks))) is not None]
        return decided

    def conclude(self) -> list[Decided]:
        """The camera has ended: the decisions on those who were still before it, none of whom is let in any more."""
        return self._conclude_visits_of_those_who_left(set())

    def encounters(self) -> dict[TrackId, Encounter]:
        """The visits under way, for those who want to show them."""
        return dict(self._encounters)

    def _look_at(self, track: Track, frame: Frame, *, faces: int) -> Decided | None:
        if frame.captured_at < self._resting_until.get(track.id, frame.captured_at):
            return None
        encounter = self._encounters.get(track.id)
        if encounter is None:
            if self._world.lockout.is_paused(frame.captured_at):
                return None
            encounter = Encounter(track, self._warden.judge_of(track.id), self._recognition)
            self._encounters[track.id] = encounter
        is_usable = self._gather(encounter, track, frame)
        inquiry = self._world.inquiry
        factor = inquiry.factor_of(track.id)
        if isinstance(factor, FactorNotAsked):  # one thing at a time is asked
            with self._stopwatch.measure("challenge"):
                self._warden.watch(frame, track, faces=faces)
        inquiry.prompt(track.id)
        has_failed = encounter.judge.has_failed or isinstance(factor, FactorFailed)
        if not (is_usable or has_failed) or not encounter.is_ready:
            return None
        evidence, decision = self._weigh(encounter)
        if evidence is not None:
            inquiry.consider(track.id, evidence, decision)
        if isinstance(decision, Deny) and not self._is_final(decision, encounter, evidence):
            return None
        decided = self._carry_out(encounter, evidence, decision)
        self._world.door.indicate(_word_for(decided.decision))
        return decided

    def _gather(self, encounter: Encounter, track: Track, frame: Frame) -> bool:
        """Measure one face; whether the frame was usable."""
        with self._stopwatch.measure("quality"):
            quality = self._vision.gate.judge(frame.image, track.mesh)
        if not quality.is_sufficient:
            encounter.reject(quality)
            return False
        with self._stopwatch.measure("template"):
            template = self._vision.extractor.extract(frame.image, track.mesh)
        if not encounter.is_constant(template):
            log.warning("track.swapped", extra={"track": track.id})
            self._vision.tracker.drop(track.id)  # so the visit is concluded with the next frame: its person has left
            return False
        score = None
        if self._vision.texture is not None:
            with self._stopwatch.measure("texture"):
                score = self._vision.texture.bona_fide_score(frame.image, track.box)
        encounter.admit(frame, track, quality=quality, template=template, texture_score=score)
        return True

    def _weigh(self, encounter: Encounter) -> tuple[Evidence | None, Decision]:
        """Search and apply the rules. A collection that cannot be searched is a denial."""
        assert encounter.newest is not None  # noqa: S101 (an encounter that is ready has frames)
        with self._stopwatch.measure("liveness"):
            pad = encounter.verdict()
        try:
            with self._stopwatch.measure("search"):
                search = self._world.gallery.search(encounter.probe())
                person = self._world.gallery.facts(search.person) if isinstance(search, Match) else None
        except DeviceError as error:
            log.error("search.failed", extra={"fault": str(error)})  # noqa: TRY400 (the sentence is for the operator)
            return None, Deny(DenyReason.FAULT)
        evidence = Evidence(
            search=search,
            person=person,
            pad=pad,
            frames=encounter.frames,
            captured_at=encounter.newest.captured_at,
            decided_at=self._world.clock.monotonic(),
            now=self._world.clock.now(),
            clock_is_trusted=self._world.clock_is_trusted(),
            second_factor=self._world.inquiry.factor_of(encounter.track.id),
        )
        with self._stopwatch.measure("policy"):
            decision = self._world.decide(evidence)
        return evidence, self._warden.confirm(decision, at=evidence.captured_at)

    def _is_final(self, denial: Deny, encounter: Encounter, evidence: Evidence | None) -> bool:
        """An attack and a second factor that failed are final at once; every other denial waits for more frames.

        So a stranger is told after the same number of frames however near he was, and learns nothing from the delay.
        Whoever is asked for a second factor, or waits to be, has the time that this takes.
        """
        inquiry, track = self._world.inquiry, encounter.track.id
        factor = inquiry.factor_of(track) if evidence is None else evidence.second_factor
        if denial.reason is DenyReason.PRESENTATION_ATTACK or isinstance(factor, FactorFailed):
            return True
        return encounter.is_exhausted and not inquiry.holds(track, denial)

    def _carry_out(self, encounter: Encounter, evidence: Evidence | None, decision: Decision) -> Decided:
        """Record the decision, then act on it. What cannot be recorded does not happen."""
        assert encounter.quality is not None  # noqa: S101 (an encounter that is decided has frames)
        assert encounter.first_usable_at is not None  # noqa: S101 (same)
        sequence, decision = self._record_and_release(encounter, evidence, decision)
        self._warden.note_decision(decision, encounter.judge, encounter.track, at=encounter.newest_at)
        finished_at = self._world.clock.monotonic()
        self._forget(encounter.track.id)
        self._resting_until[encounter.track.id] = finished_at + self._rest_after(decision, encounter.track.id)
        return Decided(
            track=encounter.track.id,
            box=encounter.track.box,
            decision=decision,
            evidence=evidence,
            quality=encounter.quality,
            audit_sequence=sequence,
            first_usable_at=encounter.first_usable_at,
            decided_at=finished_at,
        )

    def _rest_after(self, decision: Decision, track: TrackId) -> float:
        """For how many seconds this track is not looked at again; a door that is tried too often pauses altogether."""
        if isinstance(decision, Grant):
            return self._recognition.repeat_after_grant_s
        lockout = self._world.lockout
        pause_s = lockout.note_denial(track, decision.reason, at=self._world.clock.monotonic())
        if pause_s:
            try:
                self._world.audit.append(AuditKind.DOOR_SLOWED, {"pause_s": pause_s})
            except AuditError as error:
                log.error("audit.failed", extra={"fault": str(error)})  # noqa: TRY400 (the door pauses all the same)
        return lockout.rest_s(track, usual_s=self._recognition.repeat_after_s)

    def _record_and_release(
        self, encounter: Encounter, evidence: Evidence | None, decision: Decision
    ) -> tuple[int | None, Decision]:
        audit, door = self._world.audit, self._world.door
        kind = AuditKind.DECISION_GRANTED if isinstance(decision, Grant) else AuditKind.DECISION_DENIED
        try:
            with self._stopwatch.measure("audit"):
                sequence = audit.append(kind, decision_facts(encounter, evidence, decision))
        except AuditError as error:
            log.error("audit.failed", extra={"fault": str(error)})  # noqa: TRY400 (the sentence is for the operator)
            return None, Deny(DenyReason.AUDIT_UNAVAILABLE)
        if isinstance(decision, Deny):
            return sequence, decision
        assert evidence is not None  # noqa: S101 (only evidence can lead to a grant)
        try:
            with self._stopwatch.measure("release"):
                door.release(
                    duration_s=decision.release_for_s, audit_sequence=sequence, captured_at=evidence.captured_at
                )
        except BridgeError as error:
            log.error("door.failed", extra={"fault": str(error)})  # noqa: TRY400 (the sentence is for the operator)
            is_refused = isinstance(error, CommandRefusedError)
            kind = AuditKind.DOOR_REFUSED if is_refused else AuditKind.DOOR_UNREACHABLE
            self._record_failed_release(kind, sequence, error)
            return sequence, Deny(DenyReason.DOOR_REFUSED if is_refused else DenyReason.DOOR_UNREACHABLE)
        return sequence, decision

    def _record_failed_release(self, kind: AuditKind, sequence: int, error: BridgeError) -> None:
        try:
            self._world.audit.append(kind, {"audit_sequence": sequence, "fault": str(error)})
        except AuditError as failure:
            log.error("audit.failed", extra={"fault": str(failure)})  # noqa: TRY400 (the door is secured already)

    def _conclude_visits_of_those_who_left(self, present: set[TrackId]) -> list[Decided]:
        """Whoever left after enough frames was seen and not let in: that is recorded too."""
        decided = []
        for track in [track for track in self._encounters if track not in present]:
            encounter = self._encounters[track]
            if encounter.is_ready and encounter.newest is not None:
                evidence, decision = self._weigh(encounter)
                if isinstance(decision, Grant):  # nobody is there any more
                    decision = Deny(DenyReason.STALE_FRAME)
                decided.append(self._carry_out(encounter, evidence, decision))
            self._forget(track)
        for track in [track for track in self._resting_until if track not in present]:
            del self._resting_until[track]
        self._warden.leave_out(present)
        self._world.lockout.forget(present)
        return decided

    def _forget(self, track: TrackId) -> None:
        self._encounters.pop(track, None)
        self._world.inquiry.close(track)


def _word_for(decision: Decision) -> str:
    """What the door's lamps show; whoever meets a door that waits is not told "denied", which would be about them."""
    if isinstance(decision, Grant):
        return "granted"
    return "try_again_later" if decision.reason is DenyReason.LOCKED_OUT else "denied"
