from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from command_line import Lintel
from msgspec.structs import replace

from device.config import Settings
from device.measure.simulate.clip import Clip
from device.measure.simulate.scenes import EmptyRoom, Visit
from device.vision.enrolment import StillExtractor
from enroll.cast import ENROLLED, Cast, Expected, first_usable, frames_of
from enroll.demo import by_motion_alone, demo_settings, has_texture, play
from models.store import Installed


@pytest.fixture
def _root_logger() -> Iterator[None]:
    """The demo logs to a file, whatever logged before; here that goes on afterwards."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers[:] = before


def test_the_demo_has_a_state_of_its_own_and_the_administrators_networks(tmp_path: Path) -> None:
    settings = demo_settings(Settings(), tmp_path)
    assert settings.state_folder == tmp_path
    assert settings.models_folder == Settings().models_folder
    assert settings.recognition == Settings().recognition
    assert settings.liveness == Settings().liveness


def test_who_is_judged_by_motion_alone_is_asked_nothing_and_it_is_said_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    liveness = by_motion_alone(Settings(), "a puppet's skin is a photo").liveness
    assert not liveness.use_texture
    assert liveness.mode == "passive"
    assert "motion alone must show a live head: a puppet's skin is a photo" in capsys.readouterr().out


def test_texture_is_there_when_it_is_installed_and_used(standard_networks: Installed) -> None:
    site = replace(Settings().site, models_folder=str(standard_networks.store.root))
    settings = replace(Settings(), site=site)
    assert has_texture(settings)
    assert not has_texture(replace(settings, liveness=replace(settings.liveness, use_texture=False)))


def test_without_the_texture_networks_there_is_none(pip_only_networks: Installed) -> None:
    site = replace(Settings().site, models_folder=str(pip_only_networks.store.root))
    assert not has_texture(replace(Settings(), site=site))


def test_a_camera_and_a_recording_do_not_go_together(lintel: Lintel, tmp_path: Path) -> None:
    said = lintel("demo", "--camera", "0", "--video", tmp_path / "film.mp4", "--out", tmp_path / "out")
    assert said.exit_code == 2
    assert "--camera" in said.err


def test_a_folder_that_cannot_be_made_is_one_sentence(lintel: Lintel) -> None:
    said = lintel("demo", "--out", "/dev/null/demo")
    assert said.exit_code == 39
    assert "/dev/null/demo" in said.sentence()


def test_without_networks_the_demo_says_how_to_install_them(lintel: Lintel, tmp_path: Path) -> None:
    said = lintel("demo", "--out", tmp_path / "out")
    assert said.exit_code == 41
    assert "lintel models install" in said.sentence()


@pytest.mark.usefixtures("_root_logger")
def test_a_visitor_is_played_to_the_real_loop_and_a_real_door_daemon(
    standard_networks: Installed,
    stills: StillExtractor,
    head_turns: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In real time, and as short as it can be: the relay goes high and, by the daemon's timer, low again."""
    still = first_usable(frames_of(Clip(head_turns)), stills, described="the recording")
    room = Visit("empty room", EmptyRoom(), 0.4)
    visits = (room, Visit(ENROLLED, Clip(head_turns, start_s=8.0), 1.5), Visit("empty room", EmptyRoom(), 0.6))
    cast = Cast(still, visits, {ENROLLED: Expected.GRANT}, ("a real recording",))
    site = replace(Settings().site, models_folder=str(standard_networks.store.root))
    settings = demo_settings(replace(Settings(), site=site), tmp_path / "state")
    assert play(cast, settings, stills, tmp_path)
    told = capsys.readouterr().out
    assert "enrolled person: granted" in told
    assert "relay pin high" in told
    assert "relay pin low" in told
    assert cv2.imread(str(tmp_path / "contact-sheet.png")) is not None
    log = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in log if "kind" in line]
    assert kinds[:3] == ["person.enrolled", "appliance.started", "decision.granted"]
    assert kinds[-1] == "appliance.stopped"
