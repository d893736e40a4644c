"""One version of Lintel on the machine: a virtual environment of its own, and which of them is in use."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from machine import Machine, call, point, say
from places import SOURCE

RELEASES_KEPT = 3
NOT_SOURCE = (".git", ".venv", "build", "tests", "*.egg-info", "__pycache__", ".*_cache")


def build_release(machine: Machine, *, extras: str, wheels: Path | None) -> Path:
    """A virtual environment with this version in it, from a folder of `wheels` or from the package index.

    A half-made one is removed. Wheels only: a machine beside a door has no compiler, and should not need one.
    """
    release = machine.releases / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{version()}"
    say(f"Installing into {release} ...")
    try:
        call(sys.executable, "-m", "venv", str(release))
        pip = (str(release / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
        origin = ("--no-index", "--find-links", str(wheels)) if wheels else ()
        own = wheels or release / "wheels"
        if wheels is None:
            build_wheel(own, pip)
        (wheel,) = own.glob("lintel-*.whl")
        constraints = ("--constraint", str(SOURCE / "constraints.txt"))
        call(*pip, "install", "--only-binary", ":all:", *origin, *constraints, f"{wheel}{extras}")
        call(str(release / "bin/lintel"), "--version")
        call(str(release / "bin/python"), "-c", "import device.loop, device.service, firmware_bridge.app")
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise
    shutil.rmtree(release / "wheels", ignore_errors=True)
    return release


def build_wheel(to: Path, pip: Sequence[str]) -> None:
    """Build this version's own wheel in the folder `to`, from a copy: nothing of root's is left in the source."""
    copy = to / "source"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    call(*pip, "wheel", "--no-deps", "--wheel-dir", str(to), str(copy))
    shutil.rmtree(copy)


def use(machine: Machine, release: Path) -> None:
    """Make `release` the one in use, in one step."""
    point(machine.current, Path("releases") / release.name)


def releases(machine: Machine) -> list[Path]:
    """All of them, the oldest first: their names begin with the time of their installation."""
    return sorted(machine.releases.iterdir()) if machine.releases.exists() else []


def forget_old_releases(machine: Machine) -> None:
    """Keep the newest few."""
    for old in releases(machine)[:-RELEASES_KEPT]:
        shutil.rmtree(old)


def version() -> str:
    """Of this source."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
