"""When a contact has moved and not merely bounced. Pure; the time is an argument."""

from __future__ import annotations


class Debounce:
    """Believes a level once it has been the same for `stable_s` seconds. The first level is believed at once."""

    def __init__(self, *, stable_s: float, level: bool) -> None:
        self._stable_s = stable_s
        self._seen = level
        self._seen_at = 0.0
        self.level = level  # the believed one

    @property
    def deadline(self) -> float | None:
        """When the level seen last would be believed, in monotonic seconds; None: it already is."""
        return None if self._seen == self.level else self._seen_at + self._stable_s

    def observe(self, *, level: bool, now: float) -> bool:
        """Note what the line shows now; true when the believed level has just changed."""
        if level != self._seen:
            self._seen, self._seen_at = level, now
        deadline = self.deadline
        if deadline is None or now < deadline:
            return False
        self.level = self._seen
        return True
