"""What each request does, and who may ask it. No sockets: a request and a peer in, a reply out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from firmware_bridge.admission import ReleaseAdmission
from firmware_bridge.clock import Clock
from firmware_bridge.config import DaemonSection
from firmware_bridge.keeper import Keeper
from firmware_bridge.peers import PERMISSIONS, AccessList, Peer, RateLimit, Role
from firmware_bridge.protocol import (
    Acknowledge,
    BeginFreePassage,
    BeginLockdown,
    Done,
    DoorEvent,
    DriveInput,
    Events,
    FetchEvents,
    FetchPinLevels,
    Indicate,
    PinLevels,
    QueryStatus,
    Refusal,
    Refused,
    ReleaseLock,
    Reply,
    Request,
    SecureLock,
    StopFreePassage,
    StopLockdown,
    Watch,
)
from firmware_bridge.spool import Spool
from firmware_bridge.types import (
    EndFreePassage,
    EndLockdown,
    EventKind,
    FreePassage,
    Lockdown,
    Release,
    Secure,
    Signal,
)
from firmware_bridge.wires import MockBoard

REFUSAL_EVERY_S = 1.0  # of one user and one reason, one event a second: refusals must not push out what happened


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about requests."""

    daemon: DaemonSection
    access: AccessList
    max_release_s: float


class Commands:
    """Answers requests. One thread uses it."""

    def __init__(self, rules: Rules, keeper: Keeper, spool: Spool, clock: Clock, mock: MockBoard | None = None) -> None:
        self._rules = rules
        self._keeper = keeper
        self._spool = spool
        self._clock = clock
        self._mock = mock
        self._admission = ReleaseAdmission(rules.daemon.freshness_s, started_at=clock.monotonic())
        self._limits: dict[int, RateLimit] = {}
        self._recorded: dict[tuple[int, str], tuple[float, int]] = {}  # (uid, reason) -> when, unrecorded since

    @property
    def last_sequence(self) -> int:
        """Of the newest event."""
        return self._spool.last_sequence

    def events(self, *, after: int, limit: int) -> tuple[DoorEvent, ...]:
        """Kept events above `after`, oldest first, at most `limit`."""
        return self._spool.events(after=after, limit=limit)

    def answer(self, request: Request, peer: Peer) -> Reply:
        """Do what is asked, or refuse it with a reason and record that."""
        objection = self._objection(request, peer)
        if objection is not None:
            return self.refuse(objection, peer, request)
        return self._obey(request, peer)

    def may_talk(self, peer: Peer) -> bool:
        """Whether `peer` has any role at all."""
        return bool(self._rules.access.roles(peer))

    def admits(self, peer: Peer) -> bool:
        """Whether `peer`'s user has not asked too often; counts one request."""
        now = self._clock.monotonic()
        limit = self._limits.setdefault(peer.uid, RateLimit(self._rules.daemon.requests_per_s, now=now))
        return limit.admits(now)

    def refuse(self, refusal: Refusal, peer: Peer, request: Request | None = None) -> Refused:
        """The reply that refuses, after the fact was recorded."""
        now = self._clock.monotonic()
        key = (peer.uid, refusal.reason)
        recorded_at, unrecorded = self._recorded.get(key, (-REFUSAL_EVERY_S, 0))
        if now - recorded_at < REFUSAL_EVERY_S:
            self._recorded[key] = (recorded_at, unrecorded + 1)
            return Refused(reason=refusal.reason, sentence=refusal.sentence)
        self._recorded[key] = (now, 0)
        more = f" ({unrecorded} more unrecorded)" if unrecorded else ""
        row = request.audit_sequence if isinstance(request, ReleaseLock) else None
        self._keeper.refuse(peer.actor, refusal.reason + more, row)
        return Refused(reason=refusal.reason, sentence=refusal.sentence)

    def _objection(self, request: Request, peer: Peer) -> Refusal | None:
        roles = self._rules.access.roles(peer)
        if roles.isdisjoint(PERMISSIONS[type(request)]):
            return Refusal("not_allowed", f"{peer.actor} may not ask for this")
        return self._release_objection(request, roles) if isinstance(request, ReleaseLock) else None

    def _release_objection(self, release: ReleaseLock, roles: frozenset[Role]) -> Refusal | None:
        if release.audit_sequence == 0 and Role.OPERATOR not in roles:
            return Refusal("no_audit", "a release needs the audit row that was committed for it")
        if release.duration_s > self._rules.max_release_s:
            return Refusal("too_long", f"a release may last {self._rules.max_release_s} s")
        if self._spool.fault is not None:
            return Refusal("spool", "the event spool cannot be written, and what cannot be recorded does not happen")
        return self._admission.objection(release, now=self._clock.monotonic())

    def _obey(self, request: Request, peer: Peer) -> Reply:
        match request:
            case Indicate(indication=indication):
                self._keeper.indicate(indication)
            case QueryStatus():
                return self._keeper.status()
            case FetchEvents(after=after, limit=limit):
                return Events(events=self.events(after=after, limit=limit), last_sequence=self.last_sequence)
            case Acknowledge(sequence=sequence):
                self._spool.acknowledge(sequence)
            case Watch():
                pass  # the server, which owns the connection, sends the events
            case FetchPinLevels() | DriveInput():
                return self._simulate(request)
            case command:
                return self._command(_signal(command, peer.actor))
        return Done()

    def _simulate(self, request: FetchPinLevels | DriveInput) -> Reply:
        if self._mock is None:
            return Refused(reason="not_mock", sentence="these are real pins")
        if isinstance(request, FetchPinLevels):
            return PinLevels(levels=self._mock.levels())
        if not self._mock.has_input(request.line):
            return Refused(reason="not_fitted", sentence=f"there is no input {request.line!r}")
        self._mock.drive(request.line, high=request.high)
        return Done()

    def _command(self, signal: Signal) -> Reply:
        for occurrence in self._keeper.accept(signal):
            if occurrence.kind is EventKind.COMMAND_REFUSED:
                return Refused(reason=occurrence.detail, sentence=f"the door is in {occurrence.detail}")
        return Done()


Commanding: TypeAlias = ReleaseLock | SecureLock | BeginLockdown | StopLockdown | BeginFreePassage | StopFreePassage


def _signal(command: Commanding, actor: str) -> Signal:
    """A command in the door's own language."""
    match command:
        case ReleaseLock():
            row = command.audit_sequence or None
            return Release(command.duration_s, actor, row, is_extended=command.extended)
        case SecureLock():
            return Secure(actor)
        case BeginLockdown():
            return Lockdown(actor)
        case StopLockdown():
            return EndLockdown(actor)
        case BeginFreePassage(duration_s=duration_s):
            return FreePassage(actor, duration_s)
        case StopFreePassage():
            return EndFreePassage(actor)
        case unreachable:
            assert_never(unreachable)
