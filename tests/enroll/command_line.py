"""Runs the `lintel` command as the shell would, in this process."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enroll.cli import main


@dataclass(frozen=True)
class Said:
    """What one run of the command left behind."""

    exit_code: int
    out: str
    err: str

    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def sentence(self) -> str:
        """The one line on standard error."""
        (line,) = self.err.splitlines()
        return line


class Lintel:
    """`lintel --state FOLDER …`."""

    def __init__(self, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = state
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str | Path) -> Said:
        self._monkeypatch.setattr(sys, "argv", ["lintel", "--state", str(self.state), *map(str, arguments)])
        self._monkeypatch.delenv("LINTEL_CONFIG", raising=False)
        exit_code = 0
        try:
            main()
        except SystemExit as leaving:
            exit_code = int(str(leaving.code))  # a sentence there would be printed by Python and not by us
        captured = self._capsys.readouterr()
        return Said(exit_code, captured.out, captured.err)
