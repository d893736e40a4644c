"""What each request does, and who may ask it. No sockets: a request and a peer in, a reply out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from firmware_bridge.admission import Earned, ReleaseAdmission
from firmware_bridge.clock import Clock
from firmware_bridge.errors import LineError, ProtocolError
from firmware_bridge.extras import Extras
from firmware_bridge.indicator import EMITTER_COLOURS
from firmware_bridge.keeper import Keeper
from firmware_bridge.pattern import Pattern, Step, mix
from firmware_bridge.peers import PERMISSIONS, AccessList, Peer, RateLimit, Role
from firmware_bridge.protocol import (
    Acknowledge,
    BeginFreePassage,
    BeginLockdown,
    CloseInstallMode,
    Done,
    DoorEvent,
    DriveInput,
    EmitLight,
    Events,
    FetchEvents,
    FetchPinLevels,
    Indicate,
    LightBegun,
    OpenInstallMode,
    PinLevels,
    PresentCard,
    QueryStatus,
    ReaderInputs,
    Refusal,
    Refused,
    ReleaseLock,
    Reply,
    Request,
    SecureLock,
    SetPanelKey,
    StopFreePassage,
    StopLockdown,
    TakeReaderInputs,
    Watch,
)
from firmware_bridge.sections import DaemonSection, OsdpSection
from firmware_bridge.spool import Spool
from firmware_bridge.types import (
    OWN_INDICATIONS,
    EndFreePassage,
    EndLockdown,
    EventKind,
    FreePassage,
    Lockdown,
    Occurrence,
    Release,
    Secure,
    Signal,
)
from firmware_bridge.wiegand import Credential

REFUSAL_EVERY_S = 1.0  # of one user and one reason, one event a second: refusals must not push out what happened


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about requests."""

    daemon: DaemonSection
    osdp: OsdpSection
    access: AccessList
    max_release_s: float


class Commands:
    """Answers requests. One thread uses it."""

    def __init__(self, rules: Rules, keeper: Keeper, spool: Spool, clock: Clock, extras: Extras) -> None:
        self._rules = rules
        self._keeper = keeper
        self._spool = spool
        self._clock = clock
        self._extras = extras
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

    def may_talk(self, peer: Peer) -> bool:
        """Whether `peer` has any role at all."""
        return bool(self._rules.access.roles(peer))

    def admits(self, peer: Peer) -> bool:
        """Whether `peer`'s user has not asked too often; counts one request."""
        now = self._clock.monotonic()
        limit = self._limits.setdefault(peer.uid, RateLimit(self._rules.daemon.requests_per_s, now=now))
        return limit.admits(now)

    def answer(self, request: Request, peer: Peer) -> Reply:
        """Do what is asked, or refuse it with a reason and record that."""
        roles = self._rules.access.roles(peer)
        if roles.isdisjoint(PERMISSIONS[type(request)]):
            return self.refuse(Refusal("not_allowed", f"{peer.actor} may not ask for this"), peer)
        if isinstance(request, Earned):
            objection = self._objection(request, roles)
            if objection is not None:
                return self.refuse(objection, peer, request.audit_sequence)
        return self._obey(request, peer)

    def refuse(self, refusal: Refusal, peer: Peer, audit_sequence: int | None = None) -> Refused:
        """The reply that refuses, after the fact was recorded."""
        now = self._clock.monotonic()
        key = (peer.uid, refusal.reason)
        recorded_at, unrecorded = self._recorded.get(key, (-REFUSAL_EVERY_S, 0))
        if now - recorded_at < REFUSAL_EVERY_S:
            self._recorded[key] = (recorded_at, unrecorded + 1)
        else:
            self._recorded[key] = (now, 0)
            detail = refusal.reason + (f" ({unrecorded} more unrecorded)" if unrecorded else "")
            refused = Occurrence(EventKind.COMMAND_REFUSED, None, peer.actor, audit_sequence, detail)
            self._keeper.note([refused])
        return Refused(reason=refusal.reason, sentence=refusal.sentence)

    def _objection(self, earned: Earned, roles: frozenset[Role]) -> Refusal | None:
        if earned.audit_sequence == 0 and Role.OPERATOR not in roles:
            return Refusal("no_audit", "a release needs the audit row that was committed for it")
        if isinstance(earned, ReleaseLock) and earned.duration_s > self._rules.max_release_s:
            return Refusal("too_long", f"a release may last {self._rules.max_release_s} s")
        if self._spool.fault is not None:
            return Refusal("spool", "the event spool cannot be written, and what cannot be recorded does not happen")
        return self._admission.objection(earned, now=self._clock.monotonic())

    def _obey(self, request: Request, peer: Peer) -> Reply:
        match request:
            case Indicate(indication=indication):
                if indication in OWN_INDICATIONS:
                    return Refused(reason="own", sentence=f"{indication} is shown by the door itself")
                self._keeper.indicate(indication)
            case QueryStatus():
                extras = self._extras
                return self._keeper.status(panel=extras.panel_link, panel_key=extras.panel_key, advice=extras.advice)
            case FetchEvents(after=after, limit=limit):
                return Events(events=self.events(after=after, limit=limit), last_sequence=self.last_sequence)
            case Acknowledge(sequence=sequence):
                self._spool.acknowledge(sequence)
            case Watch():
                pass  # the server, which owns the connection, sends the events
            case EmitLight():
                return self._emit(request)
            case PresentCard():
                return self._present(request, peer)
            case TakeReaderInputs():
                reader = self._extras.reader
                return _NOT_FITTED if reader is None else ReaderInputs(inputs=reader.take())
            case SetPanelKey() | OpenInstallMode() | CloseInstallMode():
                return self._serve_panel(request, peer)
            case FetchPinLevels() | DriveInput():
                return self._simulate(request)
            case command:
                return self._command(_signal(command, peer.actor))
        return Done()

    def _command(self, signal: Signal) -> Reply:
        for occurrence in self._keeper.accept(signal):
            if occurrence.kind is EventKind.COMMAND_REFUSED:
                return Refused(reason=occurrence.detail, sentence=f"the door is in {occurrence.detail}")
        return Done()

    def _emit(self, request: EmitLight) -> Reply:
        try:
            steps = tuple(Step(mix(flash, EMITTER_COLOURS), request.step_s) for flash in request.flashes)
        except ValueError as error:
            return Refused(reason="malformed", sentence=str(error))
        began_at = self._keeper.emit(Pattern(steps, repeats=False))
        return _NOT_FITTED if began_at is None else LightBegun(began_at=began_at)

    def _present(self, request: PresentCard, peer: Peer) -> Reply:
        if not self._extras.presenter.is_fitted:
            return _NOT_FITTED
        try:
            self._extras.presenter.present(Credential(request.facility, request.number))
        except (ProtocolError, LineError) as error:
            return self.refuse(Refusal("panel", str(error)), peer, request.audit_sequence)
        row = request.audit_sequence or None
        self._keeper.note([Occurrence(EventKind.PRESENTED, None, peer.actor, row)])
        return Done()

    def _serve_panel(self, request: SetPanelKey | OpenInstallMode | CloseInstallMode, peer: Peer) -> Reply:
        panel = self._extras.panel
        if panel is None:
            return _NOT_FITTED
        match request:
            case SetPanelKey(key=key):
                try:
                    panel.set_key(bytes.fromhex(key))
                except LineError as error:
                    return Refused(reason="disk", sentence=str(error))
                happened = Occurrence(EventKind.KEY_CHANGED, actor=peer.actor)
            case OpenInstallMode(duration_s=duration_s):
                limit_s = self._rules.osdp.install_mode_at_most_s
                if duration_s > limit_s:
                    return Refused(reason="too_long", sentence=f"install mode may last {limit_s} s")
                panel.open_install_mode(duration_s)
                happened = Occurrence(EventKind.INSTALL_MODE, actor=peer.actor, detail=f"open for {duration_s:g} s")
            case CloseInstallMode():
                panel.close_install_mode()
                happened = Occurrence(EventKind.INSTALL_MODE, actor=peer.actor, detail="closed")
        self._keeper.note([happened])
        return Done()

    def _simulate(self, request: FetchPinLevels | DriveInput) -> Reply:
        mock = self._extras.mock
        if mock is None:
            return Refused(reason="not_mock", sentence="these are real pins")
        if isinstance(request, FetchPinLevels):
            return PinLevels(levels=mock.levels())
        if not mock.has_input(request.line):
            return Refused(reason="not_fitted", sentence=f"there is no input {request.line!r}")
        mock.drive(request.line, high=request.high)
        return Done()


_NOT_FITTED = Refused(reason="not_fitted", sentence="this door has no such thing")

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
