"""The real loop asks, waits, holds off and remembers attacks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from builders import make_frame, make_image
from door_rig import NO_MOTION, DoorRig
from fakes import FakeDoor, FakeMotion, FakeTexture

from device.camera.checks import StreamGuard
from device.config import Settings
from device.liveness.canonical import mean_face
from device.liveness.challenge import Failure
from device.liveness.solidity import Motion
from device.liveness.verdict import LivenessJudge
from device.liveness.warden import Warden
from device.measure.simulate.lens import rotation
from device.types import Attack, Decision, Deny, DenyReason, Grant, Mesh, MissingCue, TrackId, Undecided
from device.vision.mesh import face_box
from device.vision.track import Track
from firmware_bridge.errors import BridgeError, LineError

IMAGE = make_image()

BETWEEN, LIVE, FAKE = 0.6, 0.95, 0.1
LOWER_LIP = (87, 14, 317, 178, 88, 402, 318, 95, 324, 17, 84, 314)
FULL = {
    "look_left": {"yaw_deg": 24.0},
    "look_right": {"yaw_deg": -24.0},
    "look_up": {"pitch_deg": 16.0},
    "look_down": {"pitch_deg": -16.0},
    "open_mouth": {"mouth": 0.25},
    "come_closer": {"scale": 1.25},
}


def face(
    *, yaw_deg: float = 0.0, pitch_deg: float = 0.0, mouth: float = 0.0, scale: float = 1.0, x: float = 320.0
) -> Mesh:
    """The mean face in the middle of the frame."""
    points = np.array(mean_face())
    points[list(LOWER_LIP), 1] += mouth
    turned = points @ rotation(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=0.0).T * (60.0 * scale) + (x, 220.0, 0.0)
    return Mesh(turned.astype(np.float32), 1.0)


def doing(prompt: str | None, *, scale: float) -> Mesh:
    keys = {"scale": scale, **({} if prompt is None else FULL.get(prompt, {}))}
    return face(**keys)


def newest_liveness(rig: DoorRig) -> dict[str, object]:
    """What the newest audit row tells of liveness."""
    liveness = rig.audit.events[-1][1]["liveness"]
    assert isinstance(liveness, dict)
    return liveness


def play(rig: DoorRig, *, frames: int = 200, obeys: bool = True) -> list[Decision]:
    """Show the face until something is decided; it does what the lamps ask, six frames later."""
    seen: list[str | None] = []
    scale = 1.0
    for _ in range(frames):
        shown = rig.door.indications[-1] if rig.door.indications else None
        seen.append(shown)
        prompt = shown if obeys and len(seen) > 6 and seen[-6] == shown else None
        scale = 1.25 if prompt == "come_closer" else scale
        rig.mesh = doing(prompt, scale=scale)
        if decided := rig.show():
            return [one.decision for one in decided]
    return []


def test_whom_texture_cannot_tell_is_asked_and_let_in_for_doing_it() -> None:
    rig = DoorRig(texture=FakeTexture(BETWEEN))
    (decision,) = play(rig)
    assert isinstance(decision, Grant)
    asked = [word for word in rig.door.indications if word in FULL]
    assert len(asked) == Settings().liveness.challenge_length


def test_whoever_is_asked_and_does_nothing_is_denied() -> None:
    rig = DoorRig(texture=FakeTexture(BETWEEN))
    assert play(rig, obeys=False) == [Deny(DenyReason.LIVENESS_UNDECIDED)]
    assert rig.door.releases == []


def test_whom_texture_can_tell_is_not_asked() -> None:
    rig = DoorRig(texture=FakeTexture(LIVE))
    (decision,) = play(rig)
    assert isinstance(decision, Grant)
    assert not set(rig.door.indications) & set(FULL)


TURNED = Motion(depth=0.06, change=0.05, solidity=0.35, remainder=0.5)


def test_without_a_texture_network_whoever_turned_the_head_is_asked_all_the_same() -> None:
    """The replay of a head that turns moves like a head, and does nothing that it is asked for."""
    replayed = DoorRig(motion=TURNED)
    assert play(replayed, obeys=False) == [Deny(DenyReason.LIVENESS_UNDECIDED)]
    assert newest_liveness(replayed)["missing"] == ["challenge"]
    assert replayed.door.releases == []
    live = DoorRig(motion=TURNED)
    (decision,) = play(live)
    assert isinstance(decision, Grant)
    assert set(live.door.indications) & set(FULL)


def test_in_challenge_mode_everybody_is_asked() -> None:
    rig = DoorRig(texture=FakeTexture(LIVE), liveness={"mode": "challenge"})
    (decision,) = play(rig)
    assert isinstance(decision, Grant)
    assert set(rig.door.indications) & set(FULL)


def test_an_attack_is_never_asked_and_never_let_in_for_doing_anything() -> None:
    for mode in ("passive", "cooperative", "challenge"):
        rig = DoorRig(texture=FakeTexture(FAKE), liveness={"mode": mode})
        assert play(rig) == [Deny(DenyReason.PRESENTATION_ATTACK)], mode
        assert rig.door.releases == []


def next_person(rig: DoorRig, score: float) -> list[Decision]:
    """Somebody else steps up, whose skin scores so."""
    assert rig.texture is not None
    rig.texture.score = score
    rig.mesh = face()
    return play(rig)


def test_an_attack_holds_the_door_for_the_next_person_and_no_longer() -> None:
    rig = DoorRig(texture=FakeTexture(FAKE), liveness={"hold_off_s": 60.0})
    play(rig)
    rig.mesh = None
    rig.pass_by(2.0)
    assert next_person(rig, LIVE) == [Deny(DenyReason.LOCKED_OUT)]
    assert rig.door.indications[-1] == "try_again_later"
    rig.mesh = None
    rig.pass_by(70.0)
    (decision,) = next_person(rig, LIVE)
    assert isinstance(decision, Grant)


def test_an_attack_sticks_to_its_track_through_the_rest() -> None:
    rig = DoorRig(texture=FakeTexture(FAKE), liveness={"hold_off_s": 0.1, "hold_off_at_most_s": 0.1})
    play(rig)
    assert next_person(rig, LIVE) == [Deny(DenyReason.PRESENTATION_ATTACK)]


def test_a_fed_stream_is_an_attack_on_every_face_in_it() -> None:
    rig = DoorRig(texture=FakeTexture(LIVE), guard=StreamGuard(rate_hz=15.0))
    rig.mesh = face()
    decided = [one for _ in range(12) for one in rig.show()]
    assert decided[0].decision == Deny(DenyReason.PRESENTATION_ATTACK)
    assert decided[0].evidence is not None
    assert isinstance(decided[0].evidence.pad, Attack)
    assert "stream_frozen" in {cue.name for cue in decided[0].evidence.pad.cues}


def test_the_audit_tells_mode_cues_and_thresholds_and_nothing_reaches_the_person() -> None:
    rig = DoorRig(texture=FakeTexture(BETWEEN))
    play(rig, obeys=False)
    liveness = newest_liveness(rig)
    assert liveness["mode"] == "cooperative"
    assert liveness["missing"] == ["texture"]
    assert isinstance(liveness["cues"], dict)
    assert liveness["cues"]["texture.score"] == [BETWEEN, Settings().liveness.min_texture_score]
    assert "challenge.too_late" in liveness["cues"]
    assert rig.door.indications[-1] == "denied"


def test_switched_off_every_row_says_so() -> None:
    rig = DoorRig(texture=FakeTexture(FAKE), liveness={"mode": "off"})
    play(rig)
    assert newest_liveness(rig) == {"mode": "off", "verdict": "not_checked"}


def track(number: int, mesh: Mesh) -> Track:
    return Track(TrackId(number), face_box(mesh), mesh, 0.0)


def warden(door: FakeDoor, lamps: FakeLamps | None = None, **keys: object) -> Warden:
    settings = msgspec.structs.replace(Settings().liveness, **keys)
    return Warden(settings, motion=lambda: FakeMotion(NO_MOTION), door=door, lamps=lamps)


class FakeLamps:
    """Remembers the codes that it was told to flash."""

    def __init__(self, fault: BridgeError | None = None) -> None:
        self.codes: list[tuple[str, ...]] = []
        self.fault = fault

    def emit_light(self, flashes: Sequence[str], *, step_s: float) -> float:
        assert step_s > 0
        if self.fault is not None:
            raise self.fault
        self.codes.append(tuple(flashes))
        return 1000.0


def attend(ward: Warden, *, faces: int = 1, frames: int = 60) -> LivenessJudge:
    judge = ward.judge_of(TrackId(1))
    for number in range(frames):
        judge.observe(IMAGE, face(), texture_score=BETWEEN)
        frame = make_frame(at=1000.0 + number / 15, image=IMAGE)
        ward.watch(frame, track(1, face()), faces=faces if number > 30 else 1)
    return judge


def test_a_second_face_ends_the_attempt() -> None:
    judge = attend(warden(FakeDoor(), mode="challenge"), faces=2)
    assert judge.challenge is not None
    assert judge.challenge.failure is Failure.SECOND_FACE
    assert judge.has_failed


def test_a_track_that_is_lost_ends_its_attempt() -> None:
    ward = warden(FakeDoor(), mode="challenge")
    judge = attend(ward, frames=20)
    ward.leave_out(set())
    assert judge.challenge is not None
    assert judge.challenge.failure is Failure.FACE_CHANGED
    assert ward.judge_of(TrackId(1)) is not judge


def test_a_door_without_a_lamp_for_a_word_still_asks() -> None:
    class Mute(FakeDoor):
        def indicate(self, indication: str) -> None:
            raise ValueError(indication)

    assert attend(warden(Mute(), mode="challenge"), frames=20).challenge is not None


def test_in_light_mode_the_lamps_flash_one_code_an_attempt_and_the_person_is_not_denied_meanwhile() -> None:
    lamps = FakeLamps()
    ward = warden(FakeDoor(), lamps, mode="light", light_left="white", light_right="red")
    judge = attend(ward, frames=40)
    assert len(lamps.codes) == 1
    assert set(lamps.codes[0]) == {"white", "red", "white+red", "dark"}
    assert judge.is_asking
    attend(ward, frames=5)
    assert len(lamps.codes) == 2
    assert lamps.codes[0] != lamps.codes[1]


def test_lamps_that_fail_leave_liveness_undecided() -> None:
    ward = warden(FakeDoor(), FakeLamps(LineError("no lamp")), mode="light", light_left="white")
    verdict = attend(ward).verdict()
    assert isinstance(verdict, Undecided)
    assert verdict.missing == (MissingCue.LIGHT,)
