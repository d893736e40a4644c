"""The guided capture as a state machine: what a camera found in, one instruction and at last an outcome out. No I/O.

It ends with `Ready` only after consent, five poses of one unbroken track, a bona fide verdict on that track, agreement
of the five, a look at everyone enrolled, and a visit of its own in which the newcomer was recognised without doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from device.collection.people import Reference
from device.types import (
    Attack,
    BonaFide,
    Match,
    PadVerdict,
    PersonId,
    Pose,
    Quality,
    QualityIssue,
    SearchOutcome,
    Template,
    TrackId,
)
from enroll.pose_grid import (
    FRAMES_PER_POSE,
    STRAIGHT_PITCH_DEG,
    STRAIGHT_YAW_DEG,
    PoseBin,
    bin_of,
    mean_pose,
    merit_of,
    score_of,
)

CANDIDATE = PersonId("p-candidate")  # who is being enrolled, while nobody has given them an id
STRANGE_FRAMES = 8  # in a row, none of them kept, are another face; a picture of a face that moves gives some, too


class Stage(StrEnum):
    """Where a session stands."""

    CONSENT = "consent"
    CAPTURE = "capture"
    CHECK = "check"  # everything is captured; somebody must look whether the person is enrolled already
    VERIFY = "verify"
    ENDED = "ended"


class Word(StrEnum):
    """What the person is told. One at a time."""

    NOBODY = "nobody"
    SEVERAL = "several"
    COME_CLOSER = "come_closer"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    UNCOVER = "uncover"
    MOVE_IN = "move_in"
    HOLD_STILL = "hold_still"
    STRAIGHT = "straight"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    BLINK = "blink"
    OPEN_MOUTH = "open_mouth"
    WAIT = "wait"
    VERIFY = "verify"


class Refusal(StrEnum):
    """Why nobody is enrolled. Stable words of the audit."""

    ATTACK = "presentation_attack"
    LIVENESS_UNDECIDED = "liveness_undecided"
    FACE_CHANGED = "face_changed"
    DISAGREEMENT = "references_disagree"
    LOOK_ALIKE = "look_alike"
    NOT_RECOGNISED = "not_recognised"
    STALLED = "stalled"


OBJECTIONS: dict[QualityIssue, Word] = {
    QualityIssue.TOO_SMALL: Word.COME_CLOSER,
    QualityIssue.CUT_OFF: Word.MOVE_IN,
    QualityIssue.TOO_DARK: Word.TOO_DARK,
    QualityIssue.TOO_BRIGHT: Word.TOO_BRIGHT,
    QualityIssue.BLURRED: Word.BLURRED,
    QualityIssue.TURNED_AWAY: Word.TURNED_AWAY,
    QualityIssue.OCCLUDED: Word.UNCOVER,
}
GESTURES: dict[str, Word] = {  # of device.liveness.appearance.Gesture
    "turn_left": Word.LEFT,
    "turn_right": Word.RIGHT,
    "look_up": Word.UP,
    "look_down": Word.DOWN,
    "blink": Word.BLINK,
    "open_mouth": Word.OPEN_MOUTH,
    "come_closer": Word.COME_CLOSER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What a session is held against."""

    straight_score: float  # every pose against the straight one: the threshold of a single comparison
    side_score: float  # two turned poses against each other, and each frame against what was captured
    min_margin: float  # of the verification, to the best other person
    min_frames: int  # usable ones in the verification
    patience_s: float = 30.0  # without any progress
    at_most_s: float = 240.0  # altogether


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one frame showed."""

    at: float  # capture time, monotonic seconds
    faces: int = 0
    track: TrackId | None = None
    quality: Quality | None = None
    template: Template | None = None  # None: the frame is not usable
    pad: PadVerdict | None = None  # of this track so far
    prompt: str | None = None  # the gesture that liveness asks for
    is_asking: bool = False  # liveness asks for something, or is about to
    is_hopeless: bool = False  # liveness was asked for as often as it may be
    frames: int = 0  # usable ones of this visit
    search: SearchOutcome | None = None  # of this visit among everyone and the candidate


@dataclass(frozen=True, slots=True)
class Ready:
    """The newcomer may be written down."""

    references: tuple[Reference, ...]  # in the order of PoseBin


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody is enrolled."""

    reason: Refusal
    last_word: Word  # what the person was told last


Outcome: TypeAlias = Ready | Refused


@dataclass(slots=True)
class _Pose:
    """The frames of one place of the grid."""

    seen: int = 0
    best: Reference | None = None
    merit: float = -1.0

    def admit(self, template: Template, quality: Quality) -> None:
        self.seen += 1
        if (merit := merit_of(quality)) > self.merit:
            self.best, self.merit = Reference(template, quality), merit


@dataclass(slots=True)
class Session:
    """One newcomer before one camera."""

    rules: SessionRules
    stage: Stage = Stage.CONSENT
    outcome: Outcome | None = None
    word: Word = Word.NOBODY
    _grid: dict[PoseBin, _Pose] = field(default_factory=dict)
    _neutral: list[Pose] = field(default_factory=list)
    _track: TrackId | None = None
    _is_live: bool = False
    _strange: int = 0  # usable frames in a row that do not look like what was captured
    _began_at: float | None = None
    _progress_at: float = 0.0

    @property
    def needs_liveness(self) -> bool:
        """Whether liveness may still ask for something: before its verdict, and in the verification."""
        return self.stage is Stage.VERIFY or not self._is_live

    @property
    def filled(self) -> frozenset[PoseBin]:
        """The places of the grid that are done."""
        return frozenset(name for name, pose in self._grid.items() if pose.seen >= FRAMES_PER_POSE)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The best frame of each pose so far."""
        return tuple(pose.best for name in PoseBin if (pose := self._grid.get(name)) and pose.best is not None)

    def agree(self) -> None:
        """The person consented. Nothing is looked at before."""
        if self.stage is Stage.CONSENT:
            self.stage = Stage.CAPTURE

    def admit_newcomer(self, *, at: float) -> None:
        """Nobody enrolled is too near, or an administrator said that these are two people."""
        if self.stage is Stage.CHECK:
            self.stage, self.word = Stage.VERIFY, Word.VERIFY
            self._began_at = self._progress_at = at

    def refuse(self, reason: Refusal) -> None:
        """End without enrolling. What has ended stays as it is."""
        if self.stage is not Stage.ENDED:
            self.stage, self.outcome = Stage.ENDED, Refused(reason, self.word)

    def observe(self, found: Finding) -> None:
        """One frame. Before consent, while somebody checks and after the end it changes nothing."""
        if self.stage not in {Stage.CAPTURE, Stage.VERIFY}:
            return
        if self._began_at is None:
            self._began_at = self._progress_at = found.at
        if isinstance(found.pad, Attack):
            self.refuse(Refusal.ATTACK)
        elif found.is_hopeless:
            self.refuse(Refusal.LIVENESS_UNDECIDED)
        elif self.stage is Stage.CAPTURE:
            self._capture(found)
        else:
            self._verify(found)
        self._give_up_when_stalled(found.at)

    def _capture(self, found: Finding) -> None:
        if found.track != self._track:  # what was captured before may be somebody else's
            self._grid, self._neutral, self._is_live, self._strange = {}, [], False, 0
            self._track = found.track
        if found.template is not None and found.quality is not None and found.faces == 1:
            is_constant = self._is_constant(found.template)
            self._strange = 0 if is_constant else self._strange + 1
            if self._strange >= STRANGE_FRAMES:
                self.refuse(Refusal.FACE_CHANGED)
                return
            if is_constant:
                self._place(found.template, found.quality, at=found.at)
        if isinstance(found.pad, BonaFide) and found.faces == 1 and not self._is_live:
            self._is_live, self._progress_at = True, found.at
        self.word = self._choose_word(found)
        if self._is_live and len(self.filled) == len(PoseBin):
            self._finish_capture()

    def _finish_capture(self) -> None:
        if self._do_agree():
            self.stage, self.word = Stage.CHECK, Word.WAIT
        else:
            self.refuse(Refusal.DISAGREEMENT)

    def _place(self, template: Template, quality: Quality, *, at: float) -> None:
        name = self._bin_of(quality.pose)
        if name is None:
            return
        pose = self._grid.setdefault(name, _Pose())
        if pose.seen < FRAMES_PER_POSE:
            self._progress_at = at
            if name is PoseBin.STRAIGHT:
                self._neutral.append(quality.pose)
        pose.admit(template, quality)

    def _bin_of(self, pose: Pose) -> PoseBin | None:
        if len(self._neutral) < FRAMES_PER_POSE:
            is_straight = abs(pose.yaw_deg) <= STRAIGHT_YAW_DEG and abs(pose.pitch_deg) <= STRAIGHT_PITCH_DEG
            return PoseBin.STRAIGHT if is_straight else None
        return bin_of(pose, neutral=mean_pose(self._neutral))

    def _is_constant(self, template: Template) -> bool:
        """Whether this is still the face of what was captured."""
        captured = self.references
        scores = [score_of(template, one.template) for one in captured]
        return not captured or max(scores) >= self.rules.side_score

    def _do_agree(self) -> bool:
        straight, *others = (reference.template for reference in self.references)
        with_straight = all(score_of(straight, other) >= self.rules.straight_score for other in others)
        pairs = [(one, other) for number, one in enumerate(others) for other in others[:number]]
        return with_straight and all(score_of(one, other) >= self.rules.side_score for one, other in pairs)

    def _verify(self, found: Finding) -> None:
        self.word = self._choose_word(found)
        if not (isinstance(found.pad, BonaFide) and found.faces == 1 and found.frames >= self.rules.min_frames):
            return
        search = found.search
        if not (isinstance(search, Match) and search.person == CANDIDATE and search.score >= search.threshold.score):
            return
        if search.margin >= self.rules.min_margin:
            self.stage, self.outcome = Stage.ENDED, Ready(self.references)

    def _choose_word(self, found: Finding) -> Word:
        """The most urgent thing to say."""
        if found.faces == 0:
            return Word.NOBODY
        if found.faces > 1:
            return Word.SEVERAL
        if self.needs_liveness and found.prompt is not None:
            return GESTURES[found.prompt]
        if found.quality is not None and found.quality.issues:
            return OBJECTIONS[found.quality.issues[0]]
        if self.needs_liveness and found.is_asking:
            return Word.HOLD_STILL
        if self.stage is Stage.VERIFY:
            return Word.VERIFY
        missing = [name for name in PoseBin if name not in self.filled]
        return Word(missing[0].value) if missing else Word.STRAIGHT

    def _give_up_when_stalled(self, at: float) -> None:
        assert self._began_at is not None  # noqa: S101 (set with the first frame)
        if at - self._progress_at > self.rules.patience_s or at - self._began_at > self.rules.at_most_s:
            self.refuse(Refusal.STALLED if self.stage is Stage.CAPTURE else Refusal.NOT_RECOGNISED)
