"""Build a Debian package that needs no network and no compiler: `python tools/debian.py [--arch arm64]`.

It carries every wheel for one architecture and Debian 12's Python, so it can be built for a Raspberry Pi on a PC; its
scripts install from them exactly as `make install` does. Needs pip and dpkg-deb.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "appliance"))

from places import SOURCE
from release import build_wheel, version

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # Debian's name -> the wheels' name
PYTHON = "3.11"  # of Debian 12
GLIBC = range(17, 37)  # minor versions up to Debian 12's own, 2.36
EXTRAS = "[pins,osdp,jetson]"
HOME = "usr/share/lintel"
CARRIED = ("tools/appliance", "systemd", "constraints.txt", "pyproject.toml", "LICENSE", "README.md", "docs")

CONTROL = """Package: lintel
Version: {version}
Architecture: {arch}
Maintainer: Lintel <lintel@localhost>
Depends: python3 (>= 3.11), python3 (<< 3.12), python3-venv, systemd
Section: misc
Priority: optional
Installed-Size: {size}
Description: a door that knows who may come in
 Face detection, liveness, search and the lock, on the device and offline.
"""
APPLIANCE = f"python3 /{HOME}/tools/appliance"
POSTINST = f"""#!/bin/sh
set -e
if [ "$1" = configure ]; then
    {APPLIANCE} install --extras '{EXTRAS}' --wheels /{HOME}/wheels
fi
"""
PRERM = f"""#!/bin/sh
set -e
if [ "$1" = remove ]; then
    {APPLIANCE} uninstall
fi
"""
POSTRM = """#!/bin/sh
set -e
if [ "$1" = purge ]; then
    rm -rf /etc/lintel /var/lib/lintel /var/lib/lintel-door
fi
"""


def build(arch: str, *, to: Path) -> Path:
    """The package for one architecture, in the folder `to`."""
    stage = to / f"stage-{arch}"
    shutil.rmtree(stage, ignore_errors=True)
    home = stage / HOME
    (home / "wheels").mkdir(parents=True)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    build_wheel(home / "wheels", pip)
    (wheel,) = (home / "wheels").glob("lintel-*.whl")
    fetch(wheel, pip, arch=arch)
    for name in CARRIED:
        place = home / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (SOURCE / name).is_dir():
            shutil.copytree(SOURCE / name, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(SOURCE / name, place)
    describe(stage, arch)
    package = to / f"lintel_{version()}_{arch}.deb"
    # Wheels are packed already: packing them again takes minutes and saves nothing.
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", stage, package], check=True)
    shutil.rmtree(stage)
    return package


def fetch(wheel: Path, pip: tuple[str, ...], *, arch: str) -> None:
    """Every wheel that `wheel` needs on the other machine, beside it."""
    machine = MACHINES[arch]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [f"manylinux2014_{machine}"]
    subprocess.run(
        [*pip, "download", "--only-binary", ":all:", "--python-version", PYTHON, "--dest", str(wheel.parent)]
        + [part for name in platforms for part in ("--platform", name)]
        + ["--constraint", str(SOURCE / "constraints.txt"), f"{wheel}{EXTRAS}"],
        check=True,
    )


def describe(stage: Path, arch: str) -> None:
    """The package's own files."""
    folder = stage / "DEBIAN"
    folder.mkdir()
    size = sum(file.stat().st_size for file in stage.rglob("*") if file.is_file()) // 1024
    (folder / "control").write_text(CONTROL.format(version=version(), arch=arch, size=size), encoding="utf-8")
    for name, script in (("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)):
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o755)


def main() -> int:
    """Build and say where the package is."""
    here = {name: arch for arch, name in MACHINES.items()}.get(platform.machine(), "amd64")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=sorted(MACHINES), default=here)
    parser.add_argument("--to", type=Path, default=SOURCE / "build")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    package = build(asked.arch, to=asked.to)
    sys.stdout.write(f"{package} ({package.stat().st_size / 1e6:.0f} MB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
