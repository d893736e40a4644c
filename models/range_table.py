"""Range tables: the smallest and largest value that each tensor of a network takes, measured on photos of faces.

A table is a few kilobytes of JSON in `models/ranges/`. With it a device quantises a network without any photo. How a
table is made is told in `models.quantize`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.errors import ManifestError

RANGES_FOLDER = Path(__file__).with_name("ranges")


class RangeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The measured ranges of one float network."""

    model_id: str
    source: str  # what was shown to the network
    inputs: int  # how many
    ranges: dict[str, tuple[float, float]]  # tensor -> smallest and largest value

    def __post_init__(self) -> None:
        for tensor, (low, high) in self.ranges.items():
            if not low <= high:
                raise ValueError(f"the range of {tensor} is upside down")


def read_range_bytes(name: str) -> bytes:
    """The table `name` as it is committed. Raises ManifestError when it does not ship."""
    file = RANGES_FOLDER / name
    try:
        return file.read_bytes()
    except OSError as error:
        raise ManifestError(f"{file}: {error.strerror or error}") from error


def read_ranges(name: str) -> RangeTable:
    """The table `name`. Raises ManifestError when it does not ship or is damaged."""
    try:
        return msgspec.json.decode(read_range_bytes(name), type=RangeTable)
    except msgspec.DecodeError as error:
        raise ManifestError(f"the range table {name} cannot be accepted: {error}") from error


def encode_ranges(table: RangeTable) -> bytes:
    """The table as it is committed: one line per tensor, values rounded to five digits."""
    rounded = {tensor: tuple(float(f"{value:.5g}") for value in pair) for tensor, pair in table.ranges.items()}
    head = msgspec.json.format(
        msgspec.json.encode({"model_id": table.model_id, "source": table.source, "inputs": table.inputs}), indent=2
    ).rstrip(b"\n}")
    lines = b",\n".join(
        b"    " + msgspec.json.encode(tensor) + b": " + msgspec.json.encode(pair) for tensor, pair in rounded.items()
    )
    return head + b',\n  "ranges": {\n' + lines + b"\n  }\n}\n"
