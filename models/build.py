"""From a network's original file to its builds, timed and chosen."""

from __future__ import annotations

from dataclasses import dataclass

from models.benchmark import agreement, make_probes, time_builds
from models.convert import convert
from models.manifest import Network, Precision
from models.runtimes import open_session
from models.session import RuntimeOptions

PROBES = 8


@dataclass(frozen=True, slots=True)
class Builds:
    """What was made of one network on this machine, and how it does here."""

    files: dict[Precision, bytes]
    times_ms: dict[Precision, float]
    agreement: float | None


def make_builds(original: bytes, *, network: Network, options: RuntimeOptions) -> Builds:
    """Convert, quantise, load and time a network, the way `options` will run it.

    Raises WeightsError for an original that cannot be converted, ManifestError when its range table does not fit, and
    RuntimeMissingError or InferenceError when a build does not run here.
    """
    files = {Precision.FLOAT: convert(original, network=network)}
    if network.int8_build is not None:
        from models.quantize import quantize

        files[Precision.INT8] = quantize(files[Precision.FLOAT], network=network)
    sessions = {precision: open_session(model, network=network, options=options) for precision, model in files.items()}
    probes = make_probes(network.input, count=PROBES)
    agreed = agreement(sessions, probes=probes) if len(sessions) > 1 else None
    return Builds(files, time_builds(sessions, probe=probes[0]), agreed)
