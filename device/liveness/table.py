"""The table of the verdict: explicit rows over what the cues say, not a weighting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from device.config import LivenessSettings
from device.liveness.light import LightAnswer
from device.liveness.solidity import Shape
from device.types import Attack, AttackReason, BonaFide, CueReading, MissingCue, PadVerdict, Undecided


class Skin(Enum):
    """What the texture networks say over a window of frames."""

    LIVE = "live"
    FAKE = "fake"
    UNSURE = "unsure"  # between, unsteady, or not a number
    UNSEEN = "unseen"  # no texture network


class Answered(Enum):
    """How far the challenge came."""

    ALL = "all"
    NOT_YET = "not_yet"  # not asked, still asking, or failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What each cue says about one track, reduced to words; the rows of the table know nothing else."""

    frames: int = 0  # usable ones
    is_injected: bool = False  # the stream is not what a camera delivers
    shape: Shape = Shape.UNKNOWN
    skin: Skin = Skin.UNSEEN
    challenge: Answered = Answered.NOT_YET
    light: LightAnswer | None = None  # None: no code has run to its end


Opinion: TypeAlias = BonaFide | AttackReason | tuple[MissingCue, ...] | None  # None: this row does not apply
Row: TypeAlias = Callable[[Findings, LivenessSettings], Opinion]
YES = BonaFide(())


def _injected(found: Findings, _: LivenessSettings) -> Opinion:
    return AttackReason.INJECTION if found.is_injected else None


def _too_few_frames(found: Findings, settings: LivenessSettings) -> Opinion:
    return (MissingCue.FRAMES,) if found.frames < settings.min_frames else None


def _flat(found: Findings, _: LivenessSettings) -> Opinion:
    return AttackReason.PLANAR if found.shape is Shape.FLAT else None


def _fake_skin(found: Findings, _: LivenessSettings) -> Opinion:
    return AttackReason.TEXTURE if found.skin is Skin.FAKE else None


def _wrong_light(found: Findings, _: LivenessSettings) -> Opinion:
    return AttackReason.LIGHT if found.light in {LightAnswer.FLAT, LightAnswer.SILENT} else None


def _challenge_decides(found: Findings, settings: LivenessSettings) -> Opinion:
    if settings.mode != "challenge":
        return None
    return YES if found.challenge is Answered.ALL else (MissingCue.CHALLENGE,)


def _light_decides(found: Findings, settings: LivenessSettings) -> Opinion:
    """One emitter shows that something is there which the lamp lights, not that it is no print: motion must."""
    if settings.mode != "light":
        return None
    if found.light is LightAnswer.FACE:
        return YES
    if found.light is LightAnswer.FOLLOWS:
        return YES if found.shape is Shape.SOLID else (MissingCue.MOTION,)
    return (MissingCue.LIGHT,)


def _texture_suffices(found: Findings, _: LivenessSettings) -> Opinion:
    return YES if found.skin is Skin.LIVE else None


def _motion_suffices(found: Findings, settings: LivenessSettings) -> Opinion:
    """Only where nothing is ever asked: the replay of a head that turns moves like a head, too."""
    is_solid = found.skin is Skin.UNSEEN and found.shape is Shape.SOLID
    return YES if settings.mode == "passive" and is_solid else None


def _challenge_settles(found: Findings, settings: LivenessSettings) -> Opinion:
    return YES if settings.mode == "cooperative" and found.challenge is Answered.ALL else None


def _nothing_suffices(found: Findings, settings: LivenessSettings) -> Opinion:
    if found.skin is not Skin.UNSEEN:
        return (MissingCue.TEXTURE,)
    return (MissingCue.MOTION,) if settings.mode == "passive" else (MissingCue.CHALLENGE,)


# The table: the first row that applies speaks. What can say "attack" stands above all that can say "bona fide".
TABLE: tuple[Row, ...] = (
    _injected,
    _too_few_frames,
    _flat,
    _fake_skin,
    _wrong_light,
    _challenge_decides,
    _light_decides,
    _texture_suffices,
    _motion_suffices,
    _challenge_settles,
    _nothing_suffices,
)


def weigh(found: Findings, settings: LivenessSettings, cues: tuple[CueReading, ...] = ()) -> PadVerdict:
    """What the table says, with the readings behind it. Mode `off` is not its business."""
    for row in TABLE:
        opinion = row(found, settings)
        if isinstance(opinion, AttackReason):
            return Attack(opinion, cues)
        if isinstance(opinion, tuple):
            return Undecided(opinion, cues)
        if opinion is not None:
            return BonaFide(cues)
    return Undecided((MissingCue.FRAMES,), cues)  # a table whose last row is silent still says no
