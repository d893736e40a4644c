from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.runtimes.chatter import STDERR, without_line


def write(text: bytes) -> None:
    os.write(STDERR, text)


def crash() -> None:
    write(b"what went wrong\n")
    raise RuntimeError("crash")


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_only_the_unwanted_line_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with without_line(b"hello, I am a library"):
        write(b"before\nhello, I am a library\nhello, I am a library!\n")
        write(b"after")
    assert capfd.readouterr().err == "before\nhello, I am a library!\nafter"


def test_standard_error_is_itself_again_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with without_line(b"noise"):
        pass
    write(b"noise\n")
    assert capfd.readouterr().err == "noise\n"


def test_an_exception_passes_and_takes_nothing_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="crash"), without_line(b"noise"):
        crash()
    assert capfd.readouterr().err == "what went wrong\n"


def test_no_file_descriptor_is_left_open() -> None:
    before = open_descriptors()
    for _ in range(20):
        with without_line(b"noise"):
            pass
    assert open_descriptors() == before
