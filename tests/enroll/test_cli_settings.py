from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Lintel

from device.config import Settings
from device.errors import ConfigError
from enroll.cli import SYSTEM_CONFIG, settings_for


@pytest.mark.skipif(SYSTEM_CONFIG.exists(), reason="this machine has a configuration of its own")
def test_without_a_file_every_key_is_at_its_default() -> None:
    assert settings_for(None, None) == Settings()


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text("[site]\nname = 'north door'\n")
    assert settings_for(file, None).site.name == "north door"


def test_the_state_folder_on_the_command_line_wins_and_moves_the_networks_with_it(tmp_path: Path) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text("[site]\nname = 'north door'\nstate_folder = '/srv/door'\n")
    settings = settings_for(file, tmp_path / "here")
    assert settings.collection_file == tmp_path / "here" / "collection.db"
    assert settings.models_folder == tmp_path / "here" / "models"
    assert settings.site.name == "north door"


def test_a_state_folder_does_not_depend_on_where_the_command_runs_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_for(None, Path("build/state")).state_folder == tmp_path / "build" / "state"


def test_a_file_that_cannot_be_accepted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        settings_for(tmp_path / "missing.toml", None)


def test_a_wrong_file_stops_every_command_with_its_own_code(lintel: Lintel, tmp_path: Path) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text("[sight]\n")
    said = lintel("--config", file, "people", "list")
    assert said.exit_code == 78
    assert "sight" in said.sentence()


def test_help_lists_the_commands_and_the_version_is_told(lintel: Lintel) -> None:
    assert "people" in lintel("--help").out
    assert lintel("--version").out.startswith("lintel, version 0.")


def test_a_command_that_does_not_exist_is_a_usage_error(lintel: Lintel) -> None:
    said = lintel("dore")
    assert said.exit_code == 2
    assert "dore" in said.err
