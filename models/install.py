"""Putting the networks of a profile on this machine: fetch, verify, convert, quantise, time, choose, record."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from models.build import make_builds
from models.choice import choose_build
from models.errors import DigestError, DownloadError, ModelMissingError
from models.manifest import Network, Precision
from models.progress import Progress, ignore_progress
from models.recipe import recipe_of
from models.sources import Fetcher
from models.store import PARTIAL_PREFIX, Artefact, InstalledNetwork, Inventory, ModelStore

DEFAULT_PROFILE = "standard"
FALLBACK_PROFILE = "pip-only"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an installation did."""

    profile: str
    made: tuple[str, ...]  # networks that were fetched and built; empty when everything was there
    notes: tuple[str, ...]  # what whoever installs should know, one sentence or paragraph each


@dataclass(frozen=True, slots=True)
class Installer:
    """Installs profiles into one store."""

    store: ModelStore
    mirrors: Sequence[Path] = ()
    progress: Progress = field(default=ignore_progress, repr=False)

    def install(self, profile: str) -> Outcome:
        """Put `profile` in force. Nothing is fetched or built that is already there, and nothing changes on failure.

        Raises DownloadError, DigestError and WeightsError for a file that cannot be had or used, StoreError for the
        folder, RuntimeMissingError and InferenceError when a network does not run here.
        """
        manifest = self.store.manifest
        with self.store.locked():
            self._sweep()
            before = self.store.read_inventory()
            known = {} if before is None else dict(before.networks)
            with TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=self.store.root) as folder:
                fetcher = Fetcher(manifest, Path(folder), self.mirrors, self.progress)
                run = _Run(self.store, fetcher, known)
                for name, network in manifest.networks_of(profile).items():
                    run.settle(name, network)
                for name, network in manifest.optional_networks_of(profile).items():
                    run.settle_if_possible(name, network)
            after = Inventory(profile=profile, networks=run.settled)
            if after != before:
                self.store.write_inventory(after)
                self._remove_unused(after)
            return Outcome(profile, tuple(run.made), tuple(run.notes))

    def install_or_fall_back(self) -> Outcome:
        """Install the standard profile, or the weaker one where the standard profile's files cannot be had.

        A fallback that is in force stays in force, without asking the network again, until `install` names the
        standard profile or a mirror has what it needs: another template network would forget everybody enrolled.
        Raises as `install` does.
        """
        weaker = self.store.manifest.profile(FALLBACK_PROFILE).weaker
        before = self.store.read_inventory()
        if before is not None and before.profile == FALLBACK_PROFILE:
            outcome = self.install(FALLBACK_PROFILE)
            return Outcome(outcome.profile, outcome.made, (*outcome.notes, weaker))
        try:
            return self.install(DEFAULT_PROFILE)
        except DownloadError as error:
            outcome = self.install(FALLBACK_PROFILE)
            note = f"The {DEFAULT_PROFILE} profile could not be installed: {error}."
            return Outcome(outcome.profile, outcome.made, (note, *outcome.notes, weaker))

    def _sweep(self) -> None:
        """Remove what an installation that was cut off by a power failure left."""
        for leftover in self.store.root.glob(f"{PARTIAL_PREFIX}*"):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def _remove_unused(self, inventory: Inventory) -> None:
        """Remove builds that no network runs any more."""
        used = {artefact.path for entry in inventory.networks.values() for artefact in entry.builds.values()}
        for file in (self.store.root / "builds").glob("*"):
            if f"builds/{file.name}" not in used:
                file.unlink()


class _Run:
    """One installation under way."""

    def __init__(self, store: ModelStore, fetcher: Fetcher, known: dict[str, InstalledNetwork]) -> None:
        self.settled: dict[str, InstalledNetwork] = {}
        self.made: list[str] = []
        self.notes: list[str] = []
        self._store = store
        self._fetcher = fetcher
        self._known = known

    def settle(self, name: str, network: Network) -> None:
        """Make sure that `name` is here and intact."""
        entry = self._known.get(name)
        if entry is None or entry.recipe != recipe_of(network, self._store.manifest) or not self._is_intact(entry):
            entry = self._make(name, network)
            self.made.append(name)
        choice = choose_build(network, times_ms=entry.times_ms, agreement=entry.agreement)
        self.settled[name] = InstalledNetwork(
            recipe=entry.recipe,
            builds=entry.builds,
            times_ms=entry.times_ms,
            agreement=entry.agreement,
            chosen=choice.precision,
            reason=choice.reason,
        )

    def settle_if_possible(self, name: str, network: Network) -> None:
        try:
            self.settle(name, network)
        except DownloadError as error:
            self.notes.append(f"The optional network {name} is left out: {error}.")

    def _is_intact(self, entry: InstalledNetwork) -> bool:
        try:
            for artefact in entry.builds.values():
                self._store.read(artefact)
        except (ModelMissingError, DigestError):
            return False
        return True

    def _make(self, name: str, network: Network) -> InstalledNetwork:
        original = self._original(network)
        builds = make_builds(original, network=network)
        artefacts = {
            precision: self._keep(name, network, precision=precision, content=content)
            for precision, content in builds.files.items()
        }
        return InstalledNetwork(
            recipe=recipe_of(network, self._store.manifest),
            builds=artefacts,
            times_ms={precision: round(time, 3) for precision, time in builds.times_ms.items()},
            agreement=None if builds.agreement is None else round(builds.agreement, 5),
            chosen=Precision.FLOAT,
            reason="",
        )

    def _original(self, network: Network) -> bytes:
        """The network's file: kept from before, or fetched and kept."""
        try:
            return self._store.original(network)
        except (ModelMissingError, DigestError):
            content = self._fetcher.fetch(network.file)
            self._store.write(f"files/{network.file}", content)
            return content

    def _keep(self, name: str, network: Network, *, precision: Precision, content: bytes) -> Artefact:
        if precision is Precision.FLOAT and network.conversion == "none":
            wanted = self._store.manifest.file_of(network)
            return Artefact(path=f"files/{network.file}", sha256=wanted.sha256, size=wanted.size)
        # The recipe is in the name, so that no build of the inventory in force is ever overwritten.
        recipe = recipe_of(network, self._store.manifest)[:12]
        return self._store.write(f"builds/{name}.{precision}.{recipe}.{network.runtime}", content)
