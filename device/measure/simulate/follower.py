"""A simulated person who does what the door asks for, a human moment later."""

from __future__ import annotations

import random
from dataclasses import replace

from device.measure.simulate.posture import Motion, Posture
from device.measure.simulate.puppet import Puppet
from device.types import Image

# What each prompt moves, and how far a willing person goes; the prompts are device.liveness.appearance.Gesture's words.
FULL: dict[str, tuple[str, float]] = {
    "turn_left": ("yaw_deg", 26.0),
    "turn_right": ("yaw_deg", -26.0),
    "look_up": ("pitch_deg", 19.0),
    "look_down": ("pitch_deg", -19.0),
    "blink": ("eyes_closed", 1.0),
    "open_mouth": ("mouth_open", 1.0),
    "come_closer": ("distance_mm", -150.0),
}
STAYS = frozenset({"come_closer"})  # nobody steps back before being told more
MOVE_S = 0.35  # to go fully into a gesture, or back


class Follower:
    """A puppet's motion that answers prompts; everything else is the motion it stands with.

    Reactions are drawn between 0.25 and 0.5 s, what people need to see a lamp or a word and choose (Hick, 1952: simple
    reactions take 0.2 s, a choice among six 0.4 to 0.5 s). It does not model hesitation, mistakes or a misread prompt.
    """

    def __init__(self, standing: Motion, *, seed: int) -> None:
        self._standing = standing
        self._source = random.Random(seed)  # noqa: S311 (a simulated person is not a secret)
        self._moves: list[tuple[str, float, float | None]] = []  # prompt, begins moving at, begins returning at
        self._shown: str | None = None

    def show(self, prompt: str | None, *, t_s: float) -> None:
        """What the door asks for from `t_s` on."""
        if prompt == self._shown:
            return
        reaction_s = self._source.uniform(0.25, 0.5)
        if self._moves and self._moves[-1][2] is None and self._moves[-1][0] not in STAYS:
            name, begun, _ = self._moves[-1]
            self._moves[-1] = (name, begun, t_s + 0.5 * reaction_s)  # seeing that it is over takes less than choosing
        if prompt is not None:
            self._moves.append((prompt, t_s + reaction_s, None))
        self._shown = prompt

    def __call__(self, t_s: float) -> Posture:
        """The posture at `t_s`."""
        posture = self._standing(t_s)
        for prompt, begun, returned in self._moves:
            key, full = FULL[prompt]
            share = _ease((t_s - begun) / MOVE_S) - (0.0 if returned is None else _ease((t_s - returned) / MOVE_S))
            posture = replace(posture, **{key: getattr(posture, key) + full * max(0.0, share)})
        return replace(posture, eyes_closed=min(1.0, posture.eyes_closed), mouth_open=min(1.0, posture.mouth_open))


class FollowingPuppet:
    """A puppet before the camera that answers what the door asks for."""

    def __init__(self, puppet: Puppet, follower: Follower) -> None:
        self._puppet, self.follower = puppet, follower

    def frame_at(self, t_s: float) -> Image:
        """The camera's picture `t_s` seconds after the person appeared."""
        return self._puppet.render(self.follower(t_s), t_s=t_s)


def _ease(share: float) -> float:
    held = min(1.0, max(0.0, share))
    return held * held * (3.0 - 2.0 * held)
