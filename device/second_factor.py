"""The second factor: one person at a time is asked for their PIN on the keypad, beside the loop.

The loop's thread asks, reads how far the answer is, and shows the prompt. A worker's thread listens to the keypad and
compares, because the daemon may hang and a hash takes a third of a second: neither may make a frame wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from device.clock import Clock
from device.collection.pins import PinAnswer, PinStanding
from device.errors import DeviceError
from device.key_entry import KeyEntry
from device.ports import Door
from device.types import (
    Decision,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorFault,
    FactorGiven,
    FactorNotAsked,
    PersonId,
    SecondFactor,
    TrackId,
)
from firmware_bridge.errors import BridgeError
from firmware_bridge.protocol import ReaderInput

log = logging.getLogger(__name__)

POLL_EVERY_S = 0.1
PROMPT_EVERY_S = 3.0  # well within the daemon's `forget_after_s`
GIVEN_FOR_S = 5.0  # a person who typed needs a moment to look up again
CHECKED_WITHIN_S = 5.0  # an entry that was made in time may take so much longer to compare; 0.3 s are usual

UNREADY = {PinStanding.NOT_SET: FactorFault.NOT_SET, PinStanding.BLOCKED: FactorFault.BLOCKED}
FAULTS = {
    PinAnswer.WRONG: FactorFault.WRONG,
    PinAnswer.BLOCKED: FactorFault.BLOCKED,
    PinAnswer.NOT_SET: FactorFault.NOT_SET,
}


class Keypad(Protocol):
    """The door daemon's reader."""

    def take_reader_inputs(self) -> Sequence[ReaderInput]:
        """What was read and not taken before, oldest first. Raises BridgeError."""
        ...


class Pins(Protocol):
    """The PINs of a collection; see `device.collection.pins.PersonPins`. All raise DeviceError."""

    def pin_standing(self, person: PersonId, *, at: datetime) -> PinStanding:
        """Whether a try would be looked at."""
        ...

    def try_pin(self, person: PersonId, digits: str, *, at: datetime) -> PinAnswer:
        """Count a try and look at it."""
        ...


@dataclass(slots=True, eq=False)
class _Question:
    """One person, asked in one visit. Times are monotonic seconds."""

    track: TrackId
    person: PersonId
    until: float  # keys of before count
    entry: KeyEntry = field(default_factory=KeyEntry)
    asked_at: float | None = None  # keys of before count for nothing; None: the keypad was not emptied yet
    prompted_at: float | None = None
    is_being_checked: bool = False
    given_at: float | None = None
    fault: FactorFault | None = None

    @property
    def is_settled(self) -> bool:
        return self.given_at is not None or self.fault is not None

    def factor(self, at: float) -> SecondFactor:
        """How it stands. What nobody answered, or nobody came back for, is late."""
        if self.fault is not None:
            return FactorFailed(self.fault)
        if self.given_at is not None:
            is_late = at >= self.given_at + GIVEN_FOR_S
            return FactorFailed(FactorFault.LATE) if is_late else FactorGiven(self.person)
        is_late = at >= self.until + (CHECKED_WITHIN_S if self.is_being_checked else 0.0)
        return FactorFailed(FactorFault.LATE) if is_late else FactorAwaited(self.person)


class Inquiry:
    """At most one open question. `poll` belongs to the worker, `open_pins` is called there; the rest to the loop.

    A question ends with `close`, whatever came of it; what the worker still finds out then is dropped.
    """

    def __init__(
        self,
        keypad: Keypad,
        open_pins: Callable[[], AbstractContextManager[Pins]],
        *,
        door: Door,
        clock: Clock,
        within_s: float,
    ) -> None:
        self._keypad = keypad
        self._open_pins = open_pins
        self._door = door
        self._clock = clock
        self._within_s = within_s
        self._guard = threading.Lock()
        self._question: _Question | None = None

    def factor_of(self, track: TrackId) -> SecondFactor:
        """How far the second factor of this visit is."""
        with self._guard:
            question = self._question
            if question is None or question.track != track:
                return FactorNotAsked()
            return question.factor(self._clock.monotonic())

    def consider(self, track: TrackId, evidence: Evidence, decision: Decision) -> None:
        """Ask, when the second factor is all that is missing and nobody is being asked."""
        if decision != Deny(DenyReason.SECOND_FACTOR_MISSING) or evidence.person is None:
            return
        with self._guard:
            if self._question is None:
                until = self._clock.monotonic() + self._within_s
                self._question = _Question(track, evidence.person.person, until)

    def holds(self, track: TrackId, denial: Deny) -> bool:
        """Whether a visit must not end yet: its own question is open, or it waits for the end of another's."""
        with self._guard:
            if self._question is None:
                return False
            return self._question.track == track or denial.reason is DenyReason.SECOND_FACTOR_MISSING

    def prompt(self, track: TrackId) -> None:
        """Show what is asked, again and again, while it is."""
        now = self._clock.monotonic()
        with self._guard:
            question = self._question
            if question is None or question.track != track or question.asked_at is None or question.is_settled:
                return
            if question.prompted_at is not None and now < question.prompted_at + PROMPT_EVERY_S:
                return
            question.prompted_at = now
        self._door.indicate("enter_pin")

    def close(self, track: TrackId) -> None:
        """The visit has ended, and with it the question."""
        with self._guard:
            question = self._question
            if question is None or question.track != track:
                return
            self._question = None
        if question.prompted_at is not None:
            self._door.indicate("ready")

    def poll(self) -> None:
        """One step of the worker: with an open question, look at the keypad once."""
        with self._guard:
            question = self._question
        if question is None or question.is_settled or self._clock.monotonic() >= question.until:
            return
        try:
            if question.asked_at is None:
                self._begin(question)
            else:
                self._listen(question)
        except (BridgeError, DeviceError) as error:
            log.error("second_factor.failed", extra={"fault": str(error)})  # noqa: TRY400 (the sentence is for the operator)
            self._settle(question, FactorFault.UNAVAILABLE)

    def _begin(self, question: _Question) -> None:
        with self._open_pins() as pins:
            standing = pins.pin_standing(question.person, at=self._clock.now())
        if standing is not PinStanding.READY:
            self._settle(question, UNREADY[standing])
            return
        self._keypad.take_reader_inputs()  # what was typed before goes; and nobody is told to type where none listens
        with self._guard:
            question.asked_at = self._clock.monotonic()

    def _listen(self, question: _Question) -> None:
        assert question.asked_at is not None  # noqa: S101 (only who was asked is listened to)
        for read in self._keypad.take_reader_inputs():
            if not question.asked_at <= read.at < question.until:
                continue
            digits = question.entry.press(read.key)
            if digits is not None:
                self._check(question, digits)
                return

    def _check(self, question: _Question, digits: str) -> None:
        with self._guard:
            if self._question is not question:  # they left: their PIN is not tried any more
                return
            question.is_being_checked = True
        with self._open_pins() as pins:
            answer = pins.try_pin(question.person, digits, at=self._clock.now())
        self._settle(question, None if answer is PinAnswer.RIGHT else FAULTS[answer])

    def _settle(self, question: _Question, fault: FactorFault | None) -> None:
        """Note what came of a question; None: the right PIN."""
        with self._guard:
            question.fault = fault
            if fault is None:
                question.given_at = self._clock.monotonic()


class NoInquiry:
    """A door that asks nobody: who needs a second factor there is denied as usual."""

    def factor_of(self, track: TrackId) -> SecondFactor:  # noqa: ARG002 (as Inquiry's)
        """Never asked."""
        return FactorNotAsked()

    def consider(self, track: TrackId, evidence: Evidence, decision: Decision) -> None:
        """Nothing to ask with."""

    def holds(self, track: TrackId, denial: Deny) -> bool:  # noqa: ARG002 (as Inquiry's)
        """No visit waits."""
        return False

    def prompt(self, track: TrackId) -> None:
        """Nothing to show."""

    def close(self, track: TrackId) -> None:
        """Nothing to end."""


@contextmanager
def listening(inquiry: Inquiry) -> Iterator[None]:
    """Let a worker listen to the keypad while the block runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(POLL_EVERY_S):
            inquiry.poll()

    thread = threading.Thread(target=work, name="second-factor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
