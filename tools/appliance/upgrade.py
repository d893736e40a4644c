"""Going from one version to another without losing anybody: backup, rehearsal, restart, and the way back."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from machine import Machine, call
from places import UNITS

BACKUPS_KEPT = 3


def back_up(machine: Machine, release: Path) -> Path | None:
    """A copy of who is enrolled, made by the release that is in use; None where nobody is."""
    if not (machine.state / "collection.db").exists():
        return None
    backup = machine.state / f"before-upgrade-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup"
    call(str(release / "bin/lintel"), "--state", str(machine.state), "collection", "backup", str(backup))
    for old in backups(machine)[:-BACKUPS_KEPT]:
        old.unlink()
    return backup


def backups(machine: Machine) -> list[Path]:
    """What was made before upgrades, the oldest first. They are sealed like the collection itself."""
    return sorted(machine.state.glob("before-upgrade-*.backup"))


def rehearse(release: Path, backup: Path) -> None:
    """Let the new release take over a copy of who is enrolled, before it may touch the real one."""
    rehearsal = backup.with_suffix(".rehearsal")
    shutil.rmtree(rehearsal, ignore_errors=True)
    rehearsal.mkdir(mode=0o700)
    try:
        shutil.copy2(backup, rehearsal / "collection.db")
        key = backup.parent / "site.key"
        if key.exists():
            shutil.copy2(key, rehearsal / "site.key")
            call(str(release / "bin/lintel"), "--state", str(rehearsal), "people", "list", "--json", is_quiet=True)
    finally:
        shutil.rmtree(rehearsal)


def restore(machine: Machine, release: Path, backup: Path | None) -> None:
    """Give `release` the collection that it knew, where the newer one has changed its form."""
    if backup is None:
        return
    command = [str(release / "bin/lintel"), "--state", str(machine.state), "collection"]
    if subprocess.run([*command, "check"], capture_output=True, check=False).returncode != 0:
        call(*command, "restore", str(backup))


def restart(machine: Machine) -> bool:
    """Start what was installed; False when it does not come up. Where no systemd is at work, nothing is started."""
    if not machine.runs_systemd:
        return True
    call("systemctl", "daemon-reload")
    call("systemctl", "enable", "--quiet", *UNITS)
    if not (machine.state / "models/installed.json").exists():
        return True  # the first installation: networks come next
    return subprocess.run(["systemctl", "restart", *UNITS[:2]], check=False).returncode == 0
