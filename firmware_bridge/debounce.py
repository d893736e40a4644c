"""When a contact has moved and not merely bounced. Pure; the time is an argument."""

from __future__ import annotations

from firmware_bridge.types import Reading


class Debounce:
    """Believes a reading once it has been the same for `stable_s` seconds. The first one is believed at once."""

    def __init__(self, reading: Reading, *, stable_s: float) -> None:
        self._stable_s = stable_s
        self._seen = reading
        self._seen_at = 0.0
        self.reading = reading  # the believed one

    @property
    def deadline(self) -> float | None:
        """When the reading seen last would be believed, in monotonic seconds; None: it already is."""
        return None if self._seen is self.reading else self._seen_at + self._stable_s

    def observe(self, reading: Reading, *, now: float) -> bool:
        """Note what the line shows now; true when the believed reading has just changed."""
        if reading is not self._seen:
            self._seen, self._seen_at = reading, now
        deadline = self.deadline
        if deadline is None or now < deadline:
            return False
        self.reading = self._seen
        return True
