"""`lintel people add` with the real networks and a public-domain portrait that matplotlib ships."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import pytest
from command_line import Lintel
from PIL import Image as Pillow

from models.store import Installed

PORTRAIT = Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"


@pytest.fixture
def equipped(lintel: Lintel, networks: Installed) -> Lintel:
    """The command on a state folder that has networks."""
    lintel.state.mkdir()
    (lintel.state / "models").symlink_to(networks.store.root)
    return lintel


def names(lintel: Lintel) -> list[str]:
    (everyone,) = lintel("people", "list", "--json").json_lines()
    return [person["name"] for person in everyone]


def opened() -> Pillow.Image:
    return Pillow.open(io.BytesIO(PORTRAIT.read_bytes()))


def bad_photo(folder: Path, fault: str) -> Path:
    portrait = opened()
    match fault:
        case "no face":
            picture = Pillow.new("RGB", (400, 400), "white")
        case "several faces":
            picture = Pillow.new("RGB", (portrait.width * 2, portrait.height))
            picture.paste(portrait, (0, 0))
            picture.paste(portrait, (portrait.width, 0))
        case "too small":
            picture = portrait.resize((60, 71))
        case _:
            raise AssertionError(fault)
    picture.save(folder / "bad.png")
    return folder / "bad.png"


def test_a_person_is_enrolled_from_one_photo(equipped: Lintel) -> None:
    said = equipped("people", "add", "Grace Hopper", "--consent", "form", "--photo", PORTRAIT, "--json")
    assert said.exit_code == 0, said.err
    (added,) = said.json_lines()
    assert (added["name"], added["references"]) == ("Grace Hopper", 1)
    assert names(equipped) == ["Grace Hopper"]
    (event,) = equipped("audit", "show", "--json").json_lines()
    assert event["facts"] == {
        "person": added["id"],
        "references": 1,
        "models": [added["model"]],
        "how": "photos",
        "consent": "1",
    }
    quality = (equipped.state / "collection.db").read_bytes()
    assert b"face_height_px" in quality


def test_several_photos_may_follow_one_option_or_several(equipped: Lintel, tmp_path: Path) -> None:
    mirrored = tmp_path / "mirrored.png"
    opened().transpose(Pillow.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    said = equipped(
        "people", "add", "Grace Hopper", "--consent", "form", "--photo", PORTRAIT, mirrored, "--photo", PORTRAIT
    )
    assert said.exit_code == 0, said.err
    assert said.out.rstrip().endswith("3 references")


FAULTS = {"no face": 13, "several faces": 14, "too small": 15}


@pytest.mark.parametrize(("fault", "exit_code"), FAULTS.items())
def test_one_bad_photo_of_two_is_named_and_nothing_is_written(
    equipped: Lintel, tmp_path: Path, fault: str, exit_code: int
) -> None:
    said = equipped(
        "people", "add", "Grace Hopper", "--consent", "form", "--photo", PORTRAIT, bad_photo(tmp_path, fault)
    )
    assert said.exit_code == exit_code
    assert "bad.png" in said.sentence()
    assert names(equipped) == []
    assert equipped("audit", "verify", "--json").json_lines()[0]["events"] == 0


def test_the_same_face_under_another_name_needs_to_be_meant(equipped: Lintel) -> None:
    assert equipped("people", "add", "Grace Hopper", "--consent", "form", "--photo", PORTRAIT).exit_code == 0
    said = equipped("people", "add", "Somebody Else", "--consent", "form", "--photo", PORTRAIT)
    assert said.exit_code == 38
    assert "looks like Grace Hopper" in said.sentence()
    assert (
        equipped(
            "people", "add", "Somebody Else", "--consent", "form", "--photo", PORTRAIT, "--allow-duplicate"
        ).exit_code
        == 0
    )
    assert names(equipped) == ["Grace Hopper", "Somebody Else"]


def test_a_person_who_would_overfill_the_gallery_is_refused_before_anything_is_written(
    equipped: Lintel, tmp_path: Path
) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text("[recognition]\ntarget_fpir = 1e-9\n")
    said = equipped("--config", strict, "people", "add", "Grace Hopper", "--consent", "form", "--photo", PORTRAIT)
    assert said.exit_code == 37
    assert "cannot meet target_fpir 1e-09" in said.sentence()
    assert names(equipped) == []
