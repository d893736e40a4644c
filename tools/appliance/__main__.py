"""Put Lintel on this machine, keep it up to date, take it off again: `sudo make install|upgrade|rollback|uninstall`.

Every version is a virtual environment of its own below /opt/lintel/releases; /opt/lintel/current points at the one in
use, and changing it is one rename. Configuration and state are never overwritten. Needs Python's standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from machine import InstallError, Machine, call, say
from places import UNITS, place_completions, place_configuration, place_files, remove_files
from release import build_release, forget_old_releases, releases, use
from upgrade import back_up, backups, rehearse, restart, restore


def install(machine: Machine, *, extras: str, wheels: Path | None) -> None:
    """Install, or upgrade what is there. Raises InstallError; then what ran before still runs."""
    before = machine.release_in_use()
    release = build_release(machine, extras=extras, wheels=wheels)
    place_files(machine)
    place_configuration(machine)
    if machine.root == Path("/"):
        call("systemd-sysusers", "/etc/sysusers.d/lintel.conf")
        call("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/lintel.conf")
    backup = None if before is None else back_up(machine, before)
    if backup is not None:
        rehearse(release, backup)
    use(machine, release)
    place_completions(machine, release)
    if not restart(machine):
        if before is None:
            raise InstallError("the door did not come up: journalctl -u lintel-door -u lintel tells why")
        use(machine, before)
        restore(machine, before, backup)
        restart(machine)
        raise InstallError(f"{release.name} did not come up, so {before.name} is back: journalctl -u lintel tells why")
    forget_old_releases(machine)
    say(f"Lintel {release.name} is installed in {release}.")
    say_what_is_next(machine, is_first=before is None)


def rollback(machine: Machine) -> None:
    """Go back to the release before the one in use, with the backup that was made when it was left."""
    now = machine.release_in_use()
    earlier = [one for one in releases(machine) if now is None or one.name < now.name]
    if not earlier:
        raise InstallError("there is no earlier release to go back to")
    if machine.runs_systemd:
        call("systemctl", "stop", "lintel.target", "lintel.service")
    use(machine, earlier[-1])
    restore(machine, earlier[-1], next(reversed(backups(machine)), None))
    if not restart(machine):
        raise InstallError(f"{earlier[-1].name} did not come up: journalctl -u lintel-door -u lintel tells why")
    say(f"Lintel {earlier[-1].name} is in use again.")


def uninstall(machine: Machine, *, purge: bool) -> None:
    """Take everything off but configuration and state; with `purge` those, too."""
    if machine.runs_systemd:
        call("systemctl", "disable", "--now", *UNITS)
    remove_files(machine)
    shutil.rmtree(machine.root / "opt/lintel", ignore_errors=True)
    if machine.runs_systemd:
        call("systemctl", "daemon-reload")
    if not purge:
        say("Configuration in /etc/lintel and who is enrolled in /var/lib/lintel are kept; PURGE=1 destroys them.")
        return
    for place in ("etc/lintel", "var/lib/lintel", "var/lib/lintel-door"):
        shutil.rmtree(machine.root / place, ignore_errors=True)


def say_what_is_next(machine: Machine, *, is_first: bool) -> None:
    """After a first installation there is more to do, and in a chroot everything is."""
    if not machine.runs_systemd:
        say("systemd does not run here: units are in place, enable lintel.target on the machine itself.")
    if is_first:
        say("Next: edit /etc/lintel/door.toml and lintel.toml, then: lintel models install; lintel people add ...;")
        say("      systemctl start lintel.target")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; 1 and one sentence when it cannot be done."""
    parser = argparse.ArgumentParser(prog="appliance", description=__doc__)
    parser.add_argument("verb", choices=("install", "rollback", "uninstall"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="a folder that stands for the machine")
    parser.add_argument("--extras", default="[pins]", help="extras of the package, such as [jetson,osdp]")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels instead of the package index")
    parser.add_argument("--purge", action="store_true", help="with uninstall: destroy configuration and state, too")
    asked = parser.parse_args(arguments)
    machine = Machine(asked.root)
    if machine.root == Path("/") and os.geteuid() != 0:
        sys.stderr.write("lintel: installing needs root: sudo make install\n")
        return 1
    try:
        match asked.verb:
            case "install":
                install(machine, extras=asked.extras, wheels=asked.wheels)
            case "rollback":
                rollback(machine)
            case "uninstall":
                uninstall(machine, purge=asked.purge)
    except InstallError as error:
        sys.stderr.write(f"lintel: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
