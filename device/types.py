"""The values that flow from a camera frame to a decision.

All are frozen. Coordinates are pixels of the frame, x to the right and y down, the origin at the top left corner.
"Left" and "right" of a face are the subject's own. Times called `..._at` are seconds of `Clock.monotonic`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

PersonId = NewType("PersonId", str)  # opaque; never a name
ModelId = NewType("ModelId", str)  # the network that made a template, the same for its float and int8 builds
TrackId = NewType("TrackId", int)  # unique for one run of the loop

Image: TypeAlias = NDArray[np.uint8]  # (height, width, 3) uint8 BGR
Points: TypeAlias = NDArray[np.float32]  # (n, 2) or (n, 3) float32 pixels


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from the camera and the moment it was taken."""

    image: Image  # (height, width, 3) uint8 BGR; nobody writes to it
    captured_at: float  # monotonic seconds
    sequence: int  # counts frames of one camera run from 0


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle; it may reach beyond the frame."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not (self.width > 0 and self.height > 0):
            raise ValueError(f"a box needs a positive size, got {self.width} x {self.height}")

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def centre(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that the detector found."""

    box: Box
    key_points: Points  # (6, 2): right eye, left eye, nose tip, mouth, right tragion, left tragion
    score: float  # [0, 1], the detector's own


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head points, in degrees. Zero looks straight into the camera."""

    yaw_deg: float  # positive: the subject turns to their own left
    pitch_deg: float  # positive: looks up
    roll_deg: float  # positive: the head tilts to the subject's own left shoulder


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """468 points on one face in one frame, in the order of MediaPipe's FaceMesh."""

    points: Points  # (468, 3): x and y in frame pixels, z in their scale, smaller is nearer, zero at the head's centre
    presence: float  # [0, 1], the network's own belief that this is a face


class QualityIssue(StrEnum):
    """Why a face is not good enough to be compared."""

    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    OCCLUDED = "occluded"
    CUT_OFF = "cut_off"  # partly outside the frame


@dataclass(frozen=True, slots=True)
class Quality:
    """What the quality gates measured on one face, and what they object to."""

    face_height_px: float
    brightness: float  # [0, 1], median luma of the face
    sharpness: float  # 0 or more, the variance of the Laplacian of the aligned face
    pose: Pose
    presence: float  # [0, 1], from the mesh
    cover: float  # 0 or more; from 1 on, part of the face has another colour than the rest, as a mask or a hand has
    issues: tuple[QualityIssue, ...]  # empty: good enough

    @property
    def is_sufficient(self) -> bool:
        return not self.issues

    @property
    def weight(self) -> float:
        """How much this frame counts when templates are fused, in (0, 1]: more when frontal, large, surely a face."""
        off_axis = max(abs(self.pose.yaw_deg), abs(self.pose.pitch_deg))
        frontal = math.cos(math.radians(min(off_axis, 80.0)))
        return max(1e-3, frontal * self.presence * min(1.0, self.face_height_px / 112.0))


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What the comparison subsystem compares: a probe now, or a reference once stored.

    `vector` has unit length, so the dot product of two vectors is their comparison score, the cosine similarity.
    Templates of different models must never be compared. Raises ValueError when the length is not 1.
    """

    vector: NDArray[np.float32] = field(repr=False)  # (dimensions,), unit length, read-only
    model_id: ModelId

    def __post_init__(self) -> None:
        length = float(np.linalg.norm(self.vector))
        if not abs(length - 1.0) < 1e-3:  # written so that NaN is refused too
            raise ValueError(f"a template must have unit length, got {length:.4f}")
        self.vector.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score from which a comparison is a match, and what it was chosen for."""

    score: float  # [-1, 1]
    fmr: float  # the false match rate of one comparison at this score
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class Match:
    """The gallery holds exactly one person who is near enough to the probe."""

    person: PersonId
    score: float
    margin: float  # score minus the score of the best other person; 2.0 where there is no other
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class NonMatch:
    """Nobody in the gallery is near enough to the probe."""

    best_score: float | None  # None: the gallery is empty
    threshold: Threshold


SearchOutcome: TypeAlias = Match | NonMatch


@dataclass(frozen=True, slots=True)
class CueReading:
    """One measured liveness cue, for the audit: what was measured and what it was held against."""

    name: str
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class BonaFide:
    """The cues agree that a live person is there."""

    cues: tuple[CueReading, ...]


class AttackReason(StrEnum):
    """Which cue a presentation attack failed."""

    TEXTURE = "texture"  # looks like paper or a screen
    PLANAR = "planar"  # moves like a sheet, flat or bent
    LIGHT = "light"  # does not answer the door's lamps as a face does
    INJECTION = "injection"  # the stream is not what a camera delivers


@dataclass(frozen=True, slots=True)
class Attack:
    """A cue says that this is a presentation attack."""

    reason: AttackReason
    cues: tuple[CueReading, ...]


class MissingCue(StrEnum):
    """What a verdict still waits for."""

    FRAMES = "frames"
    TEXTURE = "texture"  # measured, but neither clearly live nor clearly not
    MOTION = "motion"  # the head has not turned enough to tell a head from a picture
    CHALLENGE = "challenge"  # not asked yet, still being answered, or failed
    LIGHT = "light"  # the door's lamps have not been answered, or it cannot be told


@dataclass(frozen=True, slots=True)
class Undecided:
    """The cues do not suffice yet. Undecided is never yes."""

    missing: tuple[MissingCue, ...]
    cues: tuple[CueReading, ...]


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Liveness is switched off for bench work; every audit row says so."""


PadVerdict: TypeAlias = BonaFide | Attack | Undecided | NotChecked


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What the rules need to know about an enrolled person; never the name."""

    person: PersonId
    is_suspended: bool = False
    valid_from: datetime | None = None  # aware; None: no bound
    valid_until: datetime | None = None  # aware; None: no bound
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactorNotAsked:
    """Nobody was asked for a second factor."""


@dataclass(frozen=True, slots=True)
class FactorAwaited:
    """The door waits for the second factor of this person."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class FactorGiven:
    """The right second factor of this person was given in this visit, after the door had asked for it."""

    person: PersonId


class FactorFault(StrEnum):
    """Why a second factor will not come in this visit."""

    LATE = "late"  # not given in time
    NOT_SET = "not_set"  # the person has none
    WRONG = "wrong"
    BLOCKED = "blocked"  # too many wrong ones before
    UNAVAILABLE = "unavailable"  # the keypad or the collection could not be asked


@dataclass(frozen=True, slots=True)
class FactorFailed:
    """The second factor was asked for in vain."""

    fault: FactorFault


SecondFactor: TypeAlias = FactorNotAsked | FactorAwaited | FactorGiven | FactorFailed


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a decision rests on."""

    search: SearchOutcome
    person: PersonFacts | None  # of the match; None for a non-match, or when the person vanished since the search
    pad: PadVerdict
    frames: int  # how many usable frames were fused
    captured_at: float  # of the newest frame
    decided_at: float  # monotonic seconds, when the decision is made
    now: datetime  # aware civil time
    clock_is_trusted: bool
    second_factor: SecondFactor = FactorNotAsked()


class DenyReason(StrEnum):
    """Why a person is not let in. Stable: the audit, the API and the indicators use these words."""

    NOT_ENROLLED = "not_enrolled"
    AMBIGUOUS = "ambiguous"  # two enrolled people are nearly equally near
    PRESENTATION_ATTACK = "presentation_attack"
    LIVENESS_UNDECIDED = "liveness_undecided"
    TOO_FEW_FRAMES = "too_few_frames"
    STALE_FRAME = "stale_frame"
    CLOCK_UNTRUSTED = "clock_untrusted"
    PERSON_UNKNOWN = "person_unknown"  # erased between the search and the decision
    PERSON_SUSPENDED = "person_suspended"
    OUTSIDE_VALIDITY = "outside_validity"
    OUTSIDE_SCHEDULE = "outside_schedule"
    SECOND_FACTOR_MISSING = "second_factor_missing"
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    SECOND_FACTOR_BLOCKED = "second_factor_blocked"  # too many wrong ones before
    SECOND_FACTOR_UNAVAILABLE = "second_factor_unavailable"  # the keypad or the collection could not be asked
    LOCKED_OUT = "locked_out"
    MODEL_MISSING = "model_missing"
    AUDIT_UNAVAILABLE = "audit_unavailable"
    DOOR_REFUSED = "door_refused"  # the door daemon said no: lockdown, a stale frame
    DOOR_UNREACHABLE = "door_unreachable"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Grant:
    """This person may come in now."""

    person: PersonId
    release_for_s: float


@dataclass(frozen=True, slots=True)
class Deny:
    """The door stays secured."""

    reason: DenyReason


Decision: TypeAlias = Grant | Deny
