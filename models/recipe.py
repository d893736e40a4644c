"""What a build is made from, as one digest: when it changes, the build has to be made again."""

from __future__ import annotations

import hashlib

import msgspec

from models.manifest import Manifest, Network
from models.range_table import read_range_bytes

MAKER = 2  # raised whenever the converters or the quantiser would make other bytes of the same things


def recipe_of(network: Network, manifest: Manifest) -> str:
    """The sha256 of everything that decides the bytes of the network's builds. Raises ManifestError."""
    is_made_here = network.conversion != "none" or network.int8_build is not None
    parts = (
        MAKER if is_made_here else 0,
        manifest.file_of(network).sha256,
        network.model_id,
        network.runtime,
        network.conversion,
        network.input,
        network.outputs,
    )
    digest = hashlib.sha256(msgspec.json.encode(parts))
    if network.int8_build is not None:
        digest.update(msgspec.json.encode(network.int8_build.float_nodes))
        digest.update(read_range_bytes(network.int8_build.ranges))
    return digest.hexdigest()
