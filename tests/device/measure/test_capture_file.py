"""The file of a captured attempt: whole, sealed, or not there."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_image
from hypothesis import given
from hypothesis import strategies as st

from device.collection.keys import KeyFolder
from device.errors import CameraError, CaptureKeyMissingError, CaptureUnreadableError, StorageUnwritableError
from device.measure.capture_file import new_name, read_frames, read_live, sweep_drafts, writing_capture
from device.measure.live import Live, decode_live, encode_live
from device.types import Attack, AttackReason, BonaFide, CueReading, MissingCue, PadVerdict, Undecided

CUES = (CueReading("motion.depth", 0.05, 0.034),)
LIVE = Live(
    species="print",
    mode="challenge",
    verdict=Attack(AttackReason.PLANAR, CUES),
    decided_after_s=1.5,
    asked=((0.4, "look_left"),),
    is_match=None,
    is_repeatable=False,
)
IMAGES = [make_image(level=level, size=(160, 120)) for level in (60, 128, 190)]


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    made = KeyFolder(tmp_path / "state")
    made.current_or_new()
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pad" / "print" / "one.lpad"


def write(file: Path, keys: KeyFolder, live: Live = LIVE) -> None:
    with writing_capture(file, keys.current_or_new()) as writer:
        for number, image in enumerate(IMAGES):
            writer.add(number / 15, image)
        writer.finish(live)


def test_frames_times_and_outcome_come_back(file: Path, keys: KeyFolder) -> None:
    write(file, keys)
    assert read_live(file, keys) == LIVE
    frames = list(read_frames(file, keys))
    assert [at for at, _ in frames] == [0.0, 1 / 15, 2 / 15]
    for (_, read), image in zip(frames, IMAGES, strict=True):
        assert read.shape == image.shape
        assert np.abs(read.astype(int) - image.astype(int)).mean() < 1.0


def test_nothing_of_a_picture_is_readable_in_the_file_and_nobody_else_may_open_it(file: Path, keys: KeyFolder) -> None:
    write(file, keys)
    content = file.read_bytes()
    assert b"\xff\xd8\xff" not in content
    assert b"JFIF" not in content
    assert b"look_left" not in content
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["one.lpad"]


def test_until_the_attempt_is_whole_there_is_no_file(file: Path, keys: KeyFolder) -> None:
    seen: list[list[Path]] = []

    def capture_until_the_camera_vanishes() -> None:
        with writing_capture(file, keys.current_or_new()) as writer:
            writer.add(0.0, IMAGES[0])
            seen.append(list(file.parent.iterdir()))
            raise CameraError("the camera vanished")

    with pytest.raises(CameraError):
        capture_until_the_camera_vanishes()
    assert seen == [[]]
    assert list(file.parent.iterdir()) == []


def test_another_key_is_one_sentence_that_names_it(file: Path, keys: KeyFolder, tmp_path: Path) -> None:
    write(file, keys)
    key = keys.current_or_new()
    other = KeyFolder(tmp_path / "elsewhere")
    other.current_or_new()
    with pytest.raises(CaptureKeyMissingError, match=key.id):
        read_live(file, other)


@given(data=st.data())
def test_a_changed_or_shortened_file_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("capture")
    keys, file = KeyFolder(folder / "state"), folder / "one.lpad"
    write(file, keys)
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        bit = data.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    file.write_bytes(bytes(content))
    with pytest.raises((CaptureUnreadableError, CaptureKeyMissingError)):  # a changed id names a key nobody has
        read_live(file, keys)


@pytest.mark.parametrize("content", [b"", b"no capture at all"])
def test_what_is_no_capture_is_one_sentence(file: Path, keys: KeyFolder, content: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(CaptureUnreadableError, match="no sealed recording"):
        read_live(file, keys)


def test_a_file_that_is_gone_is_one_sentence(file: Path, keys: KeyFolder) -> None:
    with pytest.raises(CaptureUnreadableError, match="No such file"):
        read_live(file, keys)


def test_a_folder_that_cannot_be_written_is_one_sentence(keys: KeyFolder) -> None:
    with pytest.raises(StorageUnwritableError), writing_capture(Path("/dev/null/one.lpad"), keys.current_or_new()):
        pass


def test_where_files_must_have_names_a_draft_is_renamed_and_swept(
    file: Path, keys: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a FAT stick. The kernel's refusal is played by the one system call that meets it."""
    real = os.open

    def refuses_unnamed(path: object, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no unnamed files here")
        return real(path, flags, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuses_unnamed)
    write(file, keys)
    assert read_live(file, keys) == LIVE
    assert [path.name for path in file.parent.iterdir()] == ["one.lpad"]
    (file.parent / ".draft-000000").write_bytes(b"of a capture that was killed")
    sweep_drafts(file.parent)
    assert [path.name for path in file.parent.iterdir()] == ["one.lpad"]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from device.collection.keys import KeyFolder
from device.measure.capture_file import writing_capture

folder = Path(sys.argv[1])
with writing_capture(folder / "pad" / "print" / "one.lpad", KeyFolder(folder / "state").current_or_new()) as writer:
    for number in range(1000):
        writer.add(number / 15, np.full((120, 160, 3), 99, np.uint8))
        if number == 20:
            print("recording", flush=True)
            sys.stdin.read()
"""


def test_a_capture_that_is_killed_leaves_no_file_at_all(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as recording:
        assert recording.stdout is not None
        assert recording.stdout.readline() == b"recording\n"
        recording.send_signal(signal.SIGKILL)
    assert recording.returncode == -signal.SIGKILL
    assert [path for path in (tmp_path / "pad").rglob("*") if path.is_file()] == []


def test_two_captures_of_the_same_second_have_two_names() -> None:
    names = {new_name("20260105-090000") for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("20260105-090000-") and name.endswith(".lpad") for name in names)


VERDICTS: list[PadVerdict | None] = [
    None,
    BonaFide(CUES),
    Undecided((MissingCue.MOTION, MissingCue.CHALLENGE), ()),
    *(Attack(reason, CUES) for reason in AttackReason),
]


@pytest.mark.parametrize("verdict", VERDICTS, ids=str)
def test_an_outcome_comes_back_from_its_bytes(verdict: PadVerdict | None) -> None:
    live = replace(LIVE, verdict=verdict, decided_after_s=None, asked=(), is_match=True, is_repeatable=True)
    assert decode_live(encode_live(live)) == live


def test_a_cue_that_is_no_number_stays_one() -> None:
    live = replace(LIVE, verdict=BonaFide((CueReading("texture.score", math.nan, 0.8),)))
    verdict = decode_live(encode_live(live)).verdict
    assert isinstance(verdict, BonaFide)
    assert math.isnan(verdict.cues[0].value)


@pytest.mark.parametrize(
    "content", [b"", b"\x90", encode_live(LIVE)[:-1], cv2.imencode(".png", IMAGES[0])[1].tobytes()]
)
def test_bytes_of_another_form_are_no_outcome(content: bytes) -> None:
    with pytest.raises(ValueError, match="another version"):
        decode_live(content)


def test_only_what_cannot_be_repeated_keeps_its_outcome_and_only_in_its_mode() -> None:
    assert LIVE.outcome("challenge") is not None
    assert LIVE.outcome("passive") is None
    assert replace(LIVE, is_repeatable=True).outcome("challenge") is None
