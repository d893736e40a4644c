"""Wheels and sdists of a package index as mere containers: fetched with pip, never installed, nothing in them executed.

pip is given the archive's digest (`--hash`), so it refuses another archive before it looks into it. That matters for an
sdist, whose build script pip runs to learn its name.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from models.errors import DownloadError
from models.manifest import Archive
from models.progress import Progress

RAW_PROGRESS_SINCE = (24, 1)  # the pip that can print its progress for programs
PROGRESS_LINE = re.compile(r"^Progress (\d+) of (\d+)$")
CORRUPT = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, KeyError, NotImplementedError, OSError)


def download_archive(archive: Archive, *, folder: Path, progress: Progress) -> Path:
    """Fetch `archive` into `folder` and return its path. Raises DownloadError with pip's own reason."""
    requirement = folder / f"{archive.file}.requirement"
    line = f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n"
    try:
        requirement.write_text(line, encoding="utf-8")
    except OSError as error:
        raise DownloadError(f"{requirement}: {error.strerror or error}") from error
    # pip's own temporary files go where ours are: the usual place may be a small piece of memory on a device.
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        _pip_command(archive, requirement=requirement, folder=folder),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        try:
            last_line = _follow(pip.stdout, name=archive.file, progress=progress)
        except BaseException:  # interrupted: pip must not go on writing into a folder that is about to vanish
            pip.kill()
            raise
    fetched = folder / archive.file
    if pip.returncode != 0 or not fetched.is_file():
        raise DownloadError(f"pip could not download {archive.package} {archive.version}: {last_line}")
    return fetched


def extract(file: Path, *, member: str, size: int) -> bytes:
    """The `size` bytes of one file inside a wheel or sdist. Raises DownloadError when it is not there or larger."""
    try:
        content = _read_wheel(file, member, size + 1) if file.suffix == ".whl" else _read_sdist(file, member, size + 1)
    except CORRUPT as error:
        raise DownloadError(f"{file.name} has no readable {member}: {error}") from error
    if len(content) != size:
        raise DownloadError(f"{member} in {file.name} has not the {size} bytes that the manifest names")
    return content


def _read_wheel(file: Path, member: str, limit: int) -> bytes:
    with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
        return stream.read(limit)


def _read_sdist(file: Path, member: str, limit: int) -> bytes:
    with tarfile.open(file) as archive:
        stream = archive.extractfile(member)
        return b"" if stream is None else stream.read(limit)


def _pip_command(archive: Archive, *, requirement: Path, folder: Path) -> list[str]:
    options = ["--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--require-hashes"]
    options += ["--retries", "2"]
    if archive.form == "sdist":
        options += ["--no-binary", ":all:"]
    else:
        options += ["--only-binary", ":all:"]
    if archive.platform:
        options += ["--platform", archive.platform, "--python-version", archive.python, "--implementation", "cp"]
    progress_bar = "raw" if pip_version() >= RAW_PROGRESS_SINCE else "off"
    options += ["--progress-bar", progress_bar, "--dest", str(folder), "--requirement", str(requirement)]
    return [sys.executable, "-m", "pip", "download", *options]


def pip_version() -> tuple[int, ...]:
    """Major and minor version of the pip that runs. Raises DownloadError where there is none."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as error:
        raise DownloadError(f"pip is not installed beside {sys.executable}") from error
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _follow(lines: IO[str] | None, *, name: str, progress: Progress) -> str:
    """Turn pip's progress into ours; return what else it said last, preferring its error."""
    said = ["it said nothing"]
    for line in lines or ():
        if match := PROGRESS_LINE.match(line):
            progress(name, done=int(match[1]), total=int(match[2]))
        elif line.strip():
            said.append(line.strip())
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return (errors or said)[-1]
