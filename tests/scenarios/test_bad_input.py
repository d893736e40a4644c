"""What a user may get wrong, through the real commands: one clear sentence, its exit code, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_newcomer

from device.audit.log import reading_audit
from device.clock import SystemClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.measure.simulate.clip import Clip
from device.vision.enrolment import StillExtractor
from enroll.cast import first_usable, frames_of
from firmware_bridge.child import mock_door
from models.store import Installed

PATIENCE_S = 60.0  # a process that takes longer has failed
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def config(tmp_path: Path, state: Path) -> Callable[..., Path]:
    """Writes a configuration file with this state folder and whatever else is given."""

    def write(text: str = "", *, models: Path | None = None) -> Path:
        file = tmp_path / "lintel.toml"
        folders = f"state_folder = '{state}'\n" + (f"models_folder = '{models}'\n" if models else "")
        file.write_text(f"[site]\n{folders}{text}")
        return file

    return write


@pytest.fixture
def appliance(root: Path) -> Run:
    """`python -m device --config FILE`."""
    return lambda file: _run(root, "-m", "device", "--config", str(file))


@pytest.fixture
def lintel(root: Path) -> Run:
    """`lintel --config FILE …`."""
    return lambda file, *rest: _run(root, "-c", "from enroll.cli import main; main()", "--config", str(file), *rest)


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    elsewhere = {name: value for name, value in os.environ.items() if name != "LINTEL_STATE"}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=root, timeout=PATIENCE_S, check=False, env=elsewhere
    )


def complaint(ended: subprocess.CompletedProcess[str], exit_code: int) -> str:
    """The one sentence that a failed command left behind."""
    assert ended.returncode == exit_code, ended.stderr
    assert "Traceback" not in ended.stderr
    sentences = [line for line in ended.stderr.splitlines() if line.startswith("lintel: ")]
    assert len(sentences) == 1, ended.stderr
    return sentences[0]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[camera]\nwidth = 640\n", ["lintel.toml", "[camera]", "width"]),
        ("[recognition]\ntarget_fpir = 0.5\n", ["[recognition]", "target_fpir"]),
        ("[camera\n", ["lintel.toml", "TOML"]),
    ],
)
def test_a_wrong_configuration_is_named_by_file_section_and_key(
    appliance: Run, config: Callable[..., Path], text: str, named: list[str]
) -> None:
    sentence = complaint(appliance(config(text)), 78)
    assert all(word in sentence for word in named)


def test_a_configuration_that_is_not_there_is_named(appliance: Run, tmp_path: Path) -> None:
    assert "nowhere.toml" in complaint(appliance(tmp_path / "nowhere.toml"), 78)


def test_without_networks_the_appliance_says_how_to_install_them(
    appliance: Run, config: Callable[..., Path], tmp_path: Path
) -> None:
    sentence = complaint(appliance(config(models=tmp_path / "nothing")), 41)
    assert "lintel models install" in sentence


@pytest.mark.parametrize("content", [b"", b"somebody's diary, chapter one " * 200])
def test_a_file_that_is_no_collection_is_refused_and_left_alone(
    networks: Installed, appliance: Run, config: Callable[..., Path], state: Path, content: bytes
) -> None:
    file = state / "collection.db"
    file.write_bytes(content)
    sentence = complaint(appliance(config(models=networks.store.root)), 31)
    assert "collection.db" in sentence
    assert file.read_bytes() == content


def test_a_collection_of_a_newer_lintel_is_refused_and_left_alone(
    networks: Installed, appliance: Run, config: Callable[..., Path], state: Path
) -> None:
    file = state / "collection.db"
    open_collection(file).close()
    with sqlite3.connect(file) as database:
        (columns,) = database.execute("SELECT * FROM _sqlite_migrations LIMIT 1").fetchall()
        places = ", ".join("?" * len(columns))
        future = ["m999_from_the_future" if str(value).startswith("m001") else value for value in columns]
        future = [9999 if isinstance(value, int) else value for value in future]
        database.execute(f"INSERT INTO _sqlite_migrations VALUES ({places})", future)  # noqa: S608 (question marks)
    database.close()
    before = file.read_bytes()
    assert "newer Lintel" in complaint(appliance(config(models=networks.store.root)), 32)
    assert file.read_bytes() == before


def test_a_file_that_is_no_audit_log_is_refused_and_left_alone(
    networks: Installed, appliance: Run, config: Callable[..., Path], state: Path
) -> None:
    file = state / "audit.db"
    file.write_bytes(b"not a log")
    assert "audit.db" in complaint(appliance(config(models=networks.store.root)), 51)
    assert file.read_bytes() == b"not a log"


def broken_video(folder: Path) -> Path:
    file = folder / "film.mp4"
    file.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(500))
    return file


def test_a_video_that_cannot_be_decoded_ends_the_appliance_with_a_record_of_it(
    networks: Installed, appliance: Run, config: Callable[..., Path], state: Path, tmp_path: Path
) -> None:
    file = config(f"[camera]\nsource = '{broken_video(tmp_path)}'\n", models=networks.store.root)
    assert "film.mp4" in complaint(appliance(file), 21)
    with reading_audit(state / "audit.db") as reader:
        assert [event.kind for event in reader.events()] == ["appliance.started", "fault"]


def test_a_video_that_cannot_be_decoded_cannot_be_watched(
    networks: Installed, lintel: Run, config: Callable[..., Path], tmp_path: Path
) -> None:
    ended = lintel(config(models=networks.store.root), "watch", "--video", str(broken_video(tmp_path)))
    assert "film.mp4" in complaint(ended, 21)


def film_of(pictures: list[np.ndarray], file: Path, *, rate_hz: float) -> Path:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (width, height))
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return file


def test_a_video_that_ends_ends_the_watch_and_whoever_was_in_it_is_told(
    standard_networks: Installed,
    lintel: Run,
    config: Callable[..., Path],
    head_turns: Path,
    state: Path,
    tmp_path: Path,
) -> None:
    """Nobody is enrolled, and the film is shorter than a stranger would be kept waiting: still there is a line."""
    clip = Clip(head_turns, start_s=8.0)
    film = film_of([clip.frame_at(n / 15) for n in range(15)], tmp_path / "short.avi", rate_hz=15.0)
    ended = lintel(config(models=standard_networks.store.root), "watch", "--video", str(film), "--json")
    assert ended.returncode == 0, ended.stderr
    (told,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (told["decision"], told["reason"]) == ("denied", "not_enrolled")
    with reading_audit(state / "audit.db") as reader:
        events = [event.as_object() for event in reader.events()]
    assert [event["kind"] for event in events] == ["appliance.started", "decision.denied", "appliance.stopped"]
    assert all(event["facts"]["watched_only"] for event in events)


def test_the_appliance_lets_somebody_in_and_leaves_in_good_order_when_told(
    standard_networks: Installed,
    stills: StillExtractor,
    config: Callable[..., Path],
    root: Path,
    head_turns: Path,
    state: Path,
    tmp_path: Path,
) -> None:
    """Headless, in real time, on the socket of a real door daemon."""
    clip = Clip(head_turns, start_s=8.0)
    still = first_usable(frames_of(Clip(head_turns)), stills, described="the recording")
    film = film_of([clip.frame_at(n / 15) for n in range(150)], tmp_path / "ten-seconds.avi", rate_hz=15.0)
    template, quality = stills.extract(still)
    with open_collection(state / "collection.db") as collection:
        collection.add_person(make_newcomer("Ada", [Reference(template, quality)]), at=SystemClock().now())
    with mock_door() as door:
        file = config(
            f"[camera]\nsource = '{film}'\n[door]\nsocket = '{door.socket_path}'\nrelease_for_s = 0.5\n",
            models=standard_networks.store.root,
        )
        command = [sys.executable, "-m", "device", "--config", str(file)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=root) as process:
            for event in door.client.watch():
                if event.kind == "secured":
                    break
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said
        levels = [level for _, line, level in door.client.pin_levels() if line == "lock"]
    assert levels == [False, True, False]
    with reading_audit(state / "audit.db") as reader:
        kinds = [event.kind for event in reader.events()]
    assert kinds[:2] == ["appliance.started", "decision.granted"]
    assert kinds[-1] == "appliance.stopped"
