"""What a build is made from, as one digest: when it changes, the build has to be made again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from models.errors import ManifestError
from models.manifest import Manifest, Network

MAKER = 1  # raised whenever the converters or the quantiser would make other bytes of the same things
RANGES_FOLDER = Path(__file__).with_name("ranges")


def recipe_of(network: Network, manifest: Manifest) -> str:
    """The sha256 of everything that decides the bytes of the network's builds. Raises ManifestError."""
    parts = (
        MAKER,
        manifest.file_of(network).sha256,
        network.model_id,
        network.runtime,
        network.conversion,
        network.input,
        network.outputs,
    )
    return hashlib.sha256(msgspec.json.encode(parts) + read_ranges(network)).hexdigest()


def read_ranges(network: Network) -> bytes:
    """The calibrated range table of the network's int8 build, as it is committed; empty where it has none.

    Raises ManifestError when the manifest names a table that does not ship.
    """
    if network.int8_build is None:
        return b""
    file = RANGES_FOLDER / network.int8_build.ranges
    try:
        return file.read_bytes()
    except OSError as error:
        raise ManifestError(f"{file}: {error.strerror or error}") from error
