"""What is measured: finished objects, built as the appliance builds them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from device.app import (
    build_decide,
    build_detector,
    build_extractor,
    build_fitter,
    build_thresholds,
    runtime_options,
    template_card,
)
from device.clock import SystemClock
from device.config import Settings
from device.types import ModelId, Template
from models.manifest import Precision, Role

if TYPE_CHECKING:  # these import OpenCV
    from device.collection.store import Collection
    from device.measure.accuracy import Acquisition
    from device.measure.speed import Stages
    from device.vision.template import AlignedExtractor
    from models.store import Installed

EASY_FPIR = 0.1  # how fast a search is does not depend on the goal, and this one 10,000 references can meet


def build_acquisition(settings: Settings, installed: Installed) -> Acquisition:
    """From a photo file to the mesh of its labelled face. Raises ModelError when a network is missing or changed."""
    from device.measure.accuracy import Acquisition
    from device.vision.photo import read_photo

    roles = [role for role in (Role.DETECTOR, Role.DETECTOR_FAR) if installed.card(role) is not None]
    detectors = [build_detector(settings, installed, role) for role in roles]
    return Acquisition(read_photo, detectors, build_fitter(settings, installed), settings.detection.min_presence)


def build_extractors(
    settings: Settings, installed: Installed, builds: tuple[Precision, ...]
) -> Mapping[str, AlignedExtractor]:
    """The template network in each of `builds`, whether or not it is the one that runs.

    Raises ModelMissingError when one of them was not made on this machine.
    """
    from device.vision.template import AlignedExtractor

    card, options = template_card(installed), runtime_options(settings)
    return {build.value: AlignedExtractor(installed.open_build(card.name, build, options), card) for build in builds}


def builds_of_template_network(installed: Installed) -> tuple[Precision, ...]:
    """The builds that this machine has, the one that runs first."""
    card = template_card(installed)
    made = installed.inventory.networks[card.name].builds
    return tuple(sorted(made, key=lambda build: (build is not card.precision, build)))


@contextlib.contextmanager
def build_stages(settings: Settings, installed: Installed, *, gallery_size: int) -> Iterator[Stages]:
    """The whole path on one thread, with `gallery_size` random people enrolled in a temporary collection.

    Raises ModelError when a network is missing or changed, CollectionError and AuditError when the disk is full.
    """
    import cv2
    from msgspec.structs import replace

    from device.audit.log import AuditLog
    from device.collection.gallery import Gallery
    from device.collection.store import open_collection
    from device.liveness.texture import MiniFasNet
    from device.measure.speed import Stages
    from device.vision.quality import QualityGate

    cv2.setNumThreads(1)
    options = runtime_options(settings)
    easy = replace(settings, recognition=replace(settings.recognition, target_fpir=EASY_FPIR))
    cards = [card for role in (Role.TEXTURE_NEAR, Role.TEXTURE_FAR) if (card := installed.card(role)) is not None]
    with (
        TemporaryDirectory(prefix="lintel-measure-") as folder,
        open_collection(Path(folder) / "collection.db") as collection,
        AuditLog(Path(folder) / "audit.db", clock=SystemClock()) as audit,
    ):
        enrol_random_people(collection, installed, count=gallery_size)
        yield Stages(
            detector=build_detector(settings, installed, Role.DETECTOR),
            fitter=build_fitter(settings, installed),
            gate=QualityGate(settings.quality),
            extractor=build_extractor(installed, options),
            textures=[(card.role.value, MiniFasNet(installed.open(card.role, options), card)) for card in cards],
            liveness=settings.liveness,
            gallery=Gallery(collection, thresholds=build_thresholds(easy, installed)),
            decide=build_decide(settings, installed),
            audit=audit,
        )


def enrol_random_people(collection: Collection, installed: Installed, *, count: int) -> None:
    """Fill a collection with people whose templates are random directions; the same every time."""
    from device.collection.people import Newcomer, Reference, consent_of_nobody

    card, source, at = template_card(installed), np.random.default_rng(0), SystemClock().now()
    vectors = source.normal(size=(count, card.outputs[0].shape[-1])).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with collection.changing():
        for number, vector in enumerate(vectors):
            reference = Reference(Template(vector.copy(), ModelId(card.model_id)))
            name, consent = f"random person {number}", consent_of_nobody(at)
            collection.add_person(Newcomer(name=name, references=[reference], consent=consent), at=at)
