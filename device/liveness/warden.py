"""The warden: keeps a judge for every track, asks people at the door, and holds the door after attacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from device.camera.checks import StreamFault
from device.config import LivenessSettings
from device.liveness.appearance import Gesture
from device.liveness.challenge import Failure, Stage
from device.liveness.holdoff import HoldOff
from device.liveness.verdict import LivenessJudge, MotionCue
from device.ports import Door, Lamps
from device.types import Box, CueReading, Decision, Deny, DenyReason, Frame, Grant, TrackId
from device.vision.boxes import overlap
from device.vision.track import Track
from firmware_bridge.errors import BridgeError

log = logging.getLogger(__name__)

UNMOVED = 0.9  # two boxes that share this much are of a thing that hangs on a wall

# What the door's lamps show for each prompt; see firmware_bridge.types.Indication.
INDICATIONS: dict[Gesture, str] = {
    Gesture.TURN_LEFT: "look_left",
    Gesture.TURN_RIGHT: "look_right",
    Gesture.LOOK_UP: "look_up",
    Gesture.LOOK_DOWN: "look_down",
    Gesture.BLINK: "blink",
    Gesture.OPEN_MOUTH: "open_mouth",
    Gesture.COME_CLOSER: "come_closer",
}


class Warden:
    """One door's liveness over all its tracks. One thread."""

    def __init__(
        self,
        settings: LivenessSettings,
        *,
        motion: Callable[[], MotionCue],
        door: Door,
        lamps: Lamps | None,
    ) -> None:
        self._settings = settings
        self._motion = motion
        self._door = door
        self._lamps = lamps
        self._judges: dict[TrackId, LivenessJudge] = {}
        self._hold_off = HoldOff(settings)
        self._attackers: set[TrackId] = set()  # tracks whose attack counts already
        self._last_attack: Box | None = None
        self._shown: str | None = None

    def judge_of(self, track: TrackId) -> LivenessJudge:
        """The judge of a visit that begins now; an attack that this track showed before sticks to it."""
        judge = self._judges.get(track)
        if judge is None:
            judge = self._judges[track] = LivenessJudge(self._settings, motion=self._motion)
        else:
            judge.begin_anew()
        return judge

    def watch(self, frame: Frame, track: Track, *, faces: int) -> None:
        """Let the judge of `track` see a frame with so many faces, and show the person what is asked."""
        judge = self._judges[track.id]
        judge.watch(frame.image, track.mesh, at=frame.captured_at)
        if faces > 1:
            judge.interrupt(Failure.SECOND_FACE)
        self._flash(judge)
        self._show(judge)

    def leave_out(self, present: set[TrackId]) -> None:
        """Forget the judges of tracks that are gone."""
        for track in self._judges.keys() - present:
            self._judges.pop(track).interrupt(Failure.FACE_CHANGED)
        self._attackers &= present

    def note_stream(self, fault: StreamFault, present: Sequence[Track]) -> None:
        """The stream is not what a camera delivers: every face in it is an attack."""
        for track in present:
            if track.id in self._judges:
                self._judges[track.id].note_injection(CueReading(fault.value, 1.0, 0.0))

    def confirm(self, decision: Decision, *, at: float) -> Decision:
        """The same decision, unless the door is held after attacks: then nobody is let in or asked for what is left."""
        is_nearly_one = isinstance(decision, Grant) or decision.reason is DenyReason.SECOND_FACTOR_MISSING
        return Deny(DenyReason.LOCKED_OUT) if is_nearly_one and self._hold_off.is_active(at) else decision

    def note_decision(self, decision: Decision, judge: LivenessJudge, track: Track, *, at: float) -> None:
        """Count attacks and failed challenges; both make the door wait.

        An attempt that a second face ended says nothing against the first: people come in company.
        """
        self._shown = None
        if isinstance(decision, Grant):
            self._hold_off.note_grant()
        elif decision.reason is DenyReason.PRESENTATION_ATTACK:
            if not self._is_known_attack(track):
                self._hold_off.note_attack(at)
                log.warning("door.held_off", extra={"until": self._hold_off.until})
        elif judge.has_failed and (judge.challenge is None or judge.challenge.failure is not Failure.SECOND_FACE):
            self._hold_off.note_failed_challenge(at)

    def _is_known_attack(self, track: Track) -> bool:
        """Whether this attack was counted: a poster that hangs there is one, however often it is looked at.

        A hand never brings a picture back to the same place to a tenth of its size; a nail does.
        """
        is_known = track.id in self._attackers or (
            self._last_attack is not None and overlap(track.box, self._last_attack) >= UNMOVED
        )
        self._attackers.add(track.id)
        self._last_attack = track.box
        return is_known

    def _flash(self, judge: LivenessJudge) -> None:
        code = judge.code_to_flash()
        if code is None or self._lamps is None:
            return
        flashes = code.flashes(self._settings.light_left, self._settings.light_right)
        try:
            judge.begin_light(self._lamps.emit_light(flashes, step_s=code.step_s))
        except BridgeError as error:  # liveness then stays undecided, which is a denial
            log.error("light.failed", extra={"fault": str(error)})  # noqa: TRY400 (the sentence is for the operator)

    def _show(self, judge: LivenessJudge) -> None:
        word = asked_word(judge)
        if word is None or word == self._shown:
            return
        self._shown = word
        log.info("challenge.prompted", extra={"prompt": word})  # for a display beside the door
        try:
            self._door.indicate(word)
        except ValueError:  # this door's lamps have no pattern for the word
            log.warning("challenge.unshown", extra={"prompt": word})


def asked_word(judge: LivenessJudge) -> str | None:
    """The door's word for what a person is asked now, to hold still included; None while nothing is asked."""
    challenge = judge.challenge
    if challenge is None or challenge.is_over:
        return None
    if challenge.prompt is not None:
        return INDICATIONS[challenge.prompt]
    return "hold_still" if challenge.stage is Stage.SETTLING else "ready"
