"""A real file system of a given size, for tests of a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(*, kib: int) -> Iterator[Path]:
    """Mount a memory file system of `kib` KiB, or skip the test where that is not allowed.

    It lies outside pytest's own folders: a test that is killed leaves an empty mount there, which must not stop pytest
    from tidying up after later runs.
    """
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root may mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="lintel-small-disk-"))
    try:
        command = [mount, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this container may not mount")
        try:
            yield folder
        finally:
            subprocess.run([umount, "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()
