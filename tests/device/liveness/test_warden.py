"""The warden: what counts as an attack on the door, and what does not."""

from __future__ import annotations

from builders import make_mesh
from fakes import FakeAudit, FakeDoor, FakeMotion

from device.config import LivenessSettings
from device.liveness.solidity import Motion
from device.liveness.warden import Warden
from device.types import Box, Deny, DenyReason, Grant, PersonId, TrackId
from device.vision.track import Track

SETTINGS = LivenessSettings(hold_off_s=5.0, hold_off_at_most_s=300.0)
ATTACK = Deny(DenyReason.PRESENTATION_ATTACK)
GRANT = Grant(PersonId("p-0000000000000001"), 5.0)
PLACE = Box(100.0, 100.0, 120.0, 120.0)


def make_warden() -> Warden:
    still = Motion(depth=0.0, change=0.0, solidity=0.0, remainder=1.0)
    return Warden(SETTINGS, motion=lambda: FakeMotion(still), door=FakeDoor(FakeAudit()), lamps=None)


def attack(warden: Warden, number: int, box: Box, *, at: float) -> None:
    track = Track(TrackId(number), box, make_mesh(), 0.0)
    warden.note_decision(ATTACK, warden.judge_of(track.id), track, at=at)


def test_an_attack_holds_the_door_for_a_while() -> None:
    warden = make_warden()
    attack(warden, 1, PLACE, at=10.0)
    assert warden.confirm(GRANT, at=14.9) == Deny(DenyReason.LOCKED_OUT)
    assert warden.confirm(GRANT, at=15.1) == GRANT


def test_a_second_attack_from_elsewhere_holds_it_longer() -> None:
    warden = make_warden()
    attack(warden, 1, PLACE, at=10.0)
    attack(warden, 2, Box(160.0, 100.0, 120.0, 120.0), at=20.0)
    assert warden.confirm(GRANT, at=29.9) == Deny(DenyReason.LOCKED_OUT)
    assert warden.confirm(GRANT, at=30.1) == GRANT


def test_the_same_track_is_one_attack_however_often_it_is_denied() -> None:
    warden = make_warden()
    for look in range(20):
        attack(warden, 1, Box(100.0 + 5.0 * look, 100.0, 120.0, 120.0), at=10.0 + 3.0 * look)
    assert warden.confirm(GRANT, at=15.1) == GRANT


def test_a_poster_is_one_attack_although_its_track_is_lost_and_found() -> None:
    warden = make_warden()
    for look in range(20):
        warden.leave_out(set())
        attack(warden, look, Box(100.0 + look % 2, 100.0, 120.0, 120.0), at=10.0 + 3.0 * look)
    assert warden.confirm(GRANT, at=15.1) == GRANT
