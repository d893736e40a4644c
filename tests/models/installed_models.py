"""The networks that `make` has installed, for tests that need real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.digest import sha256_of_file
from models.manifest import read_manifest
from models.store import Installed, ModelStore

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


def stores() -> Iterator[ModelStore]:
    """Every store that may hold networks: the named one, then those below `build/`."""
    if "LINTEL_STATE" in os.environ:
        yield ModelStore(Path(os.environ["LINTEL_STATE"]).absolute() / "models")
    for folder in sorted((ROOT / "build").glob("state*/models")):
        yield ModelStore(folder)


def installed(profile: str) -> Installed:
    """The installed networks of `profile`, or a skipped test."""
    for store in stores():
        inventory = store.read_inventory()
        if inventory is not None and inventory.profile == profile:
            return store.installed()
    pytest.skip(f"the profile {profile} is not installed; run `lintel models install --profile {profile}`")


def original(name: str) -> Path:
    """The file of a network as its authors published it, or a skipped test."""
    file = read_manifest().networks[name].file
    for folder in (*(store.root / "files" for store in stores()), SHARED / "models"):
        path = folder / file
        if path.is_file() and sha256_of_file(path) == read_manifest().files[file].sha256:
            return path
    pytest.skip(f"{file} is not installed; run `lintel models install`")


def shared(path: str) -> Path:
    """A file or folder of the data beside the repository, or a skipped test."""
    if not (SHARED / path).exists():
        pytest.skip(f"{path} is not beside the repository")
    return SHARED / path
