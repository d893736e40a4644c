from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from evidence_builders import ADA, GOOD, NOW, SETTINGS, any_evidence, moments, numbers, verdicts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.policy.decide import Policy, decide
from device.policy.rules import Rule, door_rules
from device.types import (
    Attack,
    BonaFide,
    Deny,
    DenyReason,
    Evidence,
    Grant,
    Match,
    NonMatch,
    NotChecked,
    PersonFacts,
    Undecided,
)

RULES = door_rules(SETTINGS)
POLICY = Policy(RULES, 5.0)


def objects_to(reason: DenyReason) -> Rule:
    """A rule that objects to about half of all evidence."""

    def rule(evidence: Evidence) -> Deny | None:
        return Deny(reason) if hash(evidence.frames) % 2 else None

    return rule


@given(any_evidence)
@settings(max_examples=400)
def test_whatever_the_evidence_there_is_one_decision(evidence: Evidence) -> None:
    assert isinstance(decide(evidence, policy=POLICY), Grant | Deny)


@given(any_evidence)
@example(GOOD)
@settings(max_examples=600)
def test_a_grant_means_that_every_single_fact_was_good(evidence: Evidence) -> None:
    decision = decide(evidence, policy=POLICY)
    if not isinstance(decision, Grant):
        return
    assert isinstance(evidence.search, Match)
    assert evidence.person is not None
    assert decision.person == evidence.search.person == evidence.person.person
    assert evidence.search.threshold.score <= evidence.search.score < 1.01
    assert evidence.search.margin >= SETTINGS.min_margin
    assert isinstance(evidence.pad, BonaFide | NotChecked)
    assert evidence.frames >= SETTINGS.min_frames
    assert 0 <= evidence.decided_at - evidence.captured_at <= SETTINGS.freshness_s
    assert evidence.clock_is_trusted
    assert not evidence.person.is_suspended


BREAKING = st.one_of(
    st.just({"clock_is_trusted": False}),
    moments.filter(lambda at: at.tzinfo is None or at < datetime(2026, 1, 1, tzinfo=UTC)).map(lambda at: {"now": at}),
    numbers.filter(lambda at: not 0 <= 100.2 - at <= 0.5).map(lambda at: {"captured_at": at}),
    verdicts.filter(lambda verdict: isinstance(verdict, Attack | Undecided)).map(lambda verdict: {"pad": verdict}),
    st.integers(max_value=4).map(lambda frames: {"frames": frames}),
    numbers.filter(lambda score: not 0.45 <= score <= 1.003).map(
        lambda score: {"search": replace(GOOD.search, score=score)}  # type: ignore[call-arg, type-var]
    ),
    numbers.filter(lambda margin: not margin >= 0.05).map(
        lambda margin: {"search": replace(GOOD.search, margin=margin)}  # type: ignore[call-arg, type-var]
    ),
    st.just({"search": NonMatch(0.9, GOOD.search.threshold)}),
    st.just({"person": None}),
    st.just({"person": PersonFacts(ADA, is_suspended=True)}),
    moments.filter(lambda at: at.tzinfo is None or at > NOW).map(
        lambda at: {"person": PersonFacts(ADA, valid_from=at)}
    ),
    moments.filter(lambda at: at.tzinfo is None or at <= NOW).map(
        lambda at: {"person": PersonFacts(ADA, valid_until=at)}
    ),
)


@given(BREAKING)
@settings(max_examples=300)
def test_any_single_failing_fact_denies(changes: dict[str, Any]) -> None:
    assert isinstance(decide(GOOD, policy=POLICY), Grant)
    assert isinstance(decide(replace(GOOD, **changes), policy=POLICY), Deny)


@given(any_evidence, st.integers(0, len(RULES)), st.sampled_from(DenyReason))
@example(replace(GOOD, frames=7), 0, DenyReason.LOCKED_OUT)
@settings(max_examples=300)
def test_adding_a_rule_anywhere_never_widens_access(evidence: Evidence, place: int, reason: DenyReason) -> None:
    more = Policy((*RULES[:place], objects_to(reason), *RULES[place:]), 5.0)
    with_it, without_it = decide(evidence, policy=more), decide(evidence, policy=POLICY)
    if isinstance(with_it, Grant):
        assert with_it == without_it


@given(any_evidence, st.permutations(RULES))
@settings(max_examples=200)
def test_the_order_of_the_rules_changes_the_reason_but_never_the_answer(evidence: Evidence, order: list[Rule]) -> None:
    shuffled = decide(evidence, policy=Policy(tuple(order), 5.0))
    assert isinstance(shuffled, Grant) == isinstance(decide(evidence, policy=POLICY), Grant)


@given(any_evidence, st.floats(0, 0.5), st.integers(0, 10), st.floats(0, 1))
@settings(max_examples=300)
def test_better_evidence_never_turns_a_grant_into_a_denial(
    evidence: Evidence, fresher_s: float, more_frames: int, more_margin: float
) -> None:
    before = decide(evidence, policy=POLICY)
    if not isinstance(before, Grant) or not isinstance(evidence.search, Match):
        return
    better = replace(
        evidence,
        decided_at=max(evidence.captured_at, evidence.decided_at - fresher_s),
        frames=evidence.frames + more_frames,
        search=replace(evidence.search, margin=evidence.search.margin + more_margin),
    )
    assert decide(better, policy=POLICY) == before


@given(any_evidence)
@settings(max_examples=200)
def test_stricter_settings_never_widen_access(evidence: Evidence) -> None:
    stricter = replace(SETTINGS, freshness_s=0.1, min_margin=0.3, min_frames=9)
    if isinstance(decide(evidence, policy=Policy(door_rules(stricter), 5.0)), Grant):
        assert isinstance(decide(evidence, policy=POLICY), Grant)


def test_silence_of_all_rules_grants_only_a_match() -> None:
    silent = Policy((lambda _: None,), 5.0)
    assert decide(replace(GOOD, search=NonMatch(0.9, GOOD.search.threshold)), policy=silent) == Deny(
        DenyReason.NOT_ENROLLED
    )
    assert math.isclose(silent.release_for_s, 5.0)
