"""The machine that is installed on, and the few things that are done to it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = "etc/lintel/lintel.toml"
STATE = "/var/lib/lintel"  # where the configuration names no other folder


class InstallError(Exception):
    """Something that the administrator must mend; the machine is as it was before."""


@dataclass(frozen=True)
class Machine:
    """The machine that is installed on: `root` is / or a folder that stands for it."""

    root: Path

    @property
    def releases(self) -> Path:
        """One folder for each version."""
        return self.root / "opt/lintel/releases"

    @property
    def current(self) -> Path:
        """A link to the release in use."""
        return self.root / "opt/lintel/current"

    @property
    def state(self) -> Path:
        """Who is enrolled, the audit, the networks: as the configuration says."""
        file = self.root / CONFIGURATION
        try:
            site = tomllib.loads(file.read_text(encoding="utf-8")).get("site", {}) if file.exists() else {}
        except ValueError as error:
            raise InstallError(f"{file}: {error}") from error
        return self.root / str(site.get("state_folder", STATE)).lstrip("/")

    @property
    def runs_systemd(self) -> bool:
        """Whether systemd is at work here now, which it is not in a chroot or a container."""
        return self.root == Path("/") and Path("/run/systemd/system").is_dir()

    def release_in_use(self) -> Path | None:
        """None before the first installation."""
        return self.releases / self.current.readlink().name if self.current.is_symlink() else None


def copy(source: Path, target: Path) -> None:
    """A file that anybody may read."""
    write(target, source.read_bytes())


def write(target: Path, content: bytes) -> None:
    """Put a file in place whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.new")
    draft.write_bytes(content)
    draft.chmod(0o644)
    draft.replace(target)


def point(link: Path, target: Path) -> None:
    """Make `link` point at `target`, in one step."""
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)


def call(*command: str, is_quiet: bool = False) -> None:
    """Run a command. Raises InstallError when it fails."""
    output = subprocess.DEVNULL if is_quiet else None
    try:
        done = subprocess.run(command, check=False, stdout=output)
    except OSError as error:
        raise InstallError(f"{command[0]}: {error.strerror or error}") from error
    if done.returncode != 0:
        raise InstallError(f"{' '.join(command)} ended with status {done.returncode}")


def say(sentence: str) -> None:
    """Tell whoever installs."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
