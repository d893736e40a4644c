"""Evidence for tests: the good case, and Hypothesis strategies for everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from device.policy.rules import RuleSettings
from device.types import (
    Attack,
    AttackReason,
    BonaFide,
    Evidence,
    Match,
    MissingCue,
    ModelId,
    NonMatch,
    NotChecked,
    PersonFacts,
    PersonId,
    Threshold,
    Undecided,
)

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)  # a Monday
ADA = PersonId("p-00000000000000ad")
THRESHOLD = Threshold(0.45, 1e-5, ModelId("model-a"))
SETTINGS = RuleSettings(
    freshness_s=0.5, min_margin=0.05, min_frames=5, clock_must_be_after=datetime(2026, 1, 1, tzinfo=UTC)
)
GOOD = Evidence(
    search=Match(ADA, 0.7, 0.4, THRESHOLD),
    person=PersonFacts(ADA),
    pad=BonaFide(()),
    frames=5,
    captured_at=100.0,
    decided_at=100.2,
    now=NOW,
    clock_is_trusted=True,
)

numbers = st.one_of(st.floats(), st.sampled_from([0.0, 0.45, 0.5, 0.7, 1.0, 100.0, 100.2]))  # NaN and infinities too
zones = st.one_of(st.none(), st.just(UTC), st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))))
moments = st.one_of(
    st.just(NOW),
    st.builds(
        lambda moment, zone: moment.replace(tzinfo=zone),
        st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
        zones,
    ),
)
people = st.sampled_from([ADA, PersonId("p-00000000000000be")])
thresholds = st.builds(Threshold, st.one_of(st.just(0.45), st.floats()), st.just(1e-5), st.just(ModelId("model-a")))
searches = st.one_of(
    st.builds(Match, people, numbers, numbers, thresholds),
    st.builds(NonMatch, st.one_of(st.none(), numbers), thresholds),
)
facts = st.builds(
    PersonFacts,
    people,
    st.booleans(),
    st.one_of(st.none(), moments),
    st.one_of(st.none(), moments),
    st.lists(st.sampled_from(["staff", "cleaners"]), max_size=2).map(tuple),
)
verdicts = st.one_of(
    st.just(BonaFide(())),
    st.just(NotChecked()),
    st.builds(Attack, st.sampled_from(AttackReason), st.just(())),
    st.builds(Undecided, st.lists(st.sampled_from(MissingCue), max_size=2).map(tuple), st.just(())),
)


def mostly(good: object, anything: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """The good value three times out of four, so that a good part of all evidence has one fault or none."""
    return st.integers(0, 3).flatmap(lambda die: anything if die == 3 else st.just(good))


any_evidence = st.builds(
    Evidence,
    search=mostly(GOOD.search, searches),
    person=mostly(GOOD.person, st.one_of(st.none(), facts)),
    pad=mostly(GOOD.pad, verdicts),
    frames=mostly(GOOD.frames, st.integers(-1, 20)),
    captured_at=mostly(GOOD.captured_at, numbers),
    decided_at=mostly(GOOD.decided_at, numbers),
    now=mostly(GOOD.now, moments),
    clock_is_trusted=mostly(True, st.booleans()),  # noqa: FBT003 (a value)
)
