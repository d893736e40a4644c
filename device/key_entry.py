"""What is typed on a keypad, key by key: digits, `*` to begin anew, `#` to enter. Pure."""

from __future__ import annotations

from device.collection.pin_hash import MAX_DIGITS


class KeyEntry:
    """One entry, of one person and one question. Its digits are in no repr and in no log."""

    def __init__(self) -> None:
        self._digits = ""

    def press(self, key: str) -> str | None:
        """Take one key; the digits when `#` ends an entry that has any, else None.

        More digits than a PIN can have are one too many, not the first twelve.
        """
        if key == "#":
            digits, self._digits = self._digits, ""
            return digits or None
        if key == "*":
            self._digits = ""
        elif key.isascii() and key.isdigit() and len(self._digits) <= MAX_DIGITS:
            self._digits += key
        return None
