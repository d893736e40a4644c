from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import Lintel

from models.manifest import read_manifest

sys.path.append(str(Path(__file__).parents[1] / "models"))  # the helper beside the tests of the networks
from installed_models import original

STANDARD = read_manifest().profiles["standard"]
PIP_ONLY = read_manifest().profiles["pip-only"]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds nothing, and addresses outside this machine end at a port where nobody listens."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


def mirror(folder: Path, *names: str) -> Path:
    """A folder with the originals of these networks, where they are installed."""
    folder.mkdir(exist_ok=True)
    for name in names:
        file = original(name)
        (folder / file.name).symlink_to(file)
    return folder


@pytest.fixture
def standard(tmp_path: Path) -> Path:
    return mirror(tmp_path / "mirror", *STANDARD.networks, *STANDARD.optional)


def test_what_is_not_installed_cannot_be_listed_and_the_sentence_says_what_to_do(lintel: Lintel) -> None:
    for verb in ("list", "verify"):
        said = lintel("models", verb)
        assert said.exit_code == 41
        assert "run `lintel models install`" in said.sentence()


def test_without_network_or_mirror_the_installation_is_one_sentence_and_leaves_nothing(lintel: Lintel) -> None:
    said = lintel("models", "install")
    assert said.exit_code == 43
    assert "--mirror" in said.sentence()
    assert [file.name for file in lintel.state.rglob("*") if file.is_file()] == [".lock"]


def test_the_fallback_fails_in_one_sentence_too(lintel: Lintel) -> None:
    said = lintel("models", "install", "--allow-fallback")
    assert said.exit_code == 43
    assert "face_detection_short_range.tflite" in said.sentence()


def test_a_profile_that_is_not_listed_is_refused(lintel: Lintel) -> None:
    said = lintel("models", "install", "--profile", "best")
    assert said.exit_code == 40
    assert "there is no profile 'best'" in said.sentence()


def test_a_mirror_that_is_not_a_folder_is_refused(lintel: Lintel, tmp_path: Path) -> None:
    assert lintel("models", "install", "--mirror", tmp_path / "gone").exit_code == 2


def test_a_wrong_file_in_the_mirror_is_refused_with_both_digests(lintel: Lintel, tmp_path: Path) -> None:
    (tmp_path / "face_detection_short_range.tflite").write_bytes(b"wrong")
    said = lintel("models", "install", "--mirror", tmp_path)
    assert said.exit_code == 42
    assert "expected sha256 bbff11ce" in said.sentence()
    assert "found" in said.sentence()


def test_the_standard_profile_installs_from_a_mirror_once(lintel: Lintel, standard: Path) -> None:
    first = lintel("models", "install", "--mirror", standard, "--allow-fallback")
    assert (first.exit_code, first.err) == (0, "")
    assert "mobilefacenet runs in" in first.out
    second = lintel("models", "install")
    assert (second.exit_code, second.err) == (0, "")
    assert "nothing was fetched or built" in second.out
    assert lintel("models", "install", "--json").json_lines()[0]["made"] == []


def test_the_list_shows_both_times_and_why_a_build_runs(lintel: Lintel, standard: Path) -> None:
    lintel("models", "install", "--mirror", standard)
    assert "MobileFaceNet" not in lintel("models", "list").out  # names are those of the manifest
    (listed,) = lintel("models", "list", "--json").json_lines()
    networks = {network["role"]: network for network in listed["networks"]}
    assert listed["profile"] == "standard"
    assert networks["template"]["times_ms"].keys() == {"float", "int8"}
    assert networks["texture_near"]["times_ms"].keys() == {"float"}
    assert all(network["reason"] and network["licence"] for network in networks.values())


def test_a_changed_file_is_found_by_verify_and_mended_by_install(lintel: Lintel, standard: Path) -> None:
    lintel("models", "install", "--mirror", standard)
    assert "are intact" in lintel("models", "verify").out
    file = lintel.state / "models" / "files" / "face_landmark.tflite"
    file.write_bytes(file.read_bytes() + b"!")
    said = lintel("models", "verify")
    assert said.exit_code == 42
    assert str(file) in said.sentence()
    (verified,) = json.loads(lintel("models", "verify", "--json").out)["faults"]
    assert str(file) in verified
    assert lintel("models", "install", "--mirror", standard).exit_code == 0
    assert lintel("models", "verify").exit_code == 0


def test_the_fallback_says_what_is_weaker(lintel: Lintel, tmp_path: Path) -> None:
    folder = mirror(tmp_path / "mirror", *PIP_ONLY.networks, *PIP_ONLY.optional)
    said = lintel("models", "install", "--mirror", folder, "--allow-fallback")
    assert said.exit_code == 0
    assert "MobileFaceNet.onnx could not be fetched" in said.err
    assert "no texture network" in said.err
    assert "pip-only" in said.out


def test_a_template_network_is_kept_only_or_dropped_only(lintel: Lintel) -> None:
    assert lintel("models", "install", "--keep-template", "dlib-resnet", "--drop-template").exit_code == 2
    said = lintel("models", "install", "--keep-template", "facemesh")
    assert said.exit_code == 40
    assert "no template network 'facemesh'" in said.sentence()
