"""Who walks up to the door in the demo: the enrolled person, a stranger, and a flat photo of the enrolled person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from device.clock import Clock
from device.errors import NoFaceError, PhotoError
from device.ports import Camera
from device.types import Image

if TYPE_CHECKING:
    from device.measure.simulate.clip import Clip
    from device.measure.simulate.posture import Motion
    from device.measure.simulate.scenes import Visit, Visitor
    from device.vision.enrolment import StillExtractor

ENROLLED, STRANGER, PHOTO = "enrolled person", "stranger", "flat photo of that person"
LATER_S = 12.0  # in a recording, the stretch to walk up with begins this long after its start
EARLY_S = 4.0  # and the still to enrol is found within this time
GAP_S = 0.8  # nobody in front, between two visitors
STILL_EVERY_S = 0.2
HEAD_AND_SHOULDERS = 2.6  # in face boxes
LOOKS = 300  # frames of a camera in which somebody must be found


class Expected(StrEnum):
    """How a visitor should be treated."""

    GRANT = "granted"
    DENY = "denied"


@dataclass(frozen=True, slots=True)
class Cast:
    """The still that is enrolled, who then comes, and what is simulated about it."""

    still: Image
    visits: tuple[Visit, ...]  # with gaps between them
    expected: dict[str, Expected]  # by the visit's name; gaps have none
    notes: tuple[str, ...]
    is_puppet: bool = False  # the enrolled person is a simulation, whose skin is a photo


def cast_from_video(video: Path, stranger: Path | None, stills: StillExtractor) -> Cast:
    """A real person from a recording, enrolled early in it and walked up to from later in it.

    Raises VideoUnreadableError, and NoFaceError when no early frame can be enrolled.
    """
    from device.measure.simulate.clip import Clip

    still = first_usable(frames_of(Clip(video)), stills, described=str(video))
    enrolled = Clip(video, start_s=LATER_S if Clip(video).duration_s > LATER_S + 4.0 else 0.0)
    notes = [f"{ENROLLED} is a real recording: {video.name}"]
    if stranger is not None:
        other: Visitor = Clip(stranger)
        notes.append(f"{STRANGER} is a real recording: {stranger.name}")
    else:
        other = puppet_of_stranger(stills)
        notes.append(f"{STRANGER} is a simulation: a puppet made of a public-domain portrait, turned in 3D")
    return _stage(still, stills, enrolled, other, notes=notes)


def cast_of_puppets(stills: StillExtractor) -> Cast:
    """Nobody real: two puppets of public-domain portraits. Raises PhotoUnreadableError without the `demo` extra."""
    from device.measure.simulate.portraits import grace_hopper
    from device.measure.simulate.posture import walk_up

    still = grace_hopper()
    note = "all visitors are simulations: puppets made of public-domain portraits, turned in 3D"
    enrolled = make_puppet(still, stills, motion=walk_up(3, walk_s=1.5))
    cast = _stage(still, stills, enrolled, puppet_of_stranger(stills), notes=[note])
    return replace(cast, is_puppet=True)


def cast_from_camera(number: int, clock: Clock, stills: StillExtractor) -> Cast:
    """Whoever stands before a real camera: enrolled now, then looked at as a visitor.

    Raises CameraError when it cannot be opened, and NoFaceError when nobody could be enrolled.
    """
    from device.camera.opencv import LiveCamera
    from device.config import CameraSettings

    live = LiveVisitor(LiveCamera(CameraSettings(source=str(number)), clock))
    pictures = (live.frame_at(0.0) for _ in range(LOOKS))
    still = first_usable(pictures, stills, described=f"camera {number}")
    notes = [f"{ENROLLED} stands before camera {number}", f"{STRANGER} is a simulation: a puppet turned in 3D"]
    return _stage(still, stills, live, puppet_of_stranger(stills), notes=notes)


class LiveVisitor:
    """Whoever is before a real camera at this moment."""

    def __init__(self, camera: Camera) -> None:
        self._frames = camera.frames()

    def frame_at(self, t_s: float) -> Image:  # noqa: ARG002 (a camera shows the present only)
        """The camera's next picture, cropped to the size of the simulated ones. Raises CameraError."""
        from device.measure.simulate.clip import fit_frame
        from device.measure.simulate.lens import Lens

        return fit_frame(next(self._frames).image, Lens())


def first_usable(images: Iterator[Image], stills: StillExtractor, *, described: str) -> Image:
    """The first picture from which a person can be enrolled. Raises NoFaceError with the source and the last reason."""
    reason = "it holds no picture"
    for image in images:
        try:
            stills.extract(image)
        except PhotoError as error:
            reason = str(error)
            continue
        return image
    raise NoFaceError(f"{described}: nobody could be enrolled from its first {EARLY_S:g} s: {reason}")


def frames_of(clip: Clip) -> Iterator[Image]:
    """Pictures from the first seconds of a recording."""
    for index in range(round(EARLY_S / STILL_EVERY_S)):
        yield clip.frame_at(index * STILL_EVERY_S)


def puppet_of_stranger(stills: StillExtractor) -> Visitor:
    """Somebody who is never enrolled."""
    from device.measure.simulate.portraits import eileen_collins
    from device.measure.simulate.posture import walk_up

    return make_puppet(eileen_collins(), stills, motion=walk_up(5, walk_s=1.5))


def make_puppet(portrait: Image, stills: StillExtractor, *, motion: Motion) -> Visitor:
    """A puppet of the one person in `portrait`. Raises NoFaceError or SeveralFacesError."""
    from device.measure.simulate.puppet import Puppet, PuppetVisitor

    return PuppetVisitor(Puppet(portrait, stills.locate(portrait)), motion)


def portrait_of(still: Image, stills: StillExtractor) -> Image:
    """Head and shoulders of the one person in `still`: what an attacker would print."""
    from device.liveness.texture import crop_around
    from device.vision.mesh import face_box

    height, width = still.shape[:2]
    left, top, right, bottom = crop_around(
        face_box(stills.locate(still)), HEAD_AND_SHOULDERS, width=width, height=height
    )
    return still[top : bottom + 1, left : right + 1]


def _stage(still: Image, stills: StillExtractor, enrolled: Visitor, stranger: Visitor, *, notes: list[str]) -> Cast:
    from device.measure.simulate.print_attack import PrintAttack
    from device.measure.simulate.scenes import EmptyRoom, Visit, with_gaps
    from device.measure.simulate.sheet import wave

    attack = PrintAttack(portrait_of(still, stills), wave(7, tilt_deg=15.0))
    visits = (Visit(ENROLLED, enrolled, 6.0), Visit(STRANGER, stranger, 5.0), Visit(PHOTO, attack, 5.0))
    notes.append(f"{PHOTO} is a simulation: a sheet of paper, waved by hand")
    expected = {ENROLLED: Expected.GRANT, STRANGER: Expected.DENY, PHOTO: Expected.DENY}
    return Cast(still, with_gaps(visits, room=EmptyRoom(), gap_s=GAP_S), expected, tuple(notes))
