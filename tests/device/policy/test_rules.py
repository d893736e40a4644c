from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from evidence_builders import ADA, GOOD, NOW, SETTINGS, THRESHOLD

from device.policy.decide import Policy, decide
from device.policy.rules import EVERYONE, door_rules
from device.policy.schedule import Weekday, WeeklySchedule, Window
from device.types import (
    Attack,
    AttackReason,
    Decision,
    Deny,
    DenyReason,
    Evidence,
    Grant,
    Match,
    NonMatch,
    NotChecked,
    PersonFacts,
    PersonId,
    Undecided,
)

NAN = float("nan")
POLICY = Policy(door_rules(SETTINGS), release_for_s=5.0)


def decided(**changes: Any) -> Decision:
    return decide(replace(GOOD, **changes), policy=POLICY)


def match(score: float = 0.7, margin: float = 0.4) -> Match:
    return Match(ADA, score, margin, THRESHOLD)


def facts(**changes: Any) -> PersonFacts:
    return PersonFacts(ADA, **changes)


def test_a_live_enrolled_person_in_a_fresh_frame_is_granted() -> None:
    assert decided() == Grant(ADA, 5.0)


ONE_FAILING_FACT: list[tuple[dict[str, Any], DenyReason]] = [
    ({"clock_is_trusted": False}, DenyReason.CLOCK_UNTRUSTED),
    ({"now": datetime(2000, 1, 1, tzinfo=UTC)}, DenyReason.CLOCK_UNTRUSTED),
    ({"now": NOW.replace(tzinfo=None)}, DenyReason.CLOCK_UNTRUSTED),
    ({"decided_at": 100.51}, DenyReason.STALE_FRAME),
    ({"decided_at": 99.99}, DenyReason.STALE_FRAME),
    ({"decided_at": NAN}, DenyReason.STALE_FRAME),
    ({"captured_at": NAN}, DenyReason.STALE_FRAME),
    ({"captured_at": -math.inf}, DenyReason.STALE_FRAME),
    ({"captured_at": math.inf, "decided_at": math.inf}, DenyReason.STALE_FRAME),
    ({"pad": Attack(AttackReason.TEXTURE, ())}, DenyReason.PRESENTATION_ATTACK),
    ({"pad": Undecided((), ())}, DenyReason.LIVENESS_UNDECIDED),
    ({"frames": 4}, DenyReason.TOO_FEW_FRAMES),
    ({"frames": 0}, DenyReason.TOO_FEW_FRAMES),
    ({"search": NonMatch(0.44, THRESHOLD)}, DenyReason.NOT_ENROLLED),
    ({"search": NonMatch(None, THRESHOLD), "person": None}, DenyReason.NOT_ENROLLED),
    ({"search": match(score=0.44)}, DenyReason.NOT_ENROLLED),
    ({"search": match(score=NAN)}, DenyReason.NOT_ENROLLED),
    ({"search": match(score=math.inf)}, DenyReason.NOT_ENROLLED),
    ({"search": match(score=1.1)}, DenyReason.NOT_ENROLLED),
    ({"search": Match(ADA, 0.7, 0.4, replace(THRESHOLD, score=NAN))}, DenyReason.NOT_ENROLLED),
    ({"search": match(margin=0.049)}, DenyReason.AMBIGUOUS),
    ({"search": match(margin=-0.1)}, DenyReason.AMBIGUOUS),
    ({"search": match(margin=NAN)}, DenyReason.AMBIGUOUS),
    ({"person": None}, DenyReason.PERSON_UNKNOWN),
    ({"person": PersonFacts(PersonId("p-somebody-else"))}, DenyReason.PERSON_UNKNOWN),
    ({"person": facts(is_suspended=True)}, DenyReason.PERSON_SUSPENDED),
    ({"person": facts(valid_from=NOW + timedelta(seconds=1))}, DenyReason.OUTSIDE_VALIDITY),
    ({"person": facts(valid_until=NOW)}, DenyReason.OUTSIDE_VALIDITY),
    ({"person": facts(valid_from=datetime(2020, 1, 1))}, DenyReason.OUTSIDE_VALIDITY),
    ({"person": facts(valid_until=datetime(2100, 1, 1))}, DenyReason.OUTSIDE_VALIDITY),
]


@pytest.mark.parametrize(("changes", "reason"), ONE_FAILING_FACT)
def test_one_failing_fact_denies_with_its_own_reason(changes: dict[str, Any], reason: DenyReason) -> None:
    assert decided(**changes) == Deny(reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"decided_at": 100.0},
        {"decided_at": 100.5},
        {"frames": 500},
        {"search": match(score=0.45)},
        {"search": match(score=1.0, margin=2.0)},
        {"search": match(margin=0.05)},
        {"now": datetime(2026, 1, 1, tzinfo=UTC)},
        {"person": facts(valid_from=NOW, valid_until=NOW + timedelta(seconds=1))},
    ],
)
def test_a_fact_exactly_at_its_limit_is_good_enough(changes: dict[str, Any]) -> None:
    assert isinstance(decided(**changes), Grant)


def test_liveness_switched_off_does_not_object() -> None:
    assert isinstance(decided(pad=NotChecked()), Grant)


def test_the_first_objection_in_the_stated_order_wins() -> None:
    everything_wrong: list[tuple[dict[str, Any], DenyReason]] = [
        ({"clock_is_trusted": False}, DenyReason.CLOCK_UNTRUSTED),
        ({"decided_at": NAN}, DenyReason.STALE_FRAME),
        ({"pad": Attack(AttackReason.TEXTURE, ())}, DenyReason.PRESENTATION_ATTACK),
        ({"frames": 0}, DenyReason.TOO_FEW_FRAMES),
        ({"search": match(score=0.1, margin=0.0)}, DenyReason.NOT_ENROLLED),
        ({"search": match(margin=0.0)}, DenyReason.AMBIGUOUS),
        ({"person": facts(is_suspended=True, valid_until=NOW)}, DenyReason.PERSON_SUSPENDED),
        ({"person": facts(valid_until=NOW)}, DenyReason.OUTSIDE_VALIDITY),
    ]
    changes: dict[str, Any] = {}
    for change, reason in reversed(everything_wrong):
        changes |= change
        assert decided(**changes) == Deny(reason)


OFFICE = WeeklySchedule((Window(Weekday.MONDAY, time(8), time(18)),), ZoneInfo("Europe/Berlin"))
NEVER = WeeklySchedule((), ZoneInfo("Europe/Berlin"))


def scheduled(schedules: dict[str, WeeklySchedule], *groups: str) -> Decision:
    rules = door_rules(replace(SETTINGS, schedules=schedules))
    return decide(replace(GOOD, person=facts(groups=groups)), policy=Policy(rules, 5.0))


def test_without_a_schedule_the_door_keeps_no_hours() -> None:
    assert isinstance(scheduled({}, "staff"), Grant)


def test_with_a_schedule_a_person_needs_a_group_that_is_inside_one() -> None:
    assert isinstance(scheduled({"staff": OFFICE, "cleaners": NEVER}, "cleaners", "staff"), Grant)
    assert scheduled({"staff": OFFICE, "cleaners": NEVER}, "cleaners") == Deny(DenyReason.OUTSIDE_SCHEDULE)
    assert scheduled({"staff": OFFICE}) == Deny(DenyReason.OUTSIDE_SCHEDULE)
    assert scheduled({"staff": OFFICE}, "visitors") == Deny(DenyReason.OUTSIDE_SCHEDULE)


def test_the_schedule_for_everyone_needs_no_group() -> None:
    assert isinstance(scheduled({EVERYONE: OFFICE}), Grant)
    assert scheduled({EVERYONE: NEVER}) == Deny(DenyReason.OUTSIDE_SCHEDULE)


def test_schedules_cannot_be_changed_behind_the_policy() -> None:
    schedules = {EVERYONE: NEVER}
    rules = door_rules(replace(SETTINGS, schedules=schedules))
    schedules[EVERYONE] = OFFICE
    assert decide(GOOD, policy=Policy(rules, 5.0)) == Deny(DenyReason.OUTSIDE_SCHEDULE)


@pytest.mark.parametrize(
    "changes",
    [
        {"freshness_s": 0.0},
        {"freshness_s": NAN},
        {"freshness_s": math.inf},
        {"min_margin": -0.1},
        {"min_margin": NAN},
        {"min_frames": 0},
        {"clock_must_be_after": datetime(2026, 1, 1)},
    ],
)
def test_settings_that_would_let_a_rule_say_yes_to_nonsense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(changes)):
        replace(SETTINGS, **changes)


def test_settings_at_their_limits_are_accepted() -> None:
    replace(SETTINGS, freshness_s=3600.0, min_margin=0.0, min_frames=1)
    replace(SETTINGS, min_margin=2.0)
    assert Policy(door_rules(SETTINGS), 60.0).release_for_s == 60.0
    for beyond in ({"freshness_s": 3600.1}, {"min_margin": 2.1}):
        with pytest.raises(ValueError, match="must lie in"):
            replace(SETTINGS, **beyond)


def test_a_policy_needs_rules_and_a_sound_release_time() -> None:
    with pytest.raises(ValueError, match="rules"):
        Policy((), 5.0)
    for seconds in (0.0, -1.0, NAN, 61.0):
        with pytest.raises(ValueError, match="release_for_s"):
            Policy(door_rules(SETTINGS), seconds)


def test_a_rule_is_tested_alone_and_knows_only_evidence() -> None:
    def nobody_on_mondays(evidence: Evidence) -> Deny | None:
        return Deny(DenyReason.OUTSIDE_SCHEDULE) if evidence.now.weekday() == 0 else None

    assert decide(GOOD, policy=Policy((nobody_on_mondays,), 5.0)) == Deny(DenyReason.OUTSIDE_SCHEDULE)
