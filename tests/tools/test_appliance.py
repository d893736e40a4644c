"""Installing into a folder that stands for the machine, but for the virtual environment, which takes a minute."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "appliance"))

from machine import InstallError, Machine
from places import CONFIGURATION, PLACES, place_configuration, place_files, remove_files
from release import forget_old_releases, releases, use
from upgrade import back_up

from device.config import Settings, read_settings
from firmware_bridge.config import read_settings as read_door_settings


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def release(machine: Machine, name: str) -> Path:
    folder = machine.releases / name
    (folder / "bin").mkdir(parents=True)
    return folder


def test_every_file_is_placed_and_taken_away_again(machine: Machine) -> None:
    place_files(machine)
    assert all((machine.root / place).is_file() for place in PLACES.values())
    assert (machine.root / "usr/local/bin/lintel").readlink() == Path("/opt/lintel/current/bin/lintel")
    remove_files(machine)
    assert [path for path in machine.root.rglob("*") if not path.is_dir()] == []


def test_an_administrators_own_drop_in_is_not_taken_away(machine: Machine) -> None:
    place_files(machine)
    own = machine.root / "etc/systemd/system/lintel.service.d/own.conf"
    own.write_text("[Service]\n")
    remove_files(machine)
    assert own.exists()


def test_the_templates_are_configurations_that_both_daemons_accept(machine: Machine) -> None:
    place_configuration(machine)
    assert read_settings(machine.root / "etc/lintel/lintel.toml") == Settings()
    access = read_door_settings(machine.root / "etc/lintel/door.toml").access
    assert (access.vision_users, access.operator_users) == (("lintel",), ())
    assert access.operator_groups == ("lintel-operator",)


def test_what_an_administrator_wrote_is_kept_and_the_new_template_laid_beside_it(machine: Machine) -> None:
    place_configuration(machine)
    for place in CONFIGURATION.values():
        (machine.root / place).write_text("# mine\n")
    place_configuration(machine)
    for place in CONFIGURATION.values():
        assert (machine.root / place).read_text() == "# mine\n"
        assert (machine.root / f"{place}.new").exists()


def test_changing_the_release_in_use_is_one_link(machine: Machine) -> None:
    assert machine.release_in_use() is None
    for name in ("20260101T000000Z-0.9.0", "20260201T000000Z-0.10.0"):
        use(machine, release(machine, name))
        assert machine.release_in_use() == machine.releases / name
        assert machine.current.resolve() == (machine.releases / name).resolve()


def test_the_three_newest_releases_are_kept(machine: Machine) -> None:
    for month in range(1, 6):
        release(machine, f"20260{month}01T000000Z-0.1.0")
    forget_old_releases(machine)
    assert [one.name[:6] for one in releases(machine)] == ["202603", "202604", "202605"]


def test_the_state_is_where_the_configuration_says(machine: Machine) -> None:
    assert machine.state == machine.root / "var/lib/lintel"
    file = machine.root / "etc/lintel/lintel.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[site]\nstate_folder = "/srv/lintel"\n')
    assert machine.state == machine.root / "srv/lintel"
    file.write_text("[site\n")
    with pytest.raises(InstallError, match=r"lintel\.toml"):
        _ = machine.state


def test_where_nobody_is_enrolled_there_is_nothing_to_back_up(machine: Machine) -> None:
    assert back_up(machine, release(machine, "20260101T000000Z-0.1.0")) is None
