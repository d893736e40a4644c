"""Whether a release may be believed."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.admission import ReleaseAdmission
from firmware_bridge.protocol import PresentCard, ReleaseLock

STARTED_AT = 100.0
_nonces = count(1)


def asked(captured_at: float, *, nonce: str | None = None, row: int = 0) -> ReleaseLock:
    fresh = f"{next(_nonces):032x}" if nonce is None else nonce
    return ReleaseLock(duration_s=5.0, audit_sequence=row, captured_at=captured_at, nonce=fresh)


@pytest.fixture
def admission() -> ReleaseAdmission:
    return ReleaseAdmission(1.0, started_at=STARTED_AT)


def reason(admission: ReleaseAdmission, release: ReleaseLock, now: float) -> str:
    refusal = admission.objection(release, now=now)
    return "" if refusal is None else refusal.reason


@pytest.mark.parametrize(("age_s", "expected"), [
    (0.0, ""), (0.5, ""), (1.0, ""), (1.001, "stale"), (50.0, "stale"), (-0.001, "future"), (-1e9, "future"),
])  # fmt: skip
def test_only_a_fresh_frame_of_the_past_counts(admission: ReleaseAdmission, age_s: float, expected: str) -> None:
    assert reason(admission, asked(200.0 - age_s), 200.0) == expected


def test_a_frame_from_before_the_daemon_started_is_stale_however_fresh(admission: ReleaseAdmission) -> None:
    assert reason(admission, asked(STARTED_AT - 0.1), STARTED_AT + 0.1) == "stale"


def test_a_nonce_counts_once(admission: ReleaseAdmission) -> None:
    assert reason(admission, asked(200.0, nonce="a" * 32), 200.0) == ""
    assert reason(admission, asked(200.1, nonce="a" * 32), 200.2) == "repeated"


def test_an_audit_row_earns_one_release(admission: ReleaseAdmission) -> None:
    assert reason(admission, asked(200.0, row=7), 200.0) == ""
    assert reason(admission, asked(200.1, row=7), 200.2) == "repeated"
    assert reason(admission, asked(200.1, row=8), 200.2) == ""


def test_an_audit_row_earns_a_release_and_a_card_for_the_panel(admission: ReleaseAdmission) -> None:
    card = PresentCard(facility=1, number=1, audit_sequence=7, captured_at=200.0, nonce="b" * 32)
    assert reason(admission, asked(200.0, row=7), 200.0) == ""
    assert admission.objection(card, now=200.0) is None
    assert admission.objection(card, now=200.0) is not None


def test_row_zero_is_nobody_s_and_never_repeated(admission: ReleaseAdmission) -> None:
    assert reason(admission, asked(200.0), 200.0) == ""
    assert reason(admission, asked(200.0), 200.0) == ""


messages = st.lists(st.tuples(st.floats(0.0, 0.4), st.floats(-0.5, 1.5), st.integers(0, 5)), min_size=1, max_size=40)


@given(messages)
def test_however_messages_are_replayed_each_is_believed_once(sent: list[tuple[float, float, int]]) -> None:
    admission, now = ReleaseAdmission(1.0, started_at=STARTED_AT), 200.0
    believed: list[tuple[float, str]] = []
    for after_s, age_s, which in sent:
        now += after_s
        release = asked(now - age_s, nonce=f"{which:032x}")
        refusal = admission.objection(release, now=now)
        recent = [nonce for captured_at, nonce in believed if now - captured_at <= 1.0]
        if refusal is None:
            assert 0.0 <= now - release.captured_at <= 1.0 + 1e-9
            assert release.nonce not in recent
            believed.append((release.captured_at, release.nonce))


def test_memory_does_not_grow_with_time(admission: ReleaseAdmission) -> None:
    for second in range(5000):
        admission.objection(asked(200.0 + second, row=second + 1), now=200.0 + second)
    assert len(admission._seen) < 10
