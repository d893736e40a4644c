"""Decisions as the loop hands them over, for those who show them."""

from __future__ import annotations

from datetime import UTC, datetime

from builders import ADA, make_match, make_quality

from device.loop import Decided
from device.types import BonaFide, Box, Decision, Evidence, Grant, PadVerdict, SearchOutcome, TrackId

GRANT = Grant(ADA, 1.0)


def make_evidence(search: SearchOutcome | None = None, pad: PadVerdict | None = None) -> Evidence:
    return Evidence(
        search=make_match(score=0.71) if search is None else search,
        person=None,
        pad=BonaFide(()) if pad is None else pad,
        frames=5,
        captured_at=1000.2,
        decided_at=1000.3,
        now=datetime(2026, 6, 1, tzinfo=UTC),
        clock_is_trusted=True,
    )


def make_decided(
    decision: Decision = GRANT, *, search: SearchOutcome | None = None, pad: PadVerdict | None = None
) -> Decided:
    """Decided 300 ms after the first usable frame, on audit row 7."""
    return Decided(
        TrackId(3), Box(100, 100, 50, 50), decision, make_evidence(search, pad), make_quality(), 7, 1000.0, 1000.3
    )
