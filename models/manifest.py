"""What every network is, read from `manifest.toml`: the only list of model files.

The manifest ships with the code, so a mistake in it raises ManifestError at the first use, never a guess later on.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from models.errors import ManifestError

MANIFEST_FILE = Path(__file__).with_name("manifest.toml")

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # never a path: it names a file in a folder
Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
Colour = Annotated[float, Meta(ge=-1024.0, le=1024.0)]

PINNED = re.compile(r"^https://.*/[0-9a-f]{40}/")  # a commit is content; a branch or a tag may move


class Role(StrEnum):
    """What a network does in the appliance."""

    DETECTOR = "detector"
    DETECTOR_FAR = "detector_far"  # optional: smaller faces, at more than twice the time
    MESH = "mesh"
    TEMPLATE = "template"
    TEXTURE_NEAR = "texture_near"
    TEXTURE_FAR = "texture_far"


class Precision(StrEnum):
    """Which build of a network."""

    FLOAT = "float"
    INT8 = "int8"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything in the manifest: immutable, and unknown keys are errors."""


class Archive(Entry, frozen=True, kw_only=True):
    """A wheel or sdist of a package index, fetched with `pip download` and never installed."""

    package: str
    version: str
    file: FileName
    form: Literal["wheel", "sdist"]
    sha256: Sha256
    size: Annotated[int, Meta(gt=0)]  # bytes
    platform: str = ""  # the wheel's platform tag, so that any host fetches the same file; empty: pure Python
    python: str = ""  # the wheel's Python version, such as 311; goes with `platform`


class Member(Entry, frozen=True, kw_only=True, tag="member", tag_field="kind"):
    """A source: one file inside an archive."""

    archive: str  # key of [archives]
    member: str  # its path inside


class Url(Entry, frozen=True, kw_only=True, tag="https", tag_field="kind"):
    """A source: an https address whose path holds a 40-digit commit."""

    url: str


Source: TypeAlias = Member | Url


class ModelFile(Entry, frozen=True, kw_only=True):
    """One file as its authors published it."""

    sha256: Sha256
    size: Annotated[int, Meta(gt=0)]  # bytes
    licence: str  # SPDX identifier
    licence_source: str  # where that is written
    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]  # tried in order


class InputSpec(Entry, frozen=True, kw_only=True):
    """What a network wants to see: float32 = (x - mean) / std, with x in 0…255 per channel in `colour` order."""

    name: str
    shape: Annotated[tuple[int, ...], Meta(min_length=4, max_length=4)]
    layout: Literal["NHWC", "NCHW"]
    colour: Literal["RGB", "BGR"]
    mean: tuple[Colour, Colour, Colour]  # in 0…255, in `colour` order
    std: tuple[Colour, Colour, Colour]

    @property
    def width_px(self) -> int:
        """Columns of the input picture."""
        return self.shape[2] if self.layout == "NHWC" else self.shape[3]

    @property
    def height_px(self) -> int:
        """Rows of the input picture."""
        return self.shape[1] if self.layout == "NHWC" else self.shape[2]


class OutputSpec(Entry, frozen=True, kw_only=True):
    """One output tensor, float32."""

    name: str
    shape: tuple[int, ...]
    meaning: str


class OperatingPoint(Entry, frozen=True, kw_only=True):
    """What a threshold on the comparison score means, as measured."""

    fmr: Annotated[float, Meta(gt=0.0, lt=1.0)]  # false match rate of one comparison
    threshold: Annotated[float, Meta(ge=-1.0, le=1.0)]  # cosine similarity
    fnmr: Ratio | None = None  # false non-match rate; absent where it was not measured


class Alignment(Entry, frozen=True, kw_only=True):
    """How a face is laid out in the input: a similarity transform of mesh points onto targets, border replicated."""

    mesh_points: tuple[tuple[int, ...], ...]  # each the mean of these FaceMesh indices
    targets_px: tuple[tuple[float, float], ...]  # x and y in the input image
    source: str

    def __post_init__(self) -> None:
        if len(self.mesh_points) != len(self.targets_px):
            raise ValueError("alignment needs as many targets as mesh points")


class Build(Entry, frozen=True, kw_only=True):
    """What was measured of one precision of a network."""

    source: str  # how the figures were measured
    operating_points: tuple[OperatingPoint, ...] = ()  # of a template network, by falling fmr

    def __post_init__(self) -> None:
        rates = [point.fmr for point in self.operating_points]
        scores = [point.threshold for point in self.operating_points]
        if rates != sorted(rates, reverse=True) or scores != sorted(scores):
            raise ValueError("operating points must fall in fmr and rise in threshold")


class Int8Build(Build, frozen=True, kw_only=True):
    """The int8 build: how it is made, and whether its measured loss lets it be used."""

    ranges: FileName  # of `models/ranges/`
    float_nodes: tuple[str, ...] = ()  # operators that stay float, where integers cost accuracy and gain little time
    loss: Ratio  # measured by us; what it counts is in `loss_of`
    max_loss: Ratio  # the accuracy bound
    loss_of: str
    min_agreement: Ratio = 0.9  # cosine between float and int8 outputs on the probe, measured on the device itself

    @property
    def is_allowed(self) -> bool:
        """Whether the measured loss is inside the bound."""
        return self.loss <= self.max_loss


class Network(Entry, frozen=True, kw_only=True):
    """One network: its file, how it becomes something that runs, and what it takes and gives."""

    role: Role
    model_id: str  # names the space of its outputs: the same for float and int8
    file: FileName  # key of [files]
    runtime: Literal["onnx", "litert", "fake"]
    conversion: Literal["none", "dlib-resnet", "minifasnet"] = "none"
    input: InputSpec
    outputs: Annotated[tuple[OutputSpec, ...], Meta(min_length=1)]
    crop_scale: Annotated[float, Meta(gt=0.0, le=10.0)] | None = None  # the input region is this times the face box
    alignment: Alignment | None = None
    margin_scale: Annotated[float, Meta(gt=0.0, le=10.0)] = 1.0  # of a template network; see ModelCard.margin_scale
    float_build: Build = msgspec.field(name="float")
    int8_build: Int8Build | None = msgspec.field(name="int8", default=None)
    float_only_because: str = ""  # why there is no int8 build

    def build(self, precision: Precision) -> Build:
        """What was measured of `precision`. Raises ManifestError where the manifest has no such build."""
        if precision is Precision.FLOAT:
            return self.float_build
        if self.int8_build is None:
            raise ManifestError(f"{self.model_id} has no int8 build")
        return self.int8_build


class Profile(Entry, frozen=True, kw_only=True):
    """A set of networks that work together."""

    summary: str
    networks: Annotated[tuple[str, ...], Meta(min_length=1)]
    optional: tuple[str, ...] = ()  # installed where their files can be had; nothing waits for them
    weaker: str = ""  # what a door gives up with this profile, in one paragraph


class Manifest(Entry, frozen=True, kw_only=True):
    """The whole list."""

    archives: dict[str, Archive] = {}
    files: dict[FileName, ModelFile]
    networks: dict[str, Network]
    profiles: dict[str, Profile]

    def networks_of(self, profile: str) -> dict[str, Network]:
        """The networks that `profile` must have, by name. Raises ManifestError for a profile that is not listed."""
        return {name: self.networks[name] for name in self.profile(profile).networks}

    def optional_networks_of(self, profile: str) -> dict[str, Network]:
        """The networks that `profile` may have, by name. Raises ManifestError for a profile that is not listed."""
        return {name: self.networks[name] for name in self.profile(profile).optional}

    def network(self, name: str) -> Network:
        """The network of that name. Raises ManifestError when it is not listed."""
        if name not in self.networks:
            raise ManifestError(f"there is no network {name!r}; there are: {', '.join(self.networks)}")
        return self.networks[name]

    def template_network(self, name_or_id: str) -> str:
        """The name of the template network with that name or model id. Raises ManifestError when there is none."""
        named = {name: network for name, network in self.networks.items() if network.role is Role.TEMPLATE}
        for name, network in named.items():
            if name_or_id in (name, network.model_id):
                return name
        raise ManifestError(f"there is no template network {name_or_id!r}; there are: {', '.join(named)}")

    def profile(self, name: str) -> Profile:
        """The profile of that name. Raises ManifestError when it is not listed."""
        if name not in self.profiles:
            raise ManifestError(f"there is no profile {name!r}; there are: {', '.join(self.profiles)}")
        return self.profiles[name]

    def file_of(self, network: Network) -> ModelFile:
        """The file behind a network of this manifest."""
        return self.files[network.file]


@cache
def read_manifest(file: Path = MANIFEST_FILE) -> Manifest:
    """Decode and check the manifest. Raises ManifestError with one sentence naming what is wrong."""
    try:
        return decode_manifest(file.read_bytes())
    except OSError as error:
        raise ManifestError(f"{file}: {error.strerror or error}") from error
    except ManifestError as error:
        raise ManifestError(f"{file}: {error}") from error


def decode_manifest(text: bytes) -> Manifest:
    """Decode and check TOML. Raises ManifestError for anything that is not exactly a manifest."""
    try:
        manifest = msgspec.toml.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # ValidationError is a DecodeError
        raise ManifestError(f"the manifest cannot be accepted: {error}") from error
    complaints = [*_dangling(manifest), *_unpinned(manifest), *_double_roles(manifest)]
    if complaints:
        raise ManifestError(f"the manifest cannot be accepted: {'; '.join(complaints)}")
    return manifest


def _dangling(manifest: Manifest) -> list[str]:
    """References to entries that do not exist."""
    networks = [
        (f"profile {name}", network, manifest.networks.keys())
        for name, profile in manifest.profiles.items()
        for network in (*profile.networks, *profile.optional)
    ]
    files = [(f"network {name}", network.file, manifest.files.keys()) for name, network in manifest.networks.items()]
    archives = [
        (f"file {name}", source.archive, manifest.archives.keys())
        for name, file in manifest.files.items()
        for source in file.sources
        if isinstance(source, Member)
    ]
    return [
        f"{who} names {what!r}, which is not listed"
        for who, what, known in networks + files + archives
        if what not in known
    ]


def _unpinned(manifest: Manifest) -> list[str]:
    """Addresses whose content may change."""
    return [
        f"{name}: {source.url} is not an https address with a commit in it"
        for name, file in manifest.files.items()
        for source in file.sources
        if isinstance(source, Url) and not PINNED.match(source.url)
    ]


def _double_roles(manifest: Manifest) -> list[str]:
    """Roles that two networks of one profile would play."""
    complaints = []
    for name, profile in manifest.profiles.items():
        roles = [manifest.networks[n].role for n in (*profile.networks, *profile.optional) if n in manifest.networks]
        complaints += [
            f"profile {name} has two networks for {role}" for role in sorted(set(roles)) if roles.count(role) > 1
        ]
    return complaints
