from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REAL = "/opt/lintel/current/bin/lintel"


def test_systemd_accepts_the_unit(root: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "lintel-usb@.service"
    unit.write_text((root / "systemd" / unit.name).read_text().replace(REAL, "/bin/true"))
    said = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    about_us = [line for line in said.stderr.splitlines() if "lintel-usb" in line]
    assert (said.returncode, about_us) == (0, [])


def test_a_stick_is_mounted_for_reading_alone(root: Path) -> None:
    unit = (root / "systemd" / "lintel-usb@.service").read_text()
    (line,) = [line for line in unit.splitlines() if "/bin/mount " in line]
    options = line.partition(" -o ")[2].split()[0].split(",")
    assert {"ro", "noexec", "nodev", "nosuid"} <= set(options)
    assert "vfat|exfat" in (root / "systemd" / "90-lintel-usb.rules").read_text()
