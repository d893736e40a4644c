"""What tests of several packages need from outside: data beside the repository, and installed networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from device.threads import limit_blas_threads, limit_opencv_threads

limit_blas_threads(1)  # as the appliance does: beside a busy process two threads mostly wait for each other
limit_opencv_threads(1)

from device.app import build_photo_extractor  # noqa: E402 (NumPy counts its threads when it is imported)
from device.config import decode_settings  # noqa: E402 (same)
from device.vision.enrolment import StillExtractor  # noqa: E402 (same)
from models.store import Installed, ModelStore  # noqa: E402 (same)

# The same examples in every run, and no deadline: a busy machine is no bug. HYPOTHESIS_PROFILE=default explores.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data that lies beside the repository."""
    return _shared(".")


@pytest.fixture(scope="session")
def head_turns() -> Path:
    """A real man who turns his head: 20 s, 30 frames a second."""
    return _shared("video/head-turns-1080p.mp4")


@pytest.fixture(scope="session")
def another_man() -> Path:
    """Somebody else, filmed."""
    return _shared("video/head-pose-male.gif")


@pytest.fixture(scope="session")
def networks() -> Installed:
    """Whatever profile is installed, the standard one if there is a choice."""
    found = {installed.profile: installed for installed in _stores()}
    if not found:
        pytest.skip("no networks are installed; run `lintel models install`")
    return found.get("standard") or next(iter(found.values()))


@pytest.fixture(scope="session")
def stills(networks: Installed) -> StillExtractor:
    """What enrols from a photo, with the installed networks and every setting at its default."""
    return build_photo_extractor(decode_settings(f"[site]\nmodels_folder = '{networks.store.root}'\n".encode()))


@pytest.fixture(scope="session")
def standard_networks() -> Installed:
    """The profile with the texture networks."""
    return _profile("standard")


@pytest.fixture(scope="session")
def pip_only_networks() -> Installed:
    """The profile without texture networks, whose templates are dlib's."""
    return _profile("pip-only")


def _profile(name: str) -> Installed:
    for installed in _stores():
        if installed.profile == name:
            return installed
    pytest.skip(f"the profile {name} is not installed; run `lintel models install --profile {name}`")


def _stores() -> Iterator[Installed]:
    """What is installed in the state that the environment names, and below `build/`."""
    named = os.environ.get("LINTEL_STATE")
    states = [Path(named).absolute()] if named else []
    for state in (*states, *sorted((ROOT / "build").glob("state*"))):
        store = ModelStore(state / "models")
        if store.read_inventory() is not None:
            yield store.installed()


def _shared(path: str) -> Path:
    if not (SHARED / path).exists():
        pytest.skip(f"{path} is not in the data beside the repository")
    return SHARED / path
