"""The door's hold-off: after attacks nobody is let in for a while, longer each time."""

from __future__ import annotations

from device.config import LivenessSettings

FAILED_CHALLENGES = 3  # so many in a row weigh as one attack: somebody is guessing, or cannot do what is asked


class HoldOff:
    """Counts attacks at one door. Pure; the exit and the fire release do not know it.

    The first attack holds the door for `hold_off_s`, each further one for twice as long, up to `hold_off_at_most_s`.
    After `forgive_after_s` without any the count starts over. Times are monotonic seconds.
    """

    def __init__(self, settings: LivenessSettings) -> None:
        self._settings = settings
        self._attacks = 0
        self._failed_challenges = 0
        self._last_at: float | None = None
        self.until = float("-inf")

    def is_active(self, at: float) -> bool:
        """Whether nobody may be let in at `at`."""
        return at < self.until

    def note_attack(self, at: float) -> None:
        """A presentation attack was denied."""
        if self._last_at is not None and at - self._last_at > self._settings.forgive_after_s:
            self._attacks = self._failed_challenges = 0
        self._last_at = at
        self._attacks = min(self._attacks + 1, 32)  # doubling further would only overflow
        held_s = min(self._settings.hold_off_s * 2.0 ** (self._attacks - 1), self._settings.hold_off_at_most_s)
        self.until = max(self.until, at + held_s)

    def note_failed_challenge(self, at: float) -> None:
        """A challenge ended without success; several in a row weigh as an attack."""
        self._failed_challenges += 1
        if self._failed_challenges >= FAILED_CHALLENGES:
            self._failed_challenges = 0
            self.note_attack(at)

    def note_grant(self) -> None:
        """Somebody was let in; failed challenges before that were clumsiness."""
        self._failed_challenges = 0
