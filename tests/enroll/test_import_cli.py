"""`lintel enroll import` with the real networks and two public-domain portraits."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Lintel
from PIL import Image as Pillow

from device.measure.simulate.portraits import eileen_collins, grace_hopper
from models.store import Installed

SOME_REJECTED = 89


@pytest.fixture
def equipped(lintel: Lintel, networks: Installed) -> Lintel:
    lintel.state.mkdir()
    (lintel.state / "models").symlink_to(networks.store.root)
    return lintel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, image in (("Grace Hopper", grace_hopper()), ("Eileen Collins", eileen_collins())):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Pillow.fromarray(image[:, :, ::-1]).save(tmp_path / "photos" / name / "one.png")
    return tmp_path / "photos"


def outcomes(lintel: Lintel, *arguments: str | Path) -> dict[str, str]:
    said = lintel("enroll", "import", *arguments, "--json")
    return {one["name"]: one["outcome"] for one in said.json_lines() if one["kind"] == "person"}


def names(lintel: Lintel) -> list[str]:
    (everyone,) = lintel("people", "list", "--json").json_lines()
    return [person["name"] for person in everyone]


def test_nothing_is_written_before_it_is_meant(equipped: Lintel, folder: Path) -> None:
    assert set(outcomes(equipped, folder, "--consent", "form").values()) == {"enrol"}
    assert names(equipped) == []


def test_who_is_enrolled_once_stays_as_they_are(equipped: Lintel, folder: Path) -> None:
    assert set(outcomes(equipped, folder, "--consent", "form", "--commit").values()) == {"enrolled"}
    assert set(outcomes(equipped, folder, "--consent", "form", "--commit").values()) == {"already_enrolled"}
    assert names(equipped) == ["Eileen Collins", "Grace Hopper"]


def test_nobody_is_taken_who_did_not_agree(equipped: Lintel, folder: Path) -> None:
    said = equipped("enroll", "import", folder, "--commit")
    assert said.exit_code == SOME_REJECTED
    assert "CONSENT_MISSING" in said.out
    assert names(equipped) == []


@pytest.mark.parametrize("mode", ["", "--commit"])
def test_the_same_face_under_another_name_is_a_look_alike(equipped: Lintel, folder: Path, mode: str) -> None:
    (folder / "Somebody Else").mkdir()
    (folder / "Somebody Else" / "one.png").write_bytes((folder / "Grace Hopper" / "one.png").read_bytes())
    said = equipped("enroll", "import", folder, "--consent", "form", *filter(None, [mode]))
    assert said.exit_code == SOME_REJECTED
    assert "LOOK_ALIKE: looks like Grace Hopper" in said.out


def test_a_photo_of_two_people_is_told_in_rekognitions_word(equipped: Lintel, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("name,photos,consent\nTwo People,two.png,form\n")
    one = Pillow.fromarray(grace_hopper()[:, :, ::-1])
    both = Pillow.new("RGB", (one.width * 2, one.height))
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    both.save(tmp_path / "two.png")
    said = equipped("enroll", "import", tmp_path / "people.csv", "--commit")
    assert said.exit_code == SOME_REJECTED
    assert "EXCEEDS_MAX_FACES" in said.out
