"""Who needs a second factor, and whose counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_builders import ADA, GOOD, SETTINGS, any_evidence
from hypothesis import given, settings
from hypothesis import strategies as st

from device.policy.decide import Policy, decide
from device.policy.rules import EVERYONE, FAULT_REASONS, RuleSettings, door_rules
from device.types import (
    Attack,
    AttackReason,
    BonaFide,
    Decision,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorFault,
    FactorGiven,
    FactorNotAsked,
    Grant,
    PersonFacts,
    PersonId,
    SecondFactor,
    Undecided,
)

GRACE = PersonId("p-00000000000000be")
VAULT = replace(GOOD, person=PersonFacts(ADA, groups=("staff", "vault")))
MISSING = Deny(DenyReason.SECOND_FACTOR_MISSING)
FOR_VAULT = replace(SETTINGS, second_factor_groups=("vault",))
STANDS_IN = replace(SETTINGS, second_factor_for_undecided_liveness=True)
factors = st.one_of(
    st.just(FactorNotAsked()),
    st.sampled_from([ADA, GRACE]).map(FactorAwaited),
    st.sampled_from([ADA, GRACE]).map(FactorGiven),
    st.sampled_from(FactorFault).map(FactorFailed),
)


def decided(evidence: Evidence, rules: RuleSettings, factor: SecondFactor | None = None) -> Decision:
    asked = evidence if factor is None else replace(evidence, second_factor=factor)
    return decide(asked, policy=Policy(door_rules(rules), 5.0))


def test_by_default_nobody_needs_a_second_factor() -> None:
    assert decided(VAULT, SETTINGS) == Grant(ADA, 5.0)


def test_people_of_a_named_group_need_one_and_others_do_not() -> None:
    assert decided(VAULT, FOR_VAULT) == MISSING
    assert decided(VAULT, FOR_VAULT, FactorGiven(ADA)) == Grant(ADA, 5.0)
    assert decided(GOOD, FOR_VAULT) == Grant(ADA, 5.0)


def test_the_group_of_everyone_is_everyone() -> None:
    assert decided(GOOD, replace(SETTINGS, second_factor_groups=(EVERYONE,))) == MISSING


@pytest.mark.parametrize("factor", [FactorNotAsked(), FactorAwaited(ADA), FactorGiven(GRACE)])
def test_awaited_is_not_given_and_another_persons_is_not_theirs(factor: SecondFactor) -> None:
    assert decided(VAULT, FOR_VAULT, factor) == MISSING


@pytest.mark.parametrize("fault", FactorFault)
def test_a_second_factor_that_failed_denies_for_its_own_reason_even_while_nobody_is_seen(fault: FactorFault) -> None:
    looking_down = replace(VAULT, decided_at=VAULT.captured_at + 30.0)
    assert decided(looking_down, FOR_VAULT, FactorFailed(fault)) == Deny(FAULT_REASONS[fault])


def test_a_second_factor_is_all_that_is_missing_when_it_is_said_to_be() -> None:
    """So a person is asked for a PIN only when the right one would open."""
    suspended = replace(VAULT, person=PersonFacts(ADA, is_suspended=True, groups=("vault",)))
    assert decided(suspended, FOR_VAULT) == Deny(DenyReason.PERSON_SUSPENDED)


@given(any_evidence, factors)
@settings(max_examples=300)
def test_what_lacks_only_the_second_factor_is_granted_with_it(evidence: Evidence, factor: SecondFactor) -> None:
    rules = replace(SETTINGS, second_factor_groups=(EVERYONE,))
    if decided(evidence, rules, FactorNotAsked()) == MISSING:
        assert evidence.person is not None
        assert isinstance(decided(evidence, rules, FactorGiven(evidence.person.person)), Grant)
    if isinstance(decided(evidence, rules, factor), Grant):
        assert evidence.person is not None
        assert factor == FactorGiven(evidence.person.person)
        assert isinstance(decided(evidence, SETTINGS, FactorNotAsked()), Grant)  # a PIN alone opens nothing


def test_undecided_liveness_stays_a_denial_unless_the_door_says_otherwise() -> None:
    undecided = replace(GOOD, pad=Undecided((), ()))
    assert decided(undecided, SETTINGS, FactorGiven(ADA)) == Deny(DenyReason.LIVENESS_UNDECIDED)
    assert decided(undecided, STANDS_IN) == MISSING
    assert decided(undecided, STANDS_IN, FactorGiven(GRACE)) == MISSING
    assert decided(undecided, STANDS_IN, FactorGiven(ADA)) == Grant(ADA, 5.0)


def test_nothing_outweighs_an_attack() -> None:
    attack = replace(GOOD, pad=Attack(AttackReason.TEXTURE, ()))
    assert decided(attack, STANDS_IN, FactorGiven(ADA)) == Deny(DenyReason.PRESENTATION_ATTACK)


def test_whoever_is_seen_to_live_is_not_asked_where_it_only_stands_in() -> None:
    assert isinstance(GOOD.pad, BonaFide)
    assert decided(GOOD, STANDS_IN) == Grant(ADA, 5.0)


@pytest.mark.parametrize("factor", [FactorAwaited(GRACE), FactorGiven(GRACE)])
def test_who_needs_none_is_not_let_in_by_a_visit_in_which_another_is_asked(factor: SecondFactor) -> None:
    assert decided(GOOD, FOR_VAULT, factor) == Deny(DenyReason.AMBIGUOUS)
    assert decided(GOOD, FOR_VAULT, replace(factor, person=ADA)) == Grant(ADA, 5.0)
