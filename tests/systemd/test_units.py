"""The units: systemd takes them as they are, and they leave little to whoever breaks in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = ["lintel-door.service", "lintel.service"]
EXPOSURE_AT_MOST = 2.0

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def directives(name: str) -> list[tuple[str, str]]:
    lines = (UNITS / name).read_text(encoding="utf-8").splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines if line[:1].isalpha())]


@needs_systemd
def test_systemd_takes_the_units_without_a_complaint(tmp_path: Path) -> None:
    for name in (*SERVICES, "lintel.target"):
        text = (UNITS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text), encoding="utf-8")
    files = sorted(map(str, tmp_path.iterdir()))
    said = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert "lintel" not in said.stderr
    assert said.returncode == 0


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_exposed_by_two_points_at_most(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / name)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"exposure level for \S+ ([\d.]+)", said.stdout)
    assert found is not None
    assert float(found[1]) <= EXPOSURE_AT_MOST


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_left_out_has_its_reason(name: str) -> None:
    """Each directive that others of its kind use is there, or is named in the head of the file."""
    text = (UNITS / name).read_text(encoding="utf-8")
    used = {key for key, _ in directives(name)}
    for directive in ("PrivateUsers", "PrivateDevices", "ProcSubset", "ProtectClock"):
        assert directive not in used
        assert f"#   {directive}=" in text


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_reaches_a_network_and_each_sees_its_own_devices_only(name: str) -> None:
    kept = dict(directives(name))
    assert (kept["PrivateNetwork"], kept["RestrictAddressFamilies"], kept["IPAddressDeny"]) == ("yes", "AF_UNIX", "any")
    devices = {value for key, value in directives(name) if key == "DeviceAllow"}
    pins = {"char-gpiochip rw", "char-spidev rw"}
    assert kept["DevicePolicy"] == "closed"
    assert (devices >= pins) if name == "lintel-door.service" else not devices & pins
    assert ("char-video4linux rw" in devices) == (name == "lintel.service")


def test_the_door_is_up_first_and_never_given_up() -> None:
    door, vision = dict(directives("lintel-door.service")), dict(directives("lintel.service"))
    assert door["Before"] == "lintel.service"
    assert "lintel-door.service" in vision["After"]
    for unit in (door, vision):
        assert (unit["Restart"], unit["StartLimitIntervalSec"], unit["Type"]) == ("always", "0", "notify")
    assert "Requires" not in vision  # vision waits for a door that is restarted; it need not be restarted with it
