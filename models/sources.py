"""Where model files come from: folders of files, archives of a package index, pinned https addresses.

A file is verified before it is given to anyone, and only its digest decides: a mirror is trusted no more than the net.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from models.archives import download_archive, extract
from models.digest import require_digest, sha256_of, sha256_of_file
from models.errors import DigestError, DownloadError, ModelError
from models.manifest import Archive, Manifest, Member, ModelFile, Source, Url
from models.progress import Progress, ignore_progress
from models.web import download


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Gets the files of one manifest. An archive is fetched once, into `folder`, however many files it holds."""

    manifest: Manifest
    folder: Path = field(repr=False)  # for archives; whoever made the fetcher removes it
    mirrors: Sequence[Path] = ()  # folders of plain files and archives under the manifest's names
    progress: Progress = ignore_progress

    def fetch(self, name: str) -> bytes:
        """The verified content of the manifest's file `name`, from the first mirror or source that has it.

        Raises DigestError when what was found is not the file that the manifest names, and DownloadError when nothing
        was found. A place that has another file is passed over only if a later one has the right file.
        """
        wanted = self.manifest.files[name]
        complaints: list[ModelError] = []
        for place in (*self._mirrored(name), *wanted.sources):
            try:
                return self._read(place, name=name, wanted=wanted)
            except (DownloadError, DigestError) as error:
                complaints.append(error)
        for complaint in complaints:
            if isinstance(complaint, DigestError):
                raise complaint
        raise DownloadError(f"{name} could not be fetched: {'; '.join(str(complaint) for complaint in complaints)}")

    def is_at_hand(self, name: str) -> bool:
        """Whether a mirror has a file, or an archive, that should hold `name`, so that no network is needed."""
        archives = [
            self.manifest.archives[source.archive].file
            for source in self.manifest.files[name].sources
            if isinstance(source, Member)
        ]
        return any(True for file in (name, *archives) for _ in self._mirrored(file))

    def _mirrored(self, name: str) -> Iterator[Path]:
        """The files of that name in the mirrors."""
        return (file for mirror in self.mirrors if (file := mirror / name).is_file())

    def _read(self, place: Path | Source, *, name: str, wanted: ModelFile) -> bytes:
        match place:
            case Path():
                content, origin = _read_file(place, wanted=wanted), str(place)
            case Url(url=url):
                content, origin = download(url, size=wanted.size, progress=self.progress), url
            case Member(archive=key, member=member):
                archive = self._archive(self.manifest.archives[key])
                content, origin = extract(archive, member=member, size=wanted.size), f"{name} of {archive.name}"
            case _:
                assert_never(place)
        require_digest(sha256_of(content), expected=wanted.sha256, name=origin)
        return content

    def _archive(self, archive: Archive) -> Path:
        """The verified archive: from a mirror, from this fetcher's folder, or from the package index."""
        fetched = self.folder / archive.file
        for file in self._mirrored(archive.file):
            require_digest(sha256_of_file(file), expected=archive.sha256, name=str(file))
            return file
        if not fetched.is_file():
            download_archive(archive, folder=self.folder, progress=self.progress)
            require_digest(sha256_of_file(fetched), expected=archive.sha256, name=archive.file)
        return fetched


def _read_file(file: Path, *, wanted: ModelFile) -> bytes:
    """The content of a mirror's file; one of another size is not read into memory, however huge it is."""
    try:
        if file.stat().st_size == wanted.size:
            return file.read_bytes()
        found = sha256_of_file(file)
    except OSError as error:
        raise DownloadError(f"{file}: {error.strerror or error}") from error
    require_digest(found, expected=wanted.sha256, name=str(file))
    raise DownloadError(f"{file} changes while it is read")
