"""The composition root: builds finished objects from settings and passes them in. Nothing else wires anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from device.clock import Clock
from device.config import PolicySettings, RecognitionSettings, Settings
from device.policy.decide import Policy, decide
from device.policy.lockout import Lockout, LockoutSettings
from device.policy.rules import RuleSettings, door_rules
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.ports import Audit, Door, Lamps
from device.stopwatch import Stopwatch
from device.threads import limit_opencv_threads
from device.types import Decision, Evidence, ModelId
from models.card import ModelCard
from models.errors import ModelMissingError
from models.manifest import Role
from models.session import RuntimeOptions
from models.store import Installed, ModelStore

if TYPE_CHECKING:  # these import OpenCV and SQLite, which `lintel --help` does not need
    from device.collection.gallery import Gallery
    from device.liveness.texture import TexturePair
    from device.loop import DoorLoop, Vision
    from device.second_factor import Inquiry, Keypad
    from device.vision.detect import BlazeFaceDetector
    from device.vision.enrolment import StillExtractor
    from device.vision.mesh import FaceMeshFitter
    from device.vision.template import AlignedExtractor


@dataclass(frozen=True, slots=True)
class Appliance:
    """A finished door: the loop and what it works on. It is closed by leaving `open_appliance`."""

    loop: DoorLoop
    gallery: Gallery
    audit: Audit
    installed: Installed
    stopwatch: Stopwatch
    lockout: Lockout = field(default_factory=Lockout)


@dataclass(frozen=True, slots=True)
class Fittings:
    """What a door may have besides its lock."""

    lamps: Lamps | None = None  # None: no emitters, or none that liveness uses
    keypad: Keypad | None = None  # None: nobody is asked for a PIN, so whoever would need one is denied


@contextlib.contextmanager
def open_appliance(
    settings: Settings, *, clock: Clock, door: Door, audit: Audit, fittings: Fittings | None = None
) -> Iterator[Appliance]:
    """Everything between camera and door, ready to observe frames.

    The caller owns `door` and `audit`: a bench may watch without a lock, a test may count what was recorded. Raises
    ModelError when networks are missing or changed, CollectionError when the file cannot be used,
    TargetUnreachableError when the model cannot meet `target_fpir` with the people enrolled.
    """
    from device.collection.gallery import Gallery
    from device.loop import DoorLoop, Surroundings
    from device.recovery import open_or_recover
    from device.second_factor import NoInquiry, listening
    from device.vision.warmup import warm_up

    stopwatch, fittings = Stopwatch(), fittings or Fittings()
    installed = ModelStore(settings.models_folder).installed()
    vision = build_vision(settings, installed, stopwatch)
    warm_up(vision.gate, vision.extractor, vision.texture)
    files = (settings.collection_file, settings.audit_file)
    with contextlib.ExitStack() as stack:
        collection = stack.enter_context(open_or_recover(files[0], log=files[1], audit=audit, clock=clock))
        gallery = Gallery(collection, thresholds=build_thresholds(settings, installed))
        inquiry = None if fittings.keypad is None else build_inquiry(settings, fittings.keypad, door=door, clock=clock)
        surroundings = Surroundings(
            gallery=gallery,
            decide=build_decide(settings, installed),
            audit=audit,
            door=door,
            clock=clock,
            clock_is_trusted=partial(is_after, clock, settings.policy),
            lamps=fittings.lamps,
            lockout=build_lockout(settings),
            inquiry=inquiry or NoInquiry(),
        )
        loop = DoorLoop(
            vision,
            surroundings,
            recognition=with_constancy(settings.recognition, template_card(installed)),
            liveness=settings.liveness,
            stopwatch=stopwatch,
        )
        if inquiry is not None:
            stack.enter_context(listening(inquiry))
        yield Appliance(loop, gallery, audit, installed, stopwatch, surroundings.lockout)


def build_vision(settings: Settings, installed: Installed, stopwatch: Stopwatch) -> Vision:
    """The stages that look at a frame."""
    from device.camera.checks import StreamGuard
    from device.loop import Vision
    from device.vision.quality import QualityGate
    from device.vision.track import FaceTracker

    limit_opencv_threads(settings.runtime.threads)
    options = runtime_options(settings)
    detector = build_detector(settings, installed, Role.DETECTOR)
    tracker = FaceTracker(detector, build_fitter(settings, installed), settings.detection, stopwatch)
    texture = build_texture(installed, options) if settings.liveness.use_texture else None
    guard = StreamGuard(rate_hz=settings.camera.rate_hz)
    return Vision(tracker, QualityGate(settings.quality), build_extractor(installed, options), texture, guard=guard)


def build_photo_extractor(settings: Settings) -> StillExtractor:
    """What turns an enrolment photo into a template, with the gates of the door.

    Raises ModelError when networks are missing or changed.
    """
    from device.vision.enrolment import StillExtractor
    from device.vision.quality import QualityGate

    installed = ModelStore(settings.models_folder).installed()
    roles = [role for role in (Role.DETECTOR, Role.DETECTOR_FAR) if installed.card(role) is not None]
    return StillExtractor(
        tuple(build_detector(settings, installed, role) for role in roles),
        build_fitter(settings, installed),
        QualityGate(settings.quality),
        build_extractor(installed, runtime_options(settings)),
    )


def build_detector(settings: Settings, installed: Installed, role: Role) -> BlazeFaceDetector:
    """BlazeFace of short or full range, as `role` says."""
    from device.vision.detect import FULL_RANGE, SHORT_RANGE, BlazeFaceDetector

    return BlazeFaceDetector(
        installed.open(role, runtime_options(settings)),
        layout=FULL_RANGE if role is Role.DETECTOR_FAR else SHORT_RANGE,
        min_score=settings.detection.min_score,
    )


def build_fitter(settings: Settings, installed: Installed) -> FaceMeshFitter:
    """The face mesh."""
    from device.vision.mesh import FaceMeshFitter

    return FaceMeshFitter(installed.open(Role.MESH, runtime_options(settings)))


def build_extractor(installed: Installed, options: RuntimeOptions) -> AlignedExtractor:
    """The template network that is installed."""
    from device.vision.template import AlignedExtractor

    return AlignedExtractor(installed.open(Role.TEMPLATE, options), template_card(installed))


def build_texture(installed: Installed, options: RuntimeOptions) -> TexturePair | None:
    """The texture networks, or None where the installed profile has none: liveness then needs motion."""
    from device.liveness.texture import MiniFasNet, TexturePair

    cards = [card for role in (Role.TEXTURE_NEAR, Role.TEXTURE_FAR) if (card := installed.card(role)) is not None]
    if not cards:
        return None
    if len(cards) != 2:
        raise ModelMissingError(f"profile {installed.profile} has half of the texture pair; install the models again")
    return TexturePair(*(MiniFasNet(installed.open(card.role, options), card) for card in cards))


def build_thresholds(settings: Settings, installed: Installed) -> ThresholdPolicy:
    """How thresholds follow from `target_fpir` and what was measured of the installed template network."""
    card = template_card(installed)
    points = tuple(OperatingPoint(point.fmr, point.threshold) for point in card.operating_points)
    goals = settings.recognition
    return ThresholdPolicy(ModelId(card.model_id), points, goals.target_fpir, goals.max_fmr)


def build_decide(settings: Settings, installed: Installed) -> Callable[[Evidence], Decision]:
    """The door's rules, as one question. `min_margin` is in MobileFaceNet's scores; other networks spread less."""
    rules = door_rules(
        RuleSettings(
            freshness_s=settings.policy.freshness_s,
            min_margin=settings.recognition.min_margin * template_card(installed).margin_scale,
            min_frames=settings.recognition.min_frames,
            clock_must_be_after=earliest_time(settings.policy),
            second_factor_groups=settings.policy.second_factor_groups,
        )
    )
    return partial(decide, policy=Policy(rules, settings.door.release_for_s))


def with_constancy(settings: RecognitionSettings, card: ModelCard) -> RecognitionSettings:
    """`min_constancy` is in MobileFaceNet's scores; no network may use less than its score at its highest measured FMR.

    dlib's cosines lie between 0.8 and 1: 0.35 would never notice that another face took the place of the first.
    """
    least = min((point.threshold for point in card.operating_points), default=1.0)
    return replace(settings, min_constancy=max(settings.min_constancy, least))


def build_inquiry(settings: Settings, keypad: Keypad, *, door: Door, clock: Clock) -> Inquiry:
    """Asking for PINs, over a connection to the collection of its own for every try."""
    from device.collection.store import open_existing_collection
    from device.second_factor import Inquiry

    return Inquiry(
        keypad,
        partial(open_existing_collection, settings.collection_file),
        door=door,
        clock=clock,
        within_s=settings.policy.second_factor_within_s,
    )


def build_lockout(settings: Settings) -> Lockout:
    """What slows the door down for those who try again and again."""
    section = settings.lockout
    return Lockout(
        LockoutSettings(
            max_denials=section.max_denials,
            window_s=section.window_s,
            pause_s=section.pause_s,
            pause_at_most_s=section.pause_at_most_s,
        )
    )


def template_card(installed: Installed) -> ModelCard:
    """The template network. Raises ModelMissingError where none is installed."""
    card = installed.card(Role.TEMPLATE)
    if card is None:
        raise ModelMissingError(f"profile {installed.profile} has no template network")
    return card


def runtime_options(settings: Settings) -> RuntimeOptions:
    """How networks may use this machine."""
    runtime = settings.runtime
    return RuntimeOptions(threads=runtime.threads, providers=runtime.providers, delegate=runtime.delegate or None)


def earliest_time(settings: PolicySettings) -> datetime:
    """The civil time before which a clock is not to be trusted."""
    return datetime.combine(settings.clock_must_be_after, time(), UTC)


def is_after(clock: Clock, settings: PolicySettings) -> bool:
    """Whether the civil clock shows a time that can be right."""
    return clock.now() >= earliest_time(settings)
