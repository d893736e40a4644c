from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.collection.store import Collection, open_collection


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "collection.db"


@pytest.fixture
def collection(file: Path) -> Iterator[Collection]:
    with open_collection(file) as opened:
        yield opened
