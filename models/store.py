"""The folder of installed networks, and the only way to open one.

    files/            the originals, under the manifest's names; the folder can serve another device as a mirror
    builds/           what was converted and quantised from them on this machine
    installed.json    which profile is installed, the digest of each build, which build runs and why; and the same of
                      template networks that are kept beside it while a site moves from one to another

`installed.json` is written last and replaced whole, so an interrupted installation leaves the one before it in force.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Annotated

import msgspec
from msgspec import Meta

from models.card import ModelCard
from models.digest import require_digest, sha256_of
from models.errors import ModelMissingError, StoreError
from models.manifest import Manifest, Network, Precision, Role, Sha256, read_manifest
from models.recipe import recipe_of
from models.runtimes import open_session
from models.session import InferenceSession, RuntimeOptions

FORMAT = 1
INSTALL_COMMAND = "lintel models install"
PARTIAL_PREFIX = ".partial-"  # of everything temporary; what a power cut left is removed by the next installation


class Artefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file that a runtime loads."""

    path: Annotated[str, Meta(pattern=r"^(files|builds)/[A-Za-z0-9][A-Za-z0-9._-]*$")]  # inside the store
    sha256: Sha256
    size: int  # bytes


class InstalledNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was built of one network on this machine, and which build runs."""

    recipe: Sha256  # digest of everything the builds were made from
    builds: dict[Precision, Artefact]
    timed_with: str  # the runtime options
    times_ms: dict[Precision, float]  # median of one inference
    agreement: float | None = None  # cosine between float and int8 outputs; None without an int8 build
    chosen: Precision
    reason: str


class Inventory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`installed.json`."""

    format: int = FORMAT
    profile: str
    networks: dict[str, InstalledNetwork]
    kept: dict[str, InstalledNetwork] = {}  # template networks of other profiles, for references made with them

    @property
    def every_network(self) -> dict[str, InstalledNetwork]:
        """Those of the profile and those that are kept."""
        return {**self.kept, **self.networks}


@dataclass(frozen=True, slots=True)
class ModelStore:
    """A folder of installed networks."""

    root: Path
    manifest: Manifest = field(default_factory=read_manifest, repr=False)

    def installed(self) -> Installed:
        """What is installed. Raises ModelMissingError when nothing is, or when it was made for another manifest, and
        StoreError when the folder cannot be read.
        """
        inventory = self.read_inventory()
        if inventory is None:
            raise ModelMissingError(f"no networks are installed in {self.root}; run `{INSTALL_COMMAND}`")
        return Installed(self, inventory)

    def read_inventory(self) -> Inventory | None:
        """`installed.json`, or None where there is none. Raises StoreError when it cannot be read."""
        file = self.root / "installed.json"
        try:
            inventory = msgspec.json.decode(file.read_bytes(), type=Inventory)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{file}: {error.strerror or error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StoreError(f"{file} is damaged ({error}); remove it and run `{INSTALL_COMMAND}`") from error
        if inventory.format != FORMAT:
            raise StoreError(f"{file} was written by another version of Lintel; run that version, or remove the file")
        return inventory

    def write_inventory(self, inventory: Inventory) -> None:
        """Put `inventory` in force. Raises StoreError."""
        self.write("installed.json", msgspec.json.format(msgspec.json.encode(inventory), indent=2))

    def read(self, artefact: Artefact) -> bytes:
        """The verified content. Raises ModelMissingError when the file is gone, DigestError when it has changed."""
        file = self.root / artefact.path
        try:
            content = file.read_bytes()
        except FileNotFoundError as error:
            raise ModelMissingError(f"{file} is gone; run `{INSTALL_COMMAND}`") from error
        except OSError as error:
            raise StoreError(f"{file}: {error.strerror or error}") from error
        require_digest(sha256_of(content), expected=artefact.sha256, name=str(file))
        return content

    def original(self, network: Network) -> bytes:
        """The network's file as its authors published it. Raises ModelMissingError and DigestError as `read` does."""
        return self.read(self.original_artefact(network))

    def original_artefact(self, network: Network) -> Artefact:
        """Where the network's own file is kept, and its digest."""
        wanted = self.manifest.file_of(network)
        return Artefact(path=f"files/{network.file}", sha256=wanted.sha256, size=wanted.size)

    def has_original(self, network: Network) -> bool:
        """Whether a file of that name is kept; its digest is verified when it is read."""
        return (self.root / "files" / network.file).is_file()

    def write(self, path: str, content: bytes) -> Artefact:
        """Store `content` whole and durably, or not at all. Raises StoreError, such as for a full disk."""
        target = self.root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(prefix=PARTIAL_PREFIX, dir=self.root, delete=False) as partial:
                try:
                    partial.write(content)
                    partial.flush()
                    os.fsync(partial.fileno())
                    Path(partial.name).chmod(0o644)
                    Path(partial.name).replace(target)
                except BaseException:
                    Path(partial.name).unlink(missing_ok=True)
                    raise
            _sync_folder(target.parent)
        except OSError as error:
            raise StoreError(f"{target}: {error.strerror or error}") from error
        return Artefact(path=path, sha256=sha256_of(content), size=len(content))

    def remove_unused(self, inventory: Inventory) -> None:
        """Remove builds that `inventory` does not know. Raises StoreError."""
        used = {artefact.path for entry in inventory.every_network.values() for artefact in entry.builds.values()}
        with self._translated_errors():
            for file in (self.root / "builds").glob("*"):
                if f"builds/{file.name}" not in used:
                    file.unlink()

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A folder inside the store for what is only needed while installing; gone afterwards, whatever happens.

        What an installation left that was cut off by a power failure is removed first. Raises StoreError.
        """
        with self._translated_errors():
            for leftover in self.root.glob(f"{PARTIAL_PREFIX}*"):
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()
            folder = TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=self.root)
        with folder as path:
            yield Path(path)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{error.filename or self.root}: {error.strerror or error}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other installations out. Raises StoreError when one is busy here, or when the folder cannot be made."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("ab")
        except OSError as error:
            raise StoreError(f"{self.root}: {error.strerror or error}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(f"another installation is busy in {self.root}") from error
            yield


@dataclass(frozen=True, slots=True)
class Installed:
    """The networks of one profile, ready to be opened."""

    store: ModelStore
    inventory: Inventory = field(repr=False)

    @property
    def profile(self) -> str:
        """The name of the profile in force."""
        return self.inventory.profile

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """Every installed network, in the order of the profile. Raises ModelMissingError as `card` does."""
        return tuple(self._card(name) for name in self.inventory.networks)

    @property
    def kept_cards(self) -> tuple[ModelCard, ...]:
        """The template networks that are kept beside the profile. Raises ModelMissingError as `card` does."""
        return tuple(self._card(name) for name in self.inventory.kept)

    @property
    def artefacts(self) -> tuple[Artefact, ...]:
        """Every file that a network loads, of the profile or kept beside it."""
        return tuple(artefact for entry in self.inventory.every_network.values() for artefact in entry.builds.values())

    def card(self, role: Role) -> ModelCard | None:
        """The network for `role`; None where the installed profile has none.

        Raises ModelMissingError when it was installed for another manifest than this version's.
        """
        name = self._name(role)
        return None if name is None else self._card(name)

    def kept_card(self, model_id: str) -> ModelCard:
        """The kept template network whose templates are of `model_id`. Raises ModelMissingError when it is not kept."""
        for card in self.kept_cards:
            if card.model_id == model_id:
                return card
        raise ModelMissingError(
            f"the template network {model_id} is not kept on this device; "
            f"run `{INSTALL_COMMAND} --profile {self.profile} --keep-template {model_id}`"
        )

    def open(self, role: Role, options: RuntimeOptions) -> InferenceSession:
        """Load the build that runs here, from bytes whose digest has been verified.

        Raises ModelMissingError where nothing is installed for `role`, DigestError when the file has changed since,
        RuntimeMissingError and InferenceError as `models.runtimes.open_session` does.
        """
        name = self._name(role)
        if name is None:
            raise ModelMissingError(f"the profile {self.profile} has no network for {role}; run `{INSTALL_COMMAND}`")
        return self.open_build(name, self._card(name).precision, options)

    def open_build(self, name: str, precision: Precision, options: RuntimeOptions) -> InferenceSession:
        """Load one build of the network `name`, whether or not it is the one that runs. Raises as `open` does."""
        builds = self.inventory.every_network[name].builds
        if precision not in builds:
            raise ModelMissingError(f"{name} is not installed in {precision}")
        model = self.store.read(builds[precision])
        return open_session(model, network=self.store.manifest.networks[name], options=options)

    def _name(self, role: Role) -> str | None:
        known = self.store.manifest.networks
        return next((name for name in self.inventory.networks if name in known and known[name].role == role), None)

    def _card(self, name: str) -> ModelCard:
        entry = self.inventory.every_network[name]
        network = self.store.manifest.networks.get(name)
        if network is None or entry.recipe != recipe_of(network, self.store.manifest):
            raise ModelMissingError(f"{name} was installed by another version of Lintel; run `{INSTALL_COMMAND}`")
        return ModelCard(name, network, entry.chosen, entry.builds[entry.chosen].sha256, entry.reason)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut (fsync(2): a new entry needs its folder synced too)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems, such as vfat on a stick, cannot sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
