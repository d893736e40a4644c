"""What a shell offers after `lintel`: asked as click's scripts ask, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Lintel

RUN = "from enroll.cli import main; main()"


def offered(words: str, tmp_path: Path) -> list[str]:
    asking = {"_LINTEL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    environment = {**os.environ, **asking, "LINTEL_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-X", "importtime", "-c", RUN]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "cv2" not in said.stderr
    assert "sqlite_utils" not in said.stderr
    return [line.partition(",")[2] for line in said.stdout.splitlines()]


def test_commands_and_their_verbs_are_offered_without_loading_or_making_anything(tmp_path: Path) -> None:
    assert offered("lintel pe", tmp_path) == ["people"]
    assert offered("lintel people ex", tmp_path) == ["expire", "export", "external-id"]
    assert list(tmp_path.iterdir()) == []


def test_options_of_a_verb_are_offered(tmp_path: Path) -> None:
    assert "--photo" in offered("lintel people add --", tmp_path)


def test_nobodys_name_is_offered(tmp_path: Path) -> None:
    assert not any(offered("lintel people show ", tmp_path))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script_and_takes_it(lintel: Lintel, tmp_path: Path, shell: str) -> None:
    said = lintel("completion", shell)
    assert said.exit_code == 0
    assert "_LINTEL_COMPLETE" in said.out
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed, so its script was only printed")
    script = tmp_path / "script"
    script.write_text(said.out, encoding="utf-8")
    subprocess.run([shell, "-n", script], check=True)


def test_an_unknown_shell_is_refused(lintel: Lintel) -> None:
    assert lintel("completion", "csh").exit_code == 2
