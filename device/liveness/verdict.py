"""The verdict on one track: an explicit table over the cues, not a weighting."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from device.config import LivenessSettings
from device.liveness.parallax import Parallax, Shape
from device.types import (
    Attack,
    AttackReason,
    BonaFide,
    CueReading,
    Mesh,
    MissingCue,
    NotChecked,
    PadVerdict,
    Undecided,
)


class LivenessJudge:
    """Gathers the cues of one track and says what they amount to.

    The table of mode `passive`, first row that applies:

    | motion  | texture                        | verdict                    |
    |---------|--------------------------------|----------------------------|
    | any     | fewer frames than `min_frames` | undecided: frames          |
    | flat    | any                            | attack: planar             |
    | any     | looks like an attack           | attack: texture            |
    | any     | between, or unsteady           | undecided: texture         |
    | any     | live                           | bona fide                  |
    | solid   | no texture network installed   | bona fide                  |
    | unknown | no texture network installed   | undecided: motion          |

    An attack sticks: nothing that the track shows later undoes it.
    """

    def __init__(self, settings: LivenessSettings) -> None:
        self._settings = settings
        self._parallax = Parallax()
        self._texture_scores: list[float] = []
        self._frames = 0
        self._attack: Attack | None = None

    def observe(self, mesh: Mesh, *, texture_score: float | None) -> None:
        """One usable frame: its mesh, and the texture score in [0, 1], or None without a texture network."""
        self._frames += 1
        self._parallax.observe(mesh)
        if texture_score is not None:
            self._texture_scores.append(texture_score)

    def verdict(self) -> PadVerdict:
        """What the cues amount to so far."""
        if self._settings.mode == "off":
            return NotChecked()
        if self._attack is not None:
            return self._attack
        found = self._weigh()
        if isinstance(found, Attack):
            self._attack = found
        return found

    def _weigh(self) -> PadVerdict:
        cues = self._cues()
        if self._frames < self._settings.min_frames:
            return Undecided((MissingCue.FRAMES,), cues)
        shape = self._parallax.shape(self._settings)
        if shape is Shape.FLAT:
            return Attack(AttackReason.PLANAR, cues)
        if self._texture_scores:
            return self._weigh_texture(cues)
        match shape:
            case Shape.SOLID:
                return BonaFide(cues)
            case Shape.UNKNOWN:
                return Undecided((MissingCue.MOTION,), cues)
            case unreachable:
                assert_never(unreachable)

    def _weigh_texture(self, cues: tuple[CueReading, ...]) -> PadVerdict:
        score, spread = self._texture()
        if score <= self._settings.max_attack_texture_score:
            return Attack(AttackReason.TEXTURE, cues)
        if score >= self._settings.min_texture_score and spread <= self._settings.max_texture_spread:
            return BonaFide(cues)
        return Undecided((MissingCue.TEXTURE,), cues)  # also when a score is not a number

    def _texture(self) -> tuple[float, float]:
        """Mean and standard deviation over the frames; not a number when one score is none."""
        return float(np.mean(self._texture_scores)), float(np.std(self._texture_scores))

    def _cues(self) -> tuple[CueReading, ...]:
        settings, moved = self._settings, self._parallax.strongest
        readings = [
            CueReading("motion.change", moved.change, settings.min_change),
            CueReading("motion.depth", moved.depth, settings.min_depth),
            CueReading("motion.solidity", moved.solidity, settings.min_solidity),
        ]
        if self._texture_scores:
            score, spread = self._texture()
            readings += [
                CueReading("texture.score", score, settings.min_texture_score),
                CueReading("texture.spread", spread, settings.max_texture_spread),
            ]
        return tuple(readings)
