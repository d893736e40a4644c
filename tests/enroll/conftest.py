from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Lintel


@pytest.fixture
def lintel(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Lintel:
    return Lintel(tmp_path / "state", capsys, monkeypatch)
