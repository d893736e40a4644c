"""Sticks that are pulled out while they are read, and what lies on them that is no file."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest
from bundle_rig import bundle, enrol, gates, recorded, site

from device.errors import BundleError
from enroll.bundle_apply import apply_bundle
from enroll.bundle_seal import CHUNK_BYTES, verified_copy
from enroll.usb import find_bundles

ALWAYS_FAILS = Path("/proc/self/mem")  # a regular file to the kernel, whose first byte cannot be read: EIO


class Pulled(io.BytesIO):
    """A file on a stick that is pulled out after `readable` bytes."""

    def __init__(self, content: bytes, *, readable: int) -> None:
        super().__init__(content)
        self._readable = readable

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._readable:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(min(size or 0, self._readable - self.tell()))


@pytest.mark.parametrize("readable", [0, 1, 500, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_stick_pulled_out_mid_copy_is_refused_and_leaves_nothing(tmp_path: Path, readable: int) -> None:
    with site(tmp_path / "state") as registry:
        content = bundle(registry.collection.authority().card, [enrol(f"person {one}", one) for one in range(150)])
    assert len(content) > CHUNK_BYTES + 1
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def pulled(_: Path) -> BinaryIO:
        return Pulled(content, readable=readable)

    with (
        pytest.raises(BundleError, match="Input/output error"),
        verified_copy(tmp_path / "b", scratch=scratch, opened=pulled),
    ):
        pass
    assert list(scratch.iterdir()) == []
    with verified_copy(tmp_path / "b", scratch=scratch, opened=lambda _: io.BytesIO(content)) as seen:
        assert seen.size == len(content)


def test_a_file_that_cannot_be_read_changes_nothing_and_is_on_record(tmp_path: Path) -> None:
    if not ALWAYS_FAILS.is_file():
        pytest.skip("there is no /proc here")
    with site(tmp_path / "state") as registry:
        with pytest.raises(BundleError, match="Input/output error"):
            apply_bundle(ALWAYS_FAILS, registry, gates())
        assert recorded(registry)[-1] == ("bundle.refused", {"why": "BundleError", "exit_code": 100})
        assert list(registry.collection.people()) == []


def test_a_device_node_on_a_stick_is_passed_by_and_never_read(tmp_path: Path) -> None:
    node = tmp_path / "zero.lintel-bundle"
    try:
        os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: reading it would never end
    except PermissionError:
        pytest.skip("only root makes device nodes")
    assert find_bundles(tmp_path) == []
    with pytest.raises(BundleError), verified_copy(node, scratch=tmp_path):
        pass
