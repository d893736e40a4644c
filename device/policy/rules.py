"""The door's rules: each asks one question of the evidence and may object. None of them can say yes.

Every comparison is written so that NaN, a missing fact or a nonsensical number is an objection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias, assert_never

from device.policy.schedule import WeeklySchedule, is_inside
from device.types import (
    Attack,
    BonaFide,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorFault,
    FactorGiven,
    Match,
    NonMatch,
    NotChecked,
    Undecided,
)

Rule: TypeAlias = Callable[[Evidence], Deny | None]  # None means "no objection"
Demand: TypeAlias = Callable[[Evidence], bool]  # whether the second factor is needed

EVERYONE = "everyone"  # the name under which a schedule or a demand applies to people of whatever group
FULL_SCORE = 1.0 + 3e-3  # a cosine similarity exceeds 1 by as much as two templates' lengths may, 1e-3 each


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What the rules are held against. Raises ValueError for values that would let a rule say yes to nonsense."""

    freshness_s: float  # the newest frame may be this old
    min_margin: float  # score to the best other person
    min_frames: int  # usable frames fused into the probe
    clock_must_be_after: datetime  # aware: a civil clock before it has lost its battery
    schedules: Mapping[str, WeeklySchedule] = field(default_factory=dict)  # by group, or EVERYONE; empty: always open
    second_factor_groups: tuple[str, ...] = ()  # who needs one always; EVERYONE: all
    second_factor_for_undecided_liveness: bool = False  # it then stands in for liveness that stays undecided

    def __post_init__(self) -> None:
        if not 0.0 < self.freshness_s <= 3600.0:
            raise ValueError(f"freshness_s must lie in (0, 3600], got {self.freshness_s}")
        if not 0.0 <= self.min_margin <= 2.0:
            raise ValueError(f"min_margin must lie in [0, 2], got {self.min_margin}")
        if self.min_frames < 1:
            raise ValueError(f"min_frames must be 1 or more, got {self.min_frames}")
        if self.clock_must_be_after.utcoffset() is None:
            raise ValueError("clock_must_be_after needs a time zone")
        object.__setattr__(self, "schedules", MappingProxyType(dict(self.schedules)))


def door_rules(settings: RuleSettings) -> tuple[Rule, ...]:
    """The policy: the first objection wins, so the order decides which reason a person and the audit get.

    First what makes the evidence itself worthless, then the presentation, then the identity, then what that person may.
    The second factor is last: a person is asked for it when nothing else is missing.
    """
    stands_in = settings.second_factor_for_undecided_liveness
    demands = (person_is_in(settings.second_factor_groups), *((liveness_is_open,) if stands_in else ()))
    return (
        clock_is_trusted(settings.clock_must_be_after),
        second_factor_has_not_failed,
        frame_is_fresh(settings.freshness_s),
        no_attack_was_seen,
        *(() if stands_in else (liveness_is_decided,)),
        frames_suffice(settings.min_frames),
        somebody_matches,
        match_is_unambiguous(settings.min_margin),
        person_is_known,
        person_is_not_suspended,
        person_is_valid_now,
        inside_schedule(settings.schedules),
        second_factor_is_given(demands),
        nobody_else_was_asked,
    )


def clock_is_trusted(must_be_after: datetime) -> Rule:
    """Objects when the civil clock is known to be wrong: windows and schedules would mean nothing."""

    def rule(evidence: Evidence) -> Deny | None:
        is_aware = evidence.now.utcoffset() is not None
        if evidence.clock_is_trusted and is_aware and evidence.now >= must_be_after:
            return None
        return Deny(DenyReason.CLOCK_UNTRUSTED)

    return rule


def frame_is_fresh(freshness_s: float) -> Rule:
    """Objects to a decision on a picture from the past, or from the future."""

    def rule(evidence: Evidence) -> Deny | None:
        if 0.0 <= evidence.decided_at - evidence.captured_at <= freshness_s:
            return None
        return Deny(DenyReason.STALE_FRAME)

    return rule


def no_attack_was_seen(evidence: Evidence) -> Deny | None:
    """Objects to a presentation attack."""
    return Deny(DenyReason.PRESENTATION_ATTACK) if isinstance(evidence.pad, Attack) else None


def liveness_is_decided(evidence: Evidence) -> Deny | None:
    """Objects while liveness is open. Switched off for bench work it does not object: the audit row says so."""
    match evidence.pad:
        case BonaFide() | NotChecked() | Attack():  # an attack has its own rule, and its own reason
            return None
        case Undecided():
            return Deny(DenyReason.LIVENESS_UNDECIDED)
        case unreachable:
            assert_never(unreachable)


def frames_suffice(min_frames: int) -> Rule:
    """Objects to a decision on fewer usable frames than agreed."""

    def rule(evidence: Evidence) -> Deny | None:
        return None if evidence.frames >= min_frames else Deny(DenyReason.TOO_FEW_FRAMES)

    return rule


def somebody_matches(evidence: Evidence) -> Deny | None:
    """Objects when nobody enrolled is near enough, checking the score against its own threshold once more."""
    match evidence.search:
        case Match(score=score, threshold=threshold) if threshold.score <= score <= FULL_SCORE:
            return None
        case Match() | NonMatch():
            return Deny(DenyReason.NOT_ENROLLED)
        case unreachable:
            assert_never(unreachable)


def match_is_unambiguous(min_margin: float) -> Rule:
    """Objects when another enrolled person is nearly as near."""

    def rule(evidence: Evidence) -> Deny | None:
        if isinstance(evidence.search, NonMatch) or evidence.search.margin >= min_margin:
            return None
        return Deny(DenyReason.AMBIGUOUS)

    return rule


def person_is_known(evidence: Evidence) -> Deny | None:
    """Objects when there are no facts about the matched person, or they are about somebody else."""
    if isinstance(evidence.search, NonMatch):
        return None
    if evidence.person is not None and evidence.person.person == evidence.search.person:
        return None
    return Deny(DenyReason.PERSON_UNKNOWN)


def person_is_not_suspended(evidence: Evidence) -> Deny | None:
    """Objects to a suspended person."""
    if evidence.person is None or not evidence.person.is_suspended:
        return None
    return Deny(DenyReason.PERSON_SUSPENDED)


def person_is_valid_now(evidence: Evidence) -> Deny | None:
    """Objects before `valid_from` and from `valid_until` on. A bound without a time zone could mean any hour."""
    if evidence.person is None:
        return None
    begin, end, now = evidence.person.valid_from, evidence.person.valid_until, evidence.now
    if any(moment is not None and moment.utcoffset() is None for moment in (begin, end, now)):
        return Deny(DenyReason.OUTSIDE_VALIDITY)
    if (begin is None or begin <= now) and (end is None or now < end):
        return None
    return Deny(DenyReason.OUTSIDE_VALIDITY)


def inside_schedule(schedules: Mapping[str, WeeklySchedule]) -> Rule:
    """Objects when none of the person's groups may pass now. Without any schedule the door keeps no hours.

    With at least one, a person needs a group whose schedule is open; the schedule named EVERYONE is open to all.
    """

    def rule(evidence: Evidence) -> Deny | None:
        if not schedules or evidence.person is None:
            return None
        names = (EVERYONE, *evidence.person.groups)
        if any(name in schedules and is_inside(schedules[name], now=evidence.now) for name in names):
            return None
        return Deny(DenyReason.OUTSIDE_SCHEDULE)

    return rule


def person_is_in(groups: tuple[str, ...]) -> Demand:
    """Demands the second factor of people in one of `groups`, or of all where EVERYONE is one of them."""

    def demand(evidence: Evidence) -> bool:
        if EVERYONE in groups:
            return True
        return evidence.person is not None and any(group in groups for group in evidence.person.groups)

    return demand


def liveness_is_open(evidence: Evidence) -> bool:
    """Demands the second factor where liveness is undecided; an attack has its own rule, and nothing outweighs it."""
    return isinstance(evidence.pad, Undecided)


def second_factor_is_given(demands: tuple[Demand, ...]) -> Rule:
    """Objects while any of `demands` holds and the matched person has not given their own second factor."""

    def rule(evidence: Evidence) -> Deny | None:
        given = evidence.second_factor
        if isinstance(given, FactorGiven) and evidence.person is not None and given.person == evidence.person.person:
            return None
        return Deny(DenyReason.SECOND_FACTOR_MISSING) if any(demand(evidence) for demand in demands) else None

    return rule


def nobody_else_was_asked(evidence: Evidence) -> Deny | None:
    """Objects when the visit's second factor is asked of another person than the one who matches now."""
    factor = evidence.second_factor
    if not isinstance(factor, FactorAwaited | FactorGiven):
        return None
    is_same = evidence.person is not None and factor.person == evidence.person.person
    return None if is_same else Deny(DenyReason.AMBIGUOUS)


FAULT_REASONS: dict[FactorFault, DenyReason] = {
    FactorFault.LATE: DenyReason.SECOND_FACTOR_MISSING,
    FactorFault.NOT_SET: DenyReason.SECOND_FACTOR_MISSING,
    FactorFault.WRONG: DenyReason.SECOND_FACTOR_WRONG,
    FactorFault.BLOCKED: DenyReason.SECOND_FACTOR_BLOCKED,
    FactorFault.UNAVAILABLE: DenyReason.SECOND_FACTOR_UNAVAILABLE,
}


def second_factor_has_not_failed(evidence: Evidence) -> Deny | None:
    """Objects to a visit whose second factor failed: nobody looks at the camera while typing, so it needs no frame."""
    if isinstance(evidence.second_factor, FactorFailed):
        return Deny(FAULT_REASONS[evidence.second_factor.fault])
    return None
