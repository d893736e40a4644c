from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from device.errors import StorageUnwritableError
from enroll.drafted_file import drafted


def test_a_file_is_named_when_it_may_be_and_not_before(tmp_path: Path) -> None:
    file = tmp_path / "ada.json"
    with drafted(b"{}", to=file) as give_name:
        assert not file.exists()
        give_name()
        assert file.read_bytes() == b"{}"
    assert [one.name for one in tmp_path.iterdir()] == ["ada.json"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_never_named_is_gone(tmp_path: Path) -> None:
    with drafted(b"{}", to=tmp_path / "ada.json"):
        (draft,) = tmp_path.iterdir()
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanished_meanwhile_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    with drafted(b"{}", to=folder / "ada.json") as give_name:
        (draft,) = folder.iterdir()
        draft.unlink()
        folder.rmdir()
        with pytest.raises(StorageUnwritableError, match=r"ada\.json cannot be written") as caught:
            give_name()
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOENT
