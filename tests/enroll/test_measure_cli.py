"""`lintel measure`, from the command line to the figures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from command_line import Lintel

from device.measure.simulate.portraits import grace_hopper
from models.store import Installed


@pytest.fixture
def with_networks(lintel: Lintel, networks: Installed) -> Lintel:
    """The command with the networks that `make` has installed, and a state of the test's own."""
    lintel.state.mkdir()
    (lintel.state / "models").symlink_to(networks.store.root.resolve(), target_is_directory=True)
    return lintel


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two identities with two photos each, and one file that is no photo. The second person is the first, mirrored."""
    portrait = grace_hopper()
    for name, picture in (("anna", portrait), ("bert", portrait[:, ::-1])):
        for number, scale in enumerate((1.0, 0.7)):
            file = tmp_path / "album" / name / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), cv2.resize(picture, None, fx=scale, fy=scale))
    (tmp_path / "album" / "bert" / "2.jpg").write_bytes(b"no photo")
    return tmp_path / "album"


def test_accuracy_counts_everything_in_a_folder(with_networks: Lintel, album: Path) -> None:
    said = with_networks("measure", "accuracy", album, "--json")
    assert said.exit_code == 0
    document = json.loads(said.out)
    assert {"model", "identities", "mated", "non_mated", "fta", "fnmr_at_fmr", "threshold_at_fmr"} <= document.keys()
    assert (document["identities"], document["photos"], document["mated"], document["non_mated"]) == (2, 5, 2, 1)
    assert (document["not_acquired"], document["unreadable"], document["fta"]) == (1, 1, 0.2)
    assert document["fnmr_at_fmr"] == {}  # one comparison tells no rate
    assert document["precision"] in document["by_precision"]


def test_accuracy_is_a_table_for_people(with_networks: Lintel, album: Path) -> None:
    said = with_networks("measure", "accuracy", album)
    assert said.exit_code == 0
    assert "1 not acquired (FTA 0.2000), of these 1 unreadable" in " ".join(said.out.split())


def test_one_precision_can_be_asked_for(with_networks: Lintel, album: Path) -> None:
    document = json.loads(with_networks("measure", "accuracy", album, "--precision", "float", "--json").out)
    assert list(document["by_precision"]) == ["float"]


def test_a_folder_without_photos_is_one_sentence(lintel: Lintel, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = lintel("measure", "accuracy", tmp_path / "empty")
    assert said.exit_code == 10
    assert "photos of two people or more are needed" in said.sentence()


def test_without_networks_the_sentence_says_how_to_install_them(lintel: Lintel, album: Path) -> None:
    said = lintel("measure", "accuracy", album)
    assert said.exit_code == 41
    assert "lintel models install" in said.sentence()


def test_speed_has_its_stages_its_frame_and_its_peer(with_networks: Lintel) -> None:
    said = with_networks("measure", "speed", "--frames", "20", "--people", "30", "--json")
    assert said.exit_code == 0
    document = json.loads(said.out)
    assert {"stages", "frame", "peer", "ratio"} <= document.keys()
    assert {"detect", "mesh", "align", "template", "search", "policy"} <= document["stages"].keys()
    assert all(times.keys() == {"p50_ms", "p95_ms"} for times in (*document["stages"].values(), document["frame"]))
    assert (document["peer"] is None) == (document["ratio"] is None)
    assert "simulated" in document["source"]


def test_speed_is_a_table_for_people(with_networks: Lintel) -> None:
    said = with_networks("measure", "speed", "--frames", "20", "--people", "30")
    assert "frame, every stage" in said.out


def test_latency_accounts_for_every_visit(with_networks: Lintel) -> None:
    document = json.loads(with_networks("measure", "latency", "--visits", "2", "--json").out)
    assert document["grants"] + sum(document["denials"].values()) == document["visits"] == 2
    assert document["rate_hz"] == 15.0


def test_a_video_that_is_none_is_one_sentence(with_networks: Lintel, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    said = with_networks("measure", "speed", "--video", broken)
    assert said.exit_code == 21
    assert "broken.mp4" in said.sentence()


@pytest.mark.slow
def test_the_appliance_starts_and_is_weighed(with_networks: Lintel) -> None:
    document = json.loads(with_networks("measure", "footprint", "--json").out)
    assert document.keys() == {"import_s", "ready_s", "resident_mb", "peak_mb"}
    assert 20 < document["resident_mb"] <= document["peak_mb"]
