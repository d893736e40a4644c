"""The decision: a grant only for a match to which no rule objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from device.policy.rules import Rule
from device.types import Decision, Deny, DenyReason, Evidence, Grant, Match, NonMatch


@dataclass(frozen=True, slots=True)
class Policy:
    """A door's rules, and what a grant is worth. Raises ValueError for no rules: silence would then be a yes."""

    rules: tuple[Rule, ...]  # the order is the policy: the first objection wins
    release_for_s: float  # (0, 60]

    def __post_init__(self) -> None:
        if not self.rules:
            raise ValueError("a policy needs rules")
        if not 0.0 < self.release_for_s <= 60.0:
            raise ValueError(f"release_for_s must lie in (0, 60], got {self.release_for_s}")


def decide(evidence: Evidence, *, policy: Policy) -> Decision:
    """Grant only a match to which no rule objects; anything else is a denial with the first objection's reason."""
    for rule in policy.rules:
        if objection := rule(evidence):
            return objection
    match evidence.search:
        case Match(person=person):
            return Grant(person, policy.release_for_s)
        case NonMatch():
            return Deny(DenyReason.NOT_ENROLLED)
        case unreachable:
            assert_never(unreachable)
