from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from file_server import CONTENT, package_index, server
from model_builders import NOWHERE, member, model_file

from models.archives import RAW_PROGRESS_SINCE, download_archive, extract, pip_version
from models.digest import sha256_of
from models.errors import DigestError, DownloadError
from models.manifest import Archive, Manifest, ModelFile
from models.progress import ignore_progress
from models.sources import Fetcher
from models.web import download

INSIDE = "pkg/model.bin"


@dataclass
class Watcher:
    """A Progress that remembers."""

    seen: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, name: str, *, done: int, total: int) -> None:
        self.seen.append((name, done, total))


def wheel(folder: Path, content: bytes = CONTENT) -> Path:
    """A wheel that pip accepts, with one data file."""
    file = folder / "pkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(INSIDE, content)
        archive.writestr("pkg-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n")
        archive.writestr("pkg-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("pkg-1.0.dist-info/RECORD", "")
    return file


def sdist(folder: Path, content: bytes = CONTENT) -> Path:
    file = folder / "pkg-1.0.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        info = tarfile.TarInfo(INSIDE)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
        folder_entry = tarfile.TarInfo("pkg/folder")
        folder_entry.type = tarfile.DIRTYPE
        archive.addfile(folder_entry)
    return file


def archive_of(file: Path) -> Archive:
    content = file.read_bytes()
    form = "wheel" if file.suffix == ".whl" else "sdist"
    return Archive(
        package="pkg", version="1.0", file=file.name, form=form, sha256=sha256_of(content), size=len(content)
    )


def manifest(file: ModelFile, archive: Archive | None = None) -> Manifest:
    archives = {} if archive is None else {"pkg": archive}
    return Manifest(archives=archives, files={"model.bin": file}, networks={}, profiles={})


def fetcher(file: ModelFile, folder: Path, *mirrors: Path, archive: Archive | None = None) -> Fetcher:
    folder.mkdir(exist_ok=True)
    return Fetcher(manifest(file, archive), folder, mirrors)


def test_a_mirror_is_asked_first(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(CONTENT)
    assert fetcher(model_file(CONTENT), tmp_path / "work", tmp_path).fetch("model.bin") == CONTENT


def test_another_file_under_the_right_name_is_refused_naming_file_and_both_digests(tmp_path: Path) -> None:
    other = CONTENT[::-1]
    (tmp_path / "model.bin").write_bytes(other)
    with pytest.raises(DigestError) as caught:
        fetcher(model_file(CONTENT), tmp_path / "work", tmp_path).fetch("model.bin")
    for part in (str(tmp_path / "model.bin"), sha256_of(CONTENT), sha256_of(other)):
        assert part in str(caught.value)


@pytest.mark.parametrize("other", [b"", CONTENT[:-1], CONTENT + b"!"], ids=["empty", "cut short", "longer"])
def test_a_file_of_another_size_is_refused_with_its_true_digest(tmp_path: Path, other: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(other)
    with pytest.raises(DigestError, match=sha256_of(other)):
        fetcher(model_file(CONTENT), tmp_path / "work", tmp_path).fetch("model.bin")


def test_a_wrong_file_in_one_mirror_does_not_hide_the_right_one_in_the_next(tmp_path: Path) -> None:
    for name, content in (("a", b"wrong"), ("b", CONTENT)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").write_bytes(content)
    mirrors = (tmp_path / "a", tmp_path / "b")
    assert fetcher(model_file(CONTENT), tmp_path / "work", *mirrors).fetch("model.bin") == CONTENT


def test_nothing_found_anywhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"model\.bin could not be fetched: https://nowhere\.invalid/"):
        fetcher(model_file(CONTENT), tmp_path / "work", tmp_path).fetch("model.bin")


def test_a_mirror_that_holds_a_folder_of_that_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "model.bin").mkdir()
    with pytest.raises(DownloadError):
        fetcher(model_file(CONTENT), tmp_path / "work", tmp_path).fetch("model.bin")


@pytest.mark.parametrize("make", [wheel, sdist], ids=["wheel", "sdist"])
def test_a_file_comes_out_of_an_archive_in_a_mirror(tmp_path: Path, make: object) -> None:
    archive = archive_of(make(tmp_path))
    wanted = model_file(CONTENT, NOWHERE, member("pkg", INSIDE))
    source = fetcher(wanted, tmp_path / "work", tmp_path, archive=archive)
    assert source.is_at_hand("model.bin")
    assert source.fetch("model.bin") == CONTENT


def test_an_archive_in_a_mirror_that_is_another_one_is_refused(tmp_path: Path) -> None:
    archive = archive_of(wheel(tmp_path))
    wheel(tmp_path, CONTENT[1:])
    with pytest.raises(DigestError, match="expected sha256"):
        fetcher(model_file(CONTENT, member("pkg", INSIDE)), tmp_path / "work", tmp_path, archive=archive).fetch(
            "model.bin"
        )


@pytest.mark.parametrize("make", [wheel, sdist], ids=["wheel", "sdist"])
@pytest.mark.parametrize("path", ["pkg/other.bin", "../model.bin", "pkg/folder", ""])
def test_a_member_that_is_not_in_the_archive_is_a_sentence(tmp_path: Path, make: object, path: str) -> None:
    with pytest.raises(DownloadError, match=r"pkg-1\.0"):
        extract(make(tmp_path), member=path, size=len(CONTENT))


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_member_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(DownloadError, match="has not the"):
        extract(wheel(tmp_path), member=INSIDE, size=size)


@pytest.mark.parametrize("make", [wheel, sdist], ids=["wheel", "sdist"])
def test_a_damaged_archive_is_a_sentence(tmp_path: Path, make: object) -> None:
    file = make(tmp_path)
    whole = file.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"x" * 100, whole[:100] + bytes(500) + whole[600:]):
        file.write_bytes(damaged)
        with pytest.raises(DownloadError, match=file.name):
            extract(file, member=INSIDE, size=len(CONTENT))


def test_an_address_is_read_to_its_end_and_tells_how_far_it_is() -> None:
    watcher = Watcher()
    with server(CONTENT) as url:
        assert download(url, size=len(CONTENT), progress=watcher) == CONTENT
    assert watcher.seen[0] == ("model.bin", 0, len(CONTENT))
    assert watcher.seen[-1] == ("model.bin", len(CONTENT), len(CONTENT))
    assert len(watcher.seen) > 3


@pytest.mark.parametrize(
    ("body", "answer", "complaint"),
    [
        (b"no", {"status": 404}, "404"),
        (b"no", {"status": 503}, "503"),
        (CONTENT[:-1], {}, "fewer than"),
        (CONTENT + b"!", {}, "more than"),
        (CONTENT * 3, {}, "more than"),
        (CONTENT[:1000], {"claimed": len(CONTENT)}, ""),
    ],
    ids=["missing", "busy", "short", "long", "huge", "interrupted"],
)
def test_an_address_that_does_not_deliver_is_a_sentence(body: bytes, answer: dict[str, int], complaint: str) -> None:
    with server(body, **answer) as url, pytest.raises(DownloadError) as caught:
        download(url, size=len(CONTENT), progress=ignore_progress)
    assert str(caught.value).startswith(url)
    assert complaint in str(caught.value)


def test_an_address_where_nobody_listens_is_a_sentence() -> None:
    with server(b"") as url:
        pass
    with pytest.raises(DownloadError, match="refused"):
        download(url, size=1, progress=ignore_progress)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def test_pip_fetches_an_archive_and_installs_nothing(tmp_path: Path, index: Path) -> None:
    archive = archive_of(wheel(index))
    wanted = model_file(CONTENT, member("pkg", INSIDE))
    assert fetcher(wanted, tmp_path / "work", archive=archive).fetch("model.bin") == CONTENT
    found = subprocess.run([sys.executable, "-c", "import pkg"], capture_output=True, check=False)
    assert found.returncode != 0


def test_pip_refuses_an_archive_of_another_digest(tmp_path: Path, index: Path) -> None:
    archive = archive_of(wheel(index))
    wheel(index, CONTENT[1:])
    with pytest.raises(DownloadError, match="HASHES"):
        download_archive(archive, folder=tmp_path, progress=ignore_progress)
    assert not (tmp_path / archive.file).exists()


def test_an_archive_that_the_index_has_not_is_told_in_the_words_of_pip(tmp_path: Path, index: Path) -> None:
    archive = archive_of(wheel(tmp_path))
    assert not list(index.iterdir())
    with pytest.raises(DownloadError, match=r"pip could not download pkg 1\.0: No matching distribution"):
        download_archive(archive, folder=tmp_path / "index", progress=ignore_progress)


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An archive that pip can download from a package index on this machine."""
    if pip_version() < RAW_PROGRESS_SINCE:
        pytest.skip("this pip cannot tell programs how far it is")
    file = wheel(tmp_path)
    with package_index(file) as url:
        for key in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(key, raising=False)
        monkeypatch.setenv("PIP_INDEX_URL", url)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        yield archive_of(file)


def test_pip_tells_how_far_a_download_is(tmp_path: Path, online: Archive) -> None:
    watcher = Watcher()
    (tmp_path / "work").mkdir()
    fetched = download_archive(online, folder=tmp_path / "work", progress=watcher)
    assert sha256_of(fetched.read_bytes()) == online.sha256
    assert watcher.seen[-1] == (online.file, online.size, online.size)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C."""


def interrupt(_name: str, *, done: int, total: int) -> None:
    if done > total // 4:
        raise Interrupted


def test_an_interruption_ends_pip_too(tmp_path: Path, online: Archive) -> None:
    (tmp_path / "work").mkdir()
    with pytest.raises(Interrupted):
        download_archive(online, folder=tmp_path / "work", progress=interrupt)
    assert not (tmp_path / "work" / online.file).exists()
