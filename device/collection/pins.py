"""PINs: what a person may be asked for besides their face. Kept hashed, sealed under the person's own key, and limited.

A try is counted, durably and as a failure, before it is looked at: whoever cuts the power gets no free tries. Only the
right PIN sets the count back. The table `pin` has no trigger of the journal, so no gallery reads anybody anew for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from device.collection.people import time_from_text, time_text
from device.collection.pin_hash import COST, check_pin, decode_pin_hash, hash_pin, is_pin_like
from device.collection.sealed_file import SealedFile
from device.types import PersonId

PLACE = "pin"
# Five tries are for slips of the finger; then a guesser has six within the next hour and 24 a day after that. A hundred
# in a row are the most that NIST SP 800-63B-4, 3.2.2, allows: after those an administrator must set a new PIN.
FREE_TRIES = 5
FIRST_BLOCK_S = 60.0
LONGEST_BLOCK_S = 3600.0
TRIES_AT_MOST = 100


class PinAnswer(Enum):
    """What came of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    BLOCKED = "blocked"  # nothing was looked at
    NOT_SET = "not_set"


class PinStanding(Enum):
    """Whether a person may be asked for their PIN now."""

    READY = "ready"
    BLOCKED = "blocked"
    NOT_SET = "not_set"


@dataclass(frozen=True, slots=True)
class PinFacts:
    """What an administrator may know of somebody's PIN."""

    set_at: datetime  # aware, UTC
    failures: int  # in a row
    blocked_until: datetime | None  # aware, UTC, and perhaps past; None: not blocked, or for good
    is_blocked_for_good: bool  # until another PIN is set


def block_s(failures: int) -> float:
    """For how many seconds nobody may try after so many failures in a row: 0, then a minute, doubling up to an hour."""
    if failures < FREE_TRIES:
        return 0.0
    return min(FIRST_BLOCK_S * 2.0 ** min(failures - FREE_TRIES, 32), LONGEST_BLOCK_S)


class PersonPins(SealedFile):
    """The part of a collection that keeps PINs. `device.collection.store` says what is promised of all of it.

    Times `at` are aware civil times. A clock that was set back blocks nobody for longer than their failures earned.
    """

    pin_cost = COST  # of new hashes; those that are kept have their own

    def set_pin(self, person: PersonId, digits: str, *, at: datetime) -> None:
        """Give a person a PIN, their first or another; tries are counted anew.

        Raises WeakPinError for one that is no PIN or would be guessed first, and UnknownPersonError.
        """
        made = hash_pin(check_pin(digits), cost=self.pin_cost).encode()
        with self.changing():
            sealed = self._person_seal(person).seal(made, PLACE)
            self._execute("INSERT OR REPLACE INTO pin VALUES (?, ?, ?, 0, NULL)", person, sealed, time_text(at))

    def clear_pin(self, person: PersonId) -> bool:
        """Take a person's PIN away; whether there was one. Raises UnknownPersonError."""
        with self.changing():
            self._require(person)
            return bool(self._execute("DELETE FROM pin WHERE person = ? RETURNING person", person))

    def pin_facts(self, person: PersonId) -> PinFacts | None:
        """What is known of a person's PIN; None where none is set."""
        with self.snapshot():
            rows = self._execute("SELECT set_at, failures, blocked_until FROM pin WHERE person = ?", person)
            if not rows:
                return None
            set_at, failures, until = rows[0]
            is_for_good = failures >= TRIES_AT_MOST
            blocked_until = None if is_for_good else time_from_text(until)
            return PinFacts(datetime.fromisoformat(set_at), failures, blocked_until, is_for_good)

    def pin_standing(self, person: PersonId, *, at: datetime) -> PinStanding:
        """Whether `try_pin` would look at anything."""
        facts = self.pin_facts(person)
        if facts is None:
            return PinStanding.NOT_SET
        is_blocked = facts.is_blocked_for_good or _blocked_until(facts, at) > at
        return PinStanding.BLOCKED if is_blocked else PinStanding.READY

    def try_pin(self, person: PersonId, digits: str, *, at: datetime) -> PinAnswer:
        """Whether these digits are the person's PIN. It takes as long whichever they are: see `pin_hash.COST`.

        Counted before it is looked at; digits that can be nobody's PIN are wrong and not counted. No transaction is
        open while the hash is made.
        """
        if not is_pin_like(digits):
            return PinAnswer.WRONG
        sealed = self._count_try(person, at)
        if not isinstance(sealed, bytes):
            return sealed
        with self.snapshot():
            kept = decode_pin_hash(self._person_seal(person).unseal(sealed, PLACE))
        if not kept.matches(digits):
            return PinAnswer.WRONG
        with self.changing():  # a PIN that was changed or taken away meanwhile is not this one
            sql = "UPDATE pin SET failures = 0, blocked_until = NULL WHERE person = ? AND sealed_hash = ? RETURNING 1"
            is_still_it = bool(self._execute(sql, person, sealed))
        return PinAnswer.RIGHT if is_still_it else PinAnswer.WRONG

    def _count_try(self, person: PersonId, at: datetime) -> bytes | PinAnswer:
        """Count a failure before the try, committed; the sealed hash to look at, or why there is nothing to look at."""
        with self.changing():
            standing = self.pin_standing(person, at=at)
            if standing is PinStanding.NOT_SET:
                return PinAnswer.NOT_SET
            facts = self.pin_facts(person)
            assert facts is not None  # noqa: S101 (it has a standing)
            if standing is PinStanding.BLOCKED:
                self._keep_block(person, facts, at)
                return PinAnswer.BLOCKED
            failures = facts.failures + 1
            until = at + timedelta(seconds=block_s(failures))
            sql = "UPDATE pin SET failures = ?, blocked_until = ? WHERE person = ? RETURNING sealed_hash"
            sealed: bytes = self._execute(sql, failures, time_text(until), person)[0][0]
            return sealed

    def _keep_block(self, person: PersonId, facts: PinFacts, at: datetime) -> None:
        """Write a block down anew that ends too late, because the clock was set back since."""
        until = _blocked_until(facts, at)
        if facts.blocked_until is not None and until != facts.blocked_until:
            self._execute("UPDATE pin SET blocked_until = ? WHERE person = ?", time_text(until), person)


def _blocked_until(facts: PinFacts, at: datetime) -> datetime:
    """When the next try may be: what was written down, but no further away than the failures earned."""
    if facts.blocked_until is None:
        return at
    return min(facts.blocked_until, at + timedelta(seconds=block_s(facts.failures)))
