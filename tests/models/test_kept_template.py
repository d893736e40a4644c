from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from model_builders import fake_bytes, fake_manifest, network

from models.errors import DigestError, DownloadError, ManifestError, ModelMissingError
from models.install import Installer
from models.manifest import Manifest, Profile, Role
from models.store import ModelStore

CONTENTS = {f"{name}.fake": fake_bytes(name) for name in ("eye", "new", "old")}


def manifest() -> Manifest:
    profiles = {
        "standard": Profile(summary="new", networks=("eye", "new")),
        "pip-only": Profile(summary="old", networks=("eye", "old"), weaker="It is weaker."),
    }
    made = fake_manifest(CONTENTS, **profiles)
    templates = {
        name: msgspec.structs.replace(network(role=Role.TEMPLATE, file=f"{name}.fake"), model_id=f"{name}-1")
        for name in ("new", "old")
    }
    return msgspec.structs.replace(made, networks={**made.networks, **templates})


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store", manifest())


@pytest.mark.parametrize("word", ["old", "old-1"])
def test_a_template_network_is_kept_beside_another_profile_by_name_or_model_id(
    store: ModelStore, mirror: Path, word: str
) -> None:
    Installer(store, [mirror]).install("pip-only")
    outcome = Installer(store, keep=[word]).install_or_fall_back()
    assert outcome.profile == "pip-only"  # it is part of that profile, and so needs not be kept
    assert store.installed().kept_cards == ()
    assert Installer(store, [mirror], keep=[word]).install("standard").made == (
        "new",
    )  # the old one was not made again
    installed = store.installed()
    card = installed.card(Role.TEMPLATE)
    assert card is not None
    assert card.model_id == "new-1"
    assert installed.kept_card("old-1").name == "old"
    assert {artefact.path for artefact in installed.artefacts} == {f"files/{name}" for name in CONTENTS}


def test_what_is_kept_stays_kept_until_it_is_dropped(store: ModelStore, mirror: Path) -> None:
    Installer(store, [mirror], keep=["old"]).install("standard")
    Installer(store).install("standard")
    assert [card.name for card in store.installed().kept_cards] == ["old"]
    Installer(store, keep=[]).install("standard")
    assert store.installed().kept_cards == ()


def test_a_network_that_is_not_kept_is_missed_with_the_command_that_keeps_it(store: ModelStore, mirror: Path) -> None:
    Installer(store, [mirror]).install("standard")
    with pytest.raises(ModelMissingError, match="--profile standard --keep-template old-1"):
        store.installed().kept_card("old-1")


def test_what_cannot_be_kept_changes_nothing(store: ModelStore, mirror: Path) -> None:
    Installer(store, [mirror]).install("standard")
    (mirror / "old.fake").unlink()
    for word, fault in (("old", DownloadError), ("eye", ManifestError), ("nothing", ManifestError)):
        with pytest.raises(fault):
            Installer(store, [mirror], keep=[word]).install("standard")
    assert store.installed().kept_cards == ()


def test_a_kept_file_that_has_changed_is_seen(store: ModelStore, mirror: Path) -> None:
    Installer(store, [mirror], keep=["old"]).install("standard")
    (store.root / "files" / "old.fake").write_bytes(b"changed")
    installed = store.installed()
    entry = installed.inventory.kept["old"]
    with pytest.raises(DigestError):
        store.read(entry.builds[entry.chosen])
