"""What is measured: finished objects, built as the appliance builds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from device.app import build_detector, build_fitter, runtime_options, template_card
from device.config import Settings
from models.manifest import Precision, Role

if TYPE_CHECKING:  # these import OpenCV
    from device.measure.accuracy import Acquisition
    from device.vision.template import AlignedExtractor
    from models.store import Installed


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
