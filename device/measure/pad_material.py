"""What is shown when presentation attack detection is measured: recordings from a folder, or simulations."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from device.collection.keys import KeyFolder
from device.errors import CaptureUnreadableError, VideoUnreadableError
from device.liveness.light import LightCode
from device.measure.capture_file import SUFFIX, read_frames, read_live
from device.measure.pad import BONA_FIDE, Showing
from device.measure.simulate.lamps import Conditions, LampCamera, Subject, light_up
from device.measure.simulate.posture import Posture
from device.types import Image, Mesh

VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif", ".m4v"})
STILLS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
STILL_FRAMES = 30  # a still is a person or a picture that does not move
RATE_HZ = 15.0
SIMULATED_FRAMES = 90
FOLLOWER_FRAMES = 150  # ten seconds for somebody who is asked
Seen: TypeAlias = tuple[float, Image]  # seconds, and the picture

# In mode light the species are those of Subject, in device/measure/simulate/lamps.py.
SPECIES = ("flat_print", "bent_print", "screen_replay", "injected_recording")


def find_showings(folder: Path, *, keys: KeyFolder) -> list[Showing]:
    """Every video, still and captured attempt in FOLDER/bona_fide and FOLDER/SPECIES.

    Raises VideoUnreadableError when there is none, CaptureUnreadableError for a captured attempt that was changed or
    lies under another species than it was captured as, and CaptureKeyMissingError. Nothing is skipped.
    """
    showings = []
    for species in sorted(path for path in folder.iterdir() if path.is_dir()):
        for file in sorted(species.rglob("*")):
            suffix = file.suffix.lower()
            if suffix in VIDEOS:
                showings.append(Showing(species.name, file.name, partial(_play, file)))
            elif suffix in STILLS:
                showings.append(Showing(species.name, file.name, partial(_hold, file)))
            elif suffix == SUFFIX:
                showings.append(_captured(file, species.name, keys))
    if not showings:
        raise VideoUnreadableError(f"{folder}: no video or still in {BONA_FIDE}/ or in a folder named after a species")
    return showings


def simulate(portraits: Sequence[tuple[Image, Mesh]], *, seed: int, mode: str) -> Iterator[Showing]:
    """Simulated people and attacks from portraits and their meshes, for a liveness mode, each with its own seed.

    For each portrait: a puppet (bona fide; in modes that ask one that does what the door asks for), the portrait
    printed flat and bent and waved, and the puppet's walk-up replayed on a screen and injected into the stream. In mode
    light: a face, two prints, a screen and an injection that stand still but for swaying before the door's two lamps.
    """
    for number, (image, mesh) in enumerate(portraits):
        own = seed * 100_003 + number
        if mode == "light":
            yield from (_lit(subject, image, mesh, own) for subject in Subject)
            continue
        yield _person(image, mesh, own, is_asked=mode != "passive")
        for species in SPECIES:
            yield Showing(species, f"{species}-{own}", partial(_attack, species, image, mesh, own))


def _person(image: Image, mesh: Mesh, seed: int, *, is_asked: bool) -> Showing:
    from device.measure.simulate.follower import Follower
    from device.measure.simulate.posture import walk_up
    from device.measure.simulate.puppet import Puppet

    turn_deg = 0.0 if is_asked else 20.0
    follower = Follower(walk_up(seed, walk_s=1.0, turn_deg=turn_deg), seed=seed)

    def frames() -> Iterator[Seen]:
        puppet = Puppet(image, mesh, seed=seed)
        for t_s in moments(FOLLOWER_FRAMES if is_asked else SIMULATED_FRAMES):
            yield t_s, puppet.render(follower(t_s), t_s=t_s)

    def tell(prompt: str | None, t_s: float) -> None:
        follower.show(prompt, t_s=t_s)

    return Showing(BONA_FIDE, f"puppet-{seed}", frames, tell if is_asked else None)


def draw_conditions(source: random.Random) -> Conditions:
    """The light at one attempt away from the sun: the lamps give 5 to 63 % of the ambient light at 600 mm."""
    return Conditions(
        lamp=0.05 * 12.6 ** source.random(),
        exposure=source.uniform(0.4, 1.2),
        noise=source.uniform(1.0, 4.0),
        sway_mm=source.uniform(2.0, 15.0),
        shutter_s=source.uniform(0.005, 0.03),
        readout_s=source.uniform(0.0, 0.03),
        latency_s=source.uniform(0.0, 0.12),
    )


def _lit(subject: Subject, image: Image, mesh: Mesh, seed: int) -> Showing:
    """Somebody or something before the door's lamps; all subjects of one seed stand in the same light and place."""
    source = random.Random(seed)  # noqa: S311 (a simulated visitor is not a secret)
    conditions = draw_conditions(source)
    posture = Posture(yaw_deg=source.uniform(-8.0, 8.0), distance_mm=source.uniform(450.0, 750.0))
    cameras: list[LampCamera] = []

    def frames() -> Iterator[Seen]:
        lit = light_up(image, mesh, subject=subject, posture=posture, conditions=conditions)
        cameras[:] = [LampCamera(lit, conditions=conditions, seed=seed)]
        for t_s in moments(SIMULATED_FRAMES):
            at, picture, _ = cameras[0].shoot(t_s)
            yield at, picture

    def flash(code: LightCode, now: float) -> float:
        return cameras[0].flash(code, now)

    species = BONA_FIDE if subject is Subject.FACE else subject.value
    return Showing(species, f"{subject.value}-{seed}", frames, flashed=flash)


def _attack(species: str, image: Image, mesh: Mesh, seed: int) -> Iterator[Seen]:
    from device.measure.simulate.print_attack import PrintAttack, crop_to_face
    from device.measure.simulate.replay import ReplayAttack
    from device.measure.simulate.sheet import wave

    shown: Callable[[float], Image]
    if species == "flat_print":
        shown = PrintAttack(crop_to_face(image, mesh), wave(seed), seed=seed).frame_at
    elif species == "bent_print":
        shown = PrintAttack(crop_to_face(image, mesh), wave(seed, bend_deg=40.0, flex_deg=20.0), seed=seed).frame_at
    else:
        recording = _recording(image, mesh, seed)
        shown = recording if species == "injected_recording" else ReplayAttack(recording, seed=seed).frame_at
    for t_s in moments(SIMULATED_FRAMES):
        yield t_s, shown(t_s)


def _recording(image: Image, mesh: Mesh, seed: int) -> Callable[[float], Image]:
    from device.measure.simulate.posture import walk_up
    from device.measure.simulate.puppet import Puppet, PuppetVisitor

    return PuppetVisitor(Puppet(image, mesh, seed=seed), walk_up(seed, walk_s=0.5)).frame_at


def _captured(file: Path, species: str, keys: KeyFolder) -> Showing:
    live = read_live(file, keys)
    if live.species != species:
        raise CaptureUnreadableError(f"{file}: it was captured as {live.species} and lies under {species}")
    return Showing(species, file.name, partial(read_frames, file, keys), outcome=live.outcome)


def moments(count: int) -> Iterator[float]:
    """The times of so many simulated frames, in seconds."""
    return (number / RATE_HZ for number in range(count))


def _play(file: Path) -> Iterator[Seen]:
    """The frames of a video, thinned to about RATE_HZ."""
    import cv2

    capture = cv2.VideoCapture(str(file))
    if not capture.isOpened():
        raise VideoUnreadableError(f"{file}: not a video that can be decoded")
    told_hz = capture.get(cv2.CAP_PROP_FPS)
    own_rate_hz = told_hz if 0 < told_hz < 1000 else RATE_HZ
    step = max(1, round(own_rate_hz / RATE_HZ))
    number = 0
    while capture.grab():
        if number % step == 0:
            is_decoded, image = capture.retrieve()
            if is_decoded and image is not None:
                yield number / own_rate_hz, np.asarray(image, np.uint8)
        number += 1
    capture.release()


def _hold(file: Path) -> Iterator[Seen]:
    from device.vision.photo import read_photo

    image = read_photo(file)
    return ((t_s, image) for t_s in moments(STILL_FRAMES))
