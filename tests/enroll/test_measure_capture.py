"""`lintel measure pad --capture`, from a recording that plays the camera to the rates."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from command_line import Lintel

from device.audit.log import reading_audit
from device.measure.simulate.clip import Clip
from device.measure.simulate.portraits import grace_hopper
from models.store import Installed


@pytest.fixture
def door(lintel: Lintel, networks: Installed) -> Lintel:
    lintel.state.mkdir()
    (lintel.state / "models").symlink_to(networks.store.root.resolve(), target_is_directory=True)
    return lintel


@pytest.fixture
def camera(head_turns: Path, tmp_path: Path) -> Path:
    """Two seconds of a real man, as a camera would deliver them."""
    clip, file = Clip(head_turns), tmp_path / "camera.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (640, 480))
    for number in range(30):
        writer.write(clip.frame_at(number / 15))
    writer.release()
    return file


def test_an_attempt_is_captured_sealed_and_measured(door: Lintel, camera: Path, tmp_path: Path) -> None:
    pad = tmp_path / "pad"
    said = door("measure", "pad", pad, "--capture", "bona_fide", "--camera", camera, "--attempts", "2")
    assert said.exit_code == 0, said.err
    assert "Attempt 1 of 2: walk up to the door as always." in said.out
    assert "recording" in said.out
    assert "the door would have" in said.out
    files = sorted((pad / "bona_fide").iterdir())
    assert [file.suffix for file in files] == [".lpad", ".lpad"]
    assert all(b"JFIF" not in file.read_bytes() for file in files)
    with reading_audit(door.state / "audit.db") as reader:
        assert [event.kind for event in reader.events()] == ["pad.captured"]
    measured = door("measure", "pad", pad, "--mode", "passive", "--json")
    assert json.loads(measured.out)["bona_fide"]["n"] == 2


def test_what_the_door_asked_while_it_captured_is_what_counts_in_that_mode(
    door: Lintel, camera: Path, tmp_path: Path
) -> None:
    pad, asked = tmp_path / "pad", ("--capture", "phone", "--attempts", "1", "--mode", "challenge", "--json")
    said = door("measure", "pad", pad, *asked, "--camera", camera)
    assert said.exit_code == 0, said.err
    (attempt,) = json.loads(said.out)["attempts"]
    assert attempt["verdict"] != "bona_fide"
    assert [word for _, word in attempt["asked"]][:1] == ["hold_still"]
    assert "the door asks: hold still" in said.err
    again = door("measure", "pad", pad, "--mode", "challenge")
    assert "1 of 1 are what the door said when it captured them in mode challenge" in again.out
    assert "cannot answer what" not in again.out
    assert json.loads(door("measure", "pad", pad, "--mode", "challenge", "--json").out)["recorded"] == 1


@pytest.mark.parametrize(("mode", "is_warned"), [("challenge", True), ("passive", False)])
def test_rates_of_plain_recordings_in_a_mode_that_asks_are_said_to_be_worth_nothing(
    door: Lintel, tmp_path: Path, mode: str, is_warned: bool
) -> None:
    still = tmp_path / "pad" / "bona_fide" / "one.png"
    still.parent.mkdir(parents=True)
    cv2.imwrite(str(still), grace_hopper())
    said = door("measure", "pad", tmp_path / "pad", "--mode", mode)
    assert (said.exit_code, said.err) == (0, "")
    sentence = f"1 of 1 are recordings, which cannot answer what mode {mode} asks"
    assert (sentence in said.out) is is_warned
    assert json.loads(door("measure", "pad", tmp_path / "pad", "--mode", mode, "--json").out)["recorded"] == 0


def test_an_attempt_that_was_moved_changed_or_belongs_elsewhere_ends_the_run(
    door: Lintel, camera: Path, tmp_path: Path
) -> None:
    pad = tmp_path / "pad"
    assert door("measure", "pad", pad, "--capture", "phone", "--camera", camera, "--attempts", "1").exit_code == 0
    (file,) = (pad / "phone").iterdir()
    content = file.read_bytes()
    moved = pad / "bona_fide" / file.name
    moved.parent.mkdir()
    file.rename(moved)
    said = door("measure", "pad", pad)
    assert (said.exit_code, said.out) == (91, "")
    assert "captured as phone and lies under bona_fide" in said.sentence()
    moved.rename(file)
    file.write_bytes(content[:-1])
    assert door("measure", "pad", pad).exit_code == 91
    file.write_bytes(content)
    (door.state / "site.key").unlink()
    said = door("measure", "pad", pad)
    assert said.exit_code == 92
    assert "not on this device" in said.sentence()


@pytest.mark.parametrize("species", ["../elsewhere", "two words", ""])
def test_a_species_is_one_word(door: Lintel, tmp_path: Path, species: str) -> None:
    said = door("measure", "pad", tmp_path / "pad", "--capture", species)
    assert said.exit_code == 2
    assert "one word" in said.err


def test_a_camera_that_is_none_is_one_sentence_and_nothing_is_kept(door: Lintel, tmp_path: Path) -> None:
    said = door("measure", "pad", tmp_path / "pad", "--capture", "phone", "--camera", tmp_path / "none.avi")
    assert said.exit_code == 21
    assert [path for path in (tmp_path / "pad").rglob("*") if path.is_file()] == []


def test_without_lamps_light_is_not_captured(door: Lintel, camera: Path, tmp_path: Path) -> None:
    config = tmp_path / "lintel.toml"
    config.write_text(f"[liveness]\nmode = 'light'\nlight_left = 'white'\n[door]\nsocket = '{tmp_path}/none'\n")
    said = door("--config", config, "measure", "pad", tmp_path / "pad", "--capture", "phone", "--camera", camera)
    assert said.exit_code not in {0, 1, 2}
    assert not (tmp_path / "pad").exists()


@pytest.mark.parametrize("arguments", [(".",), (".", "--capture", "phone")])
def test_mode_light_needs_emitters_where_nothing_is_simulated(lintel: Lintel, arguments: tuple[str, ...]) -> None:
    said = lintel("measure", "pad", *arguments, "--mode", "light")
    assert (said.exit_code, said.out) == (78, "")
    assert "light" in said.sentence()
