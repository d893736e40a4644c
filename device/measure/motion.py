"""How well motion alone tells heads from sheets: prints and puppets made of portraits, and stretches of a live clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from device.config import LivenessSettings
from device.liveness.canonical import place_head
from device.liveness.solidity import Shape, Solidity
from device.loop import Vision
from device.types import Frame, Image, Mesh

if TYPE_CHECKING:
    from device.measure.simulate.sheet import Handling

RATE_HZ = 15.0
SHOWN_S = 5.0  # how long a print or puppet is seen
STRETCH_S, EVERY_S = 4.0, 1.0  # the live clip: how long, and how far apart, its stretches are
TURNED_DEG = 15.0  # a head that turned or nodded less from one extreme to the other is left out
BEND_DEG, FLEX_DEG = 40.0, 20.0  # a bent print flexes from 20 to 60 degrees
PRINTS = ("waved", "turned", "nodded", "rolled")  # rolled in its plane a print shows nothing: it is never counted on
PUPPET, LIVE = "puppet", "live"

Pictures = Callable[[float], Image]  # seconds since the beginning -> what the camera sees


@dataclass(frozen=True, slots=True)
class Scene:
    """What is shown, and for how long."""

    kind: str  # "flat waved", "bent nodded", "puppet", "live"
    name: str
    pictures: Pictures
    seconds: float = SHOWN_S


@dataclass(frozen=True, slots=True)
class Watched:
    """What motion said of one thing, and when."""

    kind: str
    name: str
    shape: Shape  # the first that was decided on any of its tracks
    after_s: float  # when, or the whole length
    swept_deg: float  # the largest change of yaw or pitch, as the mesh shows it


def watch(scene: Scene, vision: Vision, settings: LivenessSettings) -> Watched:
    """Show a scene to one door's vision until motion has decided, or to its end."""
    cues: dict[int, Solidity] = {}
    angles: list[tuple[float, float]] = []
    shape, after_s = Shape.UNKNOWN, scene.seconds
    for number in range(round(scene.seconds * RATE_HZ)):
        image = scene.pictures(number / RATE_HZ)
        for track in vision.tracker.follow(Frame(image, number / RATE_HZ, number))[:1]:
            pose = place_head(track.mesh).pose
            angles.append((pose.yaw_deg, pose.pitch_deg))
            if shape is Shape.UNKNOWN and vision.gate.judge(image, track.mesh).is_sufficient:
                cue = cues.setdefault(track.id, Solidity())
                cue.observe(image, track.mesh)
                shape, after_s = cue.motion.shape(settings), number / RATE_HZ
        if shape is not Shape.UNKNOWN and scene.kind not in {PUPPET, LIVE}:
            break  # how far a print swings is known; of heads it is measured to the end
    swept = float(np.ptp(np.array(angles), axis=0).max()) if angles else 0.0
    return Watched(scene.kind, scene.name, shape, scene.seconds if shape is Shape.UNKNOWN else after_s, swept)


def show_print(image: Image, mesh: Mesh, how: str, *, is_bent: bool, seed: int) -> Pictures:
    """A print of the face under `mesh`, handled as one of PRINTS says."""
    from device.measure.simulate.print_attack import PrintAttack, crop_to_face

    return PrintAttack(crop_to_face(image, mesh), _handling(how, is_bent=is_bent, seed=seed), seed=seed).frame_at


def show_puppet(image: Image, mesh: Mesh, *, seed: int) -> Pictures:
    """A puppet that walks up within a second and looks about by 20 degrees."""
    from device.measure.simulate.posture import walk_up
    from device.measure.simulate.puppet import Puppet, PuppetVisitor

    return PuppetVisitor(Puppet(image, mesh, seed=seed), walk_up(seed, walk_s=1.0)).frame_at


def stretches(video: Path) -> Iterator[Scene]:
    """Stretches of a clip, every EVERY_S. Raises VideoUnreadableError."""
    from device.measure.simulate.clip import Clip

    count = int((Clip(video).duration_s - STRETCH_S) / EVERY_S) + 1
    for number in range(max(0, count)):
        clip = Clip(video, start_s=number * EVERY_S)
        yield Scene(LIVE, f"{video.name} from {number * EVERY_S:.0f} s", clip.frame_at, STRETCH_S)
        clip.close()


def _handling(how: str, *, is_bent: bool, seed: int) -> Handling:
    from device.measure.simulate.sheet import Swing, swing, wave

    hands: dict[str, Callable[..., Handling]] = {
        "waved": partial(wave, seed),
        "turned": partial(swing, seed, Swing(yaw_deg=20.0)),
        "nodded": partial(swing, seed, Swing(pitch_deg=20.0)),
        "rolled": partial(swing, seed, Swing(roll_deg=20.0)),
    }
    bend = {"bend_deg": BEND_DEG, "flex_deg": FLEX_DEG} if is_bent else {}
    return hands[how](**bend)
