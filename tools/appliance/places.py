"""What is put where on the machine, and how it is taken away again."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from machine import Machine, copy, point, write

SOURCE = Path(__file__).resolve().parents[2]
COMMAND, DROP_IN_FOLDER = "usr/local/bin/lintel", "etc/systemd/system/lintel.service.d"
UNITS = ("lintel-door.service", "lintel.service", "lintel.target")
DROP_INS = ("lintel.service.d/network-camera.conf.example", "lintel.service.d/credentials.conf.example")
PLACES = {  # of this repository -> of the machine
    **{f"systemd/{name}": f"etc/systemd/system/{name}" for name in (*UNITS, *DROP_INS)},
    "systemd/lintel.sysusers": "etc/sysusers.d/lintel.conf",
    "systemd/lintel.tmpfiles": "etc/tmpfiles.d/lintel.conf",
}
CONFIGURATION = {"systemd/lintel.toml": "etc/lintel/lintel.toml", "systemd/door.toml": "etc/lintel/door.toml"}
SHELLS = {
    "bash": "usr/share/bash-completion/completions/lintel",
    "zsh": "usr/share/zsh/vendor-completions/_lintel",
    "fish": "usr/share/fish/vendor_completions.d/lintel.fish",
}
# With nobody named the door obeys its own user only; on an installed machine another user sees the faces.
OWN_USER_ONLY = "vision_users = []", "operator_groups = []"
INSTALLED_USERS = 'vision_users = ["lintel"]', 'operator_groups = ["lintel-operator"]'


def place_files(machine: Machine) -> None:
    """Units, users and folders, and the command on the path."""
    for source, place in PLACES.items():
        copy(SOURCE / source, machine.root / place)
    command = machine.root / COMMAND
    command.parent.mkdir(parents=True, exist_ok=True)
    point(command, Path("/opt/lintel/current/bin/lintel"))


def place_configuration(machine: Machine) -> None:
    """The templates, where there is no configuration yet. What an administrator wrote is kept."""
    for source, place in CONFIGURATION.items():
        target = machine.root / place
        if target.exists():
            copy(SOURCE / source, target.with_name(target.name + ".new"))  # to compare with, whatever was changed
            continue
        copy(SOURCE / source, target)
        if target.name == "door.toml":
            text = target.read_text(encoding="utf-8")
            for own, installed in zip(OWN_USER_ONLY, INSTALLED_USERS, strict=True):
                text = text.replace(own, installed)
            target.write_text(text, encoding="utf-8")


def place_completions(machine: Machine, release: Path) -> None:
    """Completion of the `lintel` command for the three shells."""
    for shell, place in SHELLS.items():
        done = subprocess.run([release / "bin/lintel", "completion", shell], capture_output=True, check=False)
        if done.returncode == 0:
            write(machine.root / place, done.stdout)


def remove_files(machine: Machine) -> None:
    """Everything that was placed, but for the configuration."""
    for place in (*PLACES.values(), *SHELLS.values(), COMMAND):
        (machine.root / place).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # an administrator's own drop-ins stay
        (machine.root / DROP_IN_FOLDER).rmdir()
