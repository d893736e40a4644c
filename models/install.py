"""Putting the networks of a profile on this machine: fetch, verify, convert, quantise, time, choose, record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from models.build import make_builds
from models.choice import choose_build
from models.digest import sha256_of
from models.errors import DigestError, DownloadError, ModelMissingError
from models.manifest import Network, Precision
from models.progress import Progress, ignore_progress
from models.recipe import recipe_of
from models.session import RuntimeOptions
from models.sources import Fetcher
from models.store import Artefact, InstalledNetwork, Inventory, ModelStore

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
    options: RuntimeOptions = field(default_factory=RuntimeOptions)  # how the device will run them; they are timed so
    progress: Progress = field(default=ignore_progress, repr=False)
    keep: Sequence[str] | None = None  # template networks beside the profile, by name or model id; None: as before

    def install(self, profile: str) -> Outcome:
        """Put `profile` in force. Nothing is fetched or built that is already there, and on failure nothing changes.

        Raises ManifestError for a profile that is not listed; DownloadError, DigestError and WeightsError for a file
        that cannot be had or used; StoreError for the folder; RuntimeMissingError and InferenceError when a network
        does not run here.
        """
        self.store.manifest.profile(profile)
        self._names_to_keep()
        with self._run() as run:
            return run.put_in_force(profile)

    def install_or_fall_back(self) -> Outcome:
        """Install the standard profile, or the weaker one where the standard profile's files cannot be had.

        A fallback that is in force stays, and no network is asked, until `install` names the standard profile or a
        mirror has its files: another template network would forget everybody enrolled. Raises as `install` does.
        """
        weaker = self.store.manifest.profile(FALLBACK_PROFILE).weaker
        with self._run() as run:
            if run.profile_before == FALLBACK_PROFILE and not run.is_at_hand(DEFAULT_PROFILE):
                outcome = run.put_in_force(FALLBACK_PROFILE)
                return replace(outcome, notes=(*outcome.notes, weaker))
            try:
                return run.put_in_force(DEFAULT_PROFILE)
            except DownloadError as error:
                reason = f"The {DEFAULT_PROFILE} profile cannot be installed here: {error}"
            outcome = run.put_in_force(FALLBACK_PROFILE)
            return replace(outcome, notes=(reason, *outcome.notes, weaker))

    @contextmanager
    def _run(self) -> Iterator[_Run]:
        with self.store.locked(), self.store.workshop() as folder:
            fetcher = Fetcher(self.store.manifest, folder, self.mirrors, self.progress)
            yield _Run(self.store, fetcher, self.options, keep=self._names_to_keep())

    def _names_to_keep(self) -> tuple[str, ...] | None:
        """Raises ManifestError for what is no template network."""
        if self.keep is None:
            return None
        return tuple(self.store.manifest.template_network(name_or_id) for name_or_id in self.keep)


class _Run:
    """One installation under way."""

    def __init__(
        self, store: ModelStore, fetcher: Fetcher, options: RuntimeOptions, *, keep: tuple[str, ...] | None
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._options = options
        self._before = store.read_inventory()
        self._keep_names = keep
        self._made: list[str] = []
        self._notes: list[str] = []

    @property
    def profile_before(self) -> str | None:
        return None if self._before is None else self._before.profile

    def is_at_hand(self, profile: str) -> bool:
        """Whether the store and the mirrors hold everything that `profile` must have."""
        networks = self._store.manifest.networks_of(profile).values()
        return all(self._store.has_original(network) or self._fetcher.is_at_hand(network.file) for network in networks)

    def put_in_force(self, profile: str) -> Outcome:
        """Make sure that every network of `profile` is here and intact, then record it."""
        manifest = self._store.manifest
        settled = {name: self._settle(name, network) for name, network in manifest.networks_of(profile).items()}
        for name, network in manifest.optional_networks_of(profile).items():
            if self._is_worth_trying(name, network, profile=profile):
                settled |= self._settle_if_possible(name, network)
        kept = {name: self._settle(name, manifest.networks[name]) for name in self._to_keep() if name not in settled}
        after = Inventory(profile=profile, networks=settled, kept=kept)
        if after != self._before:
            self._store.write_inventory(after)
            self._store.remove_unused(after)
        return Outcome(profile, tuple(self._made), tuple(self._notes))

    def _to_keep(self) -> tuple[str, ...]:
        """The names of template networks beside the profile: as told, or those that were kept before."""
        if self._keep_names is not None:
            return self._keep_names
        known = self._store.manifest.networks
        return () if self._before is None else tuple(name for name in self._before.kept if name in known)

    def _is_worth_trying(self, name: str, network: Network, *, profile: str) -> bool:
        """An optional network that could not be had is not asked for again and again, which would need a connection."""
        was_left_out = self._before is not None and name not in self._before.networks and not self._made
        return not was_left_out or profile != self.profile_before or self._fetcher.is_at_hand(network.file)

    def _settle_if_possible(self, name: str, network: Network) -> dict[str, InstalledNetwork]:
        try:
            return {name: self._settle(name, network)}
        except DownloadError as error:
            self._notes.append(f"The optional network {name} is left out: {error}")
            return {}

    def _settle(self, name: str, network: Network) -> InstalledNetwork:
        """The entry of a network that is here and intact."""
        entry = None if self._before is None else self._before.every_network.get(name)
        if entry is None or not self._is_current(entry, network):
            entry = self._make(name, network)
            self._made.append(name)
        choice = choose_build(network, times_ms=entry.times_ms, agreement=entry.agreement)
        return msgspec.structs.replace(entry, chosen=choice.precision, reason=choice.reason)

    def _is_current(self, entry: InstalledNetwork, network: Network) -> bool:
        if entry.recipe != recipe_of(network, self._store.manifest) or entry.timed_with != _described(self._options):
            return False
        try:
            for artefact in entry.builds.values():
                self._store.read(artefact)
        except (ModelMissingError, DigestError):
            return False
        return True

    def _make(self, name: str, network: Network) -> InstalledNetwork:
        builds = make_builds(self._original(network), network=network, options=self._options)
        return InstalledNetwork(
            recipe=recipe_of(network, self._store.manifest),
            builds={
                precision: self._store_build(name, network, precision, model)
                for precision, model in builds.files.items()
            },
            timed_with=_described(self._options),
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

    def _store_build(self, name: str, network: Network, precision: Precision, model: bytes) -> Artefact:
        if precision is Precision.FLOAT and network.conversion == "none":
            return self._store.original_artefact(network)
        # The content is in the name, so that no build of the inventory in force is ever overwritten.
        return self._store.write(f"builds/{name}.{precision}.{sha256_of(model)[:12]}.{network.runtime}", model)


def _described(options: RuntimeOptions) -> str:
    """What the times depend on, as it is recorded."""
    return ", ".join((f"threads {options.threads}", *options.providers, options.delegate or "no delegate"))
