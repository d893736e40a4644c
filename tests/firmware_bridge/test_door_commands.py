"""What each request does, and what is refused, on simulated wires."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from keeper_rig import Rig

from firmware_bridge.commands import Commands, Rules
from firmware_bridge.extras import Extras
from firmware_bridge.peers import AccessList, Peer
from firmware_bridge.presenter import CardPresenter
from firmware_bridge.protocol import (
    Acknowledge,
    BeginFreePassage,
    BeginLockdown,
    CloseInstallMode,
    Done,
    DoorStatus,
    DriveInput,
    EmitLight,
    Events,
    FetchEvents,
    FetchPinLevels,
    Indicate,
    LightBegun,
    OpenInstallMode,
    PresentCard,
    QueryStatus,
    Refused,
    ReleaseLock,
    Reply,
    Request,
    SecureLock,
    SetPanelKey,
    StopFreePassage,
    StopLockdown,
    TakeReaderInputs,
)
from firmware_bridge.sections import DaemonSection, OsdpSection, WiegandSection
from firmware_bridge.types import Cause, EventKind, Indication, Mode
from firmware_bridge.wiegand import FORMATS, Credential, encode
from firmware_bridge.wiegand_lines import FakeWaveChip, read_wave

VISION = Peer(1, 990, frozenset({990}))
GUARD = Peer(2, 1000, frozenset({27}))
STRANGER = Peer(3, 1001, frozenset({1001}))
_nonces = count(1)


class Desk:
    """Commands over a rig, with a panel on Wiegand."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.waves = FakeWaveChip([])
        access = AccessList(frozenset({990}), frozenset(), frozenset({27}))
        rules = Rules(DaemonSection(requests_per_s=10.0), OsdpSection(), access, 60.0)
        presenter = CardPresenter(FORMATS["26"], WiegandSection(), self.waves, None)
        extras = Extras(presenter, None, None, None)
        self.commands = Commands(rules, self.rig.keeper, self.rig.spool, self.rig.clock, extras)

    def release(self, **changes: Any) -> ReleaseLock:
        row = next(_nonces)
        now = self.rig.clock.monotonic()
        made = ReleaseLock(duration_s=5.0, audit_sequence=row, captured_at=now, nonce=f"{row:032x}")
        return msgspec.structs.replace(made, **changes)

    def ask(self, request: Request, peer: Peer = VISION) -> Reply:
        return self.commands.answer(request, peer)

    def reason(self, request: Request, peer: Peer = VISION) -> str:
        reply = self.ask(request, peer)
        return reply.reason if isinstance(reply, Refused) else ""

    def refusals(self) -> list[tuple[str, str]]:
        return [(event.actor, event.detail) for event in self.rig.events if event.kind is EventKind.COMMAND_REFUSED]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    built = Desk(tmp_path)
    yield built
    built.rig.spool.close()


def test_vision_releases_with_an_audit_row(desk: Desk) -> None:
    request = desk.release()
    assert desk.ask(request) == Done()
    assert desk.rig.lock.is_released
    event = desk.rig.events[-1]
    assert (event.kind, event.cause, event.actor) == (EventKind.RELEASED, Cause.COMMAND, "uid 990")
    assert event.audit_sequence == request.audit_sequence


def test_an_operator_releases_without_one(desk: Desk) -> None:
    assert desk.ask(desk.release(audit_sequence=0), GUARD) == Done()
    assert (desk.rig.events[-1].actor, desk.rig.events[-1].audit_sequence) == ("uid 1000", None)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("no_audit", {"audit_sequence": 0}),
    ("too_long", {"duration_s": 60.1}),
    ("stale", {"captured_at": 998.9}),
    ("future", {"captured_at": 1000.1}),
]


@pytest.mark.parametrize(("reason", "changes"), REFUSED)
def test_a_release_that_may_not_be_is_refused_and_recorded(desk: Desk, reason: str, changes: dict[str, Any]) -> None:
    assert desk.reason(desk.release(**changes)) == reason
    assert not desk.rig.lock.is_released
    assert desk.refusals() == [("uid 990", reason)]


def test_a_replayed_release_is_refused(desk: Desk) -> None:
    request = desk.release()
    assert desk.ask(request) == Done()
    assert desk.reason(request) == "repeated"


def test_what_cannot_be_recorded_does_not_happen(desk: Desk) -> None:
    desk.rig.spool.fault = "the event spool cannot be written: No space left on device"
    assert desk.reason(desk.release()) == "spool"
    assert not desk.rig.lock.is_released


def test_in_a_lockdown_a_release_is_refused_and_the_refusal_kept(desk: Desk) -> None:
    assert desk.ask(BeginLockdown(), GUARD) == Done()
    assert desk.reason(desk.release()) == "lockdown"
    assert desk.refusals() == [("uid 990", "lockdown")]
    assert desk.ask(StopLockdown(), GUARD) == Done()
    assert desk.ask(desk.release()) == Done()


def test_free_passage_begins_and_ends(desk: Desk) -> None:
    assert desk.ask(BeginFreePassage(duration_s=60.0), GUARD) == Done()
    assert desk.rig.status.mode is Mode.FREE_PASSAGE
    assert desk.ask(StopFreePassage(), GUARD) == Done()
    assert not desk.rig.lock.is_released


def test_securing_ends_a_release(desk: Desk) -> None:
    desk.ask(desk.release())
    assert desk.ask(SecureLock(), GUARD) == Done()
    assert not desk.rig.lock.is_released


def test_an_extended_release_lasts_longer(desk: Desk) -> None:
    desk.ask(desk.release(extended=True))
    desk.rig.pass_time(14.0)
    assert desk.rig.lock.is_released


OPERATORS_ONLY: list[Request] = [
    SecureLock(),
    BeginLockdown(),
    StopLockdown(),
    BeginFreePassage(),
    StopFreePassage(),
    SetPanelKey(key="0" * 32),
    OpenInstallMode(duration_s=1.0),
    CloseInstallMode(),
    FetchPinLevels(),
    DriveInput(line="rex", high=True),
]


@pytest.mark.parametrize("request_", OPERATORS_ONLY, ids=lambda request: type(request).__name__)
def test_vision_may_not_do_an_operator_s_work(desk: Desk, request_: Request) -> None:
    assert desk.reason(request_) == "not_allowed"
    assert desk.refusals() == [("uid 990", "not_allowed")]


@pytest.mark.parametrize("request_", [Acknowledge(sequence=1), TakeReaderInputs()], ids=lambda one: type(one).__name__)
def test_an_operator_may_not_do_vision_s_work(desk: Desk, request_: Request) -> None:
    assert desk.reason(request_, GUARD) == "not_allowed"


def test_a_stranger_may_do_nothing(desk: Desk) -> None:
    assert not desk.commands.may_talk(STRANGER)
    assert desk.reason(QueryStatus(), STRANGER) == "not_allowed"
    assert desk.reason(desk.release(), STRANGER) == "not_allowed"
    assert not desk.rig.lock.is_released


def test_a_crowd_of_refusals_leaves_room_for_what_happens(desk: Desk) -> None:
    for _ in range(500):
        desk.reason(desk.release(captured_at=1.0))
    assert desk.refusals() == [("uid 990", "stale")]
    desk.rig.clock.advance(1.0)
    desk.reason(desk.release(captured_at=1.0))
    assert desk.refusals()[1] == ("uid 990", "stale (499 more unrecorded)")


def test_one_user_s_haste_is_not_another_s(desk: Desk) -> None:
    admitted = [desk.commands.admits(VISION) for _ in range(30)]
    assert admitted.count(True) == 20, "a burst of twice the rate"
    assert desk.commands.admits(GUARD)
    desk.rig.clock.advance(1.0)
    assert [desk.commands.admits(VISION) for _ in range(11)].count(True) == 10


def test_events_are_read_in_pages_and_acknowledged(desk: Desk) -> None:
    for _ in range(5):
        desk.ask(desk.release())
    page = desk.ask(FetchEvents(after=2, limit=2))
    assert isinstance(page, Events)
    assert ([event.sequence for event in page.events], page.last_sequence) == ([3, 4], 6)
    assert desk.ask(Acknowledge(sequence=4)) == Done()
    rest = desk.ask(FetchEvents())
    assert isinstance(rest, Events)
    assert [event.sequence for event in rest.events] == [5, 6]


def test_the_status_tells_how_the_door_is(desk: Desk) -> None:
    status = desk.ask(QueryStatus(), GUARD)
    assert isinstance(status, DoorStatus)
    assert (status.panel, status.panel_key, status.is_released) == ("not_fitted", "", False)


def test_an_indication_is_shown_unless_it_is_the_door_s_own(desk: Desk) -> None:
    assert desk.ask(Indicate(indication=Indication.DENIED)) == Done()
    assert desk.rig.status.indication is Indication.DENIED
    for own in (Indication.ALARM, Indication.HELD_WARNING, Indication.LOCKDOWN, Indication.RELEASED):
        assert desk.reason(Indicate(indication=own)) == "own"


def test_light_is_flashed_and_its_beginning_told(desk: Desk) -> None:
    reply = desk.ask(EmitLight(flashes=("red", "dark", "red+white"), step_s=0.1))
    assert reply == LightBegun(began_at=1000.0)
    assert desk.rig.emitters["red"].is_on
    assert desk.reason(EmitLight(flashes=("purple",), step_s=0.1)) == "malformed"


def card(desk: Desk, **changes: Any) -> PresentCard:
    row = next(_nonces)
    now = desk.rig.clock.monotonic()
    made = PresentCard(facility=17, number=4242, audit_sequence=row, captured_at=now, nonce=f"{row:032x}")
    return msgspec.structs.replace(made, **changes)


def test_a_card_is_sent_to_the_panel_by_wiegand(desk: Desk) -> None:
    assert desk.ask(card(desk)) == Done()
    assert read_wave(desk.waves.played[0]) == encode(Credential(17, 4242), FORMATS["26"])
    assert desk.rig.events[-1].kind is EventKind.PRESENTED
    assert "4242" not in str(desk.rig.events[-1]), "a card number is no business of the event log"
    assert not desk.rig.lock.is_released, "the panel decides"


@pytest.mark.parametrize(("reason", "changes"), [
    ("stale", {"captured_at": 1.0}), ("future", {"captured_at": 2000.0}), ("panel", {"number": 70_000}),
    ("no_audit", {"audit_sequence": 0}),
])  # fmt: skip
def test_a_card_is_as_fresh_as_a_release_and_fits_the_format(desk: Desk, reason: str, changes: dict[str, Any]) -> None:
    assert desk.reason(card(desk, **changes)) == reason
    assert desk.waves.played == []


@pytest.mark.parametrize(("request_", "peer", "reason"), [
    (SetPanelKey(key="0" * 32), GUARD, "not_fitted"),
    (OpenInstallMode(duration_s=1.0), GUARD, "not_fitted"),
    (TakeReaderInputs(), VISION, "not_fitted"),
    (FetchPinLevels(), GUARD, "not_mock"),
    (DriveInput(line="rex", high=True), GUARD, "not_mock"),
])  # fmt: skip
def test_what_the_door_does_not_have_is_refused(desk: Desk, request_: Request, peer: Peer, reason: str) -> None:
    assert desk.reason(request_, peer) == reason
