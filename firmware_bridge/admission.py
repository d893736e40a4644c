"""Whether a release may be believed: fresh, never seen before, not from the future. Pure; the time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

from firmware_bridge.protocol import PresentCard, Refusal, ReleaseLock

Earned: TypeAlias = ReleaseLock | PresentCard  # what a frame and an audit row must have earned


class ReleaseAdmission:
    """Remembers the releases of the last `freshness_s` seconds, which is as long as a repetition could pass as fresh.

    `started_at` is when the daemon started: an older frame is refused whatever its age, because what was released
    before a restart is no longer remembered.
    """

    def __init__(self, freshness_s: float, *, started_at: float) -> None:
        self._freshness_s = freshness_s
        self._started_at = started_at
        self._seen: OrderedDict[str, float] = OrderedDict()  # nonce or audit row -> until when it matters

    def objection(self, release: Earned, *, now: float) -> Refusal | None:
        """Why `release` must be refused, or None; in that case it counts as seen from now on.

        Both clocks are CLOCK_MONOTONIC of one machine, so no tolerance for a future frame is needed.
        """
        self._forget(now)
        if release.captured_at > now:
            return Refusal("future", f"the frame was captured {release.captured_at - now:.3f} s in the future")
        if now - release.captured_at > self._freshness_s:
            return Refusal(
                "stale", f"the frame is {now - release.captured_at:.3f} s old, allowed: {self._freshness_s} s"
            )
        if release.captured_at < self._started_at:
            return Refusal("stale", "the frame was captured before the door daemon started")
        keys = [f"nonce {release.nonce}"]
        if release.audit_sequence:
            keys.append(f"{type(release).__name__} {release.audit_sequence}")  # one audit row earns one of each
        if any(key in self._seen for key in keys):
            return Refusal("repeated", "this was asked for before")
        for key in keys:
            # Twice the time in which it could pass as fresh: no rounding may let a nonce go a moment too early.
            self._seen[key] = release.captured_at + 2 * self._freshness_s
        return None

    def _forget(self, now: float) -> None:
        self._seen = OrderedDict((key, until) for key, until in self._seen.items() if until >= now)
