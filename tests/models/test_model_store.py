from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from model_builders import fake_bytes, fake_manifest, picture

from models.errors import DigestError, ModelMissingError, StoreError
from models.install import Installer
from models.manifest import Manifest, Precision, Profile, Role
from models.session import RuntimeOptions
from models.store import Artefact, ModelStore

CONTENTS = {"one.fake": fake_bytes("1"), "two.fake": fake_bytes("2")}
MANIFEST = fake_manifest(CONTENTS)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store", MANIFEST)


@pytest.fixture
def filled(store: ModelStore, mirror: Path) -> ModelStore:
    Installer(store, [mirror]).install("standard")
    return store


def test_an_empty_store_names_the_command_that_fills_it(store: ModelStore) -> None:
    with pytest.raises(ModelMissingError, match="run `lintel models install`"):
        store.installed()


def test_an_installed_network_opens_and_runs(filled: ModelStore) -> None:
    installed = filled.installed()
    assert installed.profile == "standard"
    assert installed.open(Role.DETECTOR, RuntimeOptions()).infer(picture())[0].shape == picture().shape


def test_a_card_says_what_is_installed(filled: ModelStore) -> None:
    card = filled.installed().card(Role.DETECTOR)
    assert card is not None
    assert (card.name, card.role, card.model_id) == ("one", Role.DETECTOR, "tiny-detector")
    assert card.precision is Precision.FLOAT
    assert card.input == MANIFEST.networks["one"].input
    assert [c.name for c in filled.installed().cards] == ["one", "two"]


def test_a_role_without_a_network_has_no_card_and_cannot_be_opened(filled: ModelStore) -> None:
    assert filled.installed().card(Role.TEMPLATE) is None
    with pytest.raises(ModelMissingError, match="standard has no network for template"):
        filled.installed().open(Role.TEMPLATE, RuntimeOptions())


def test_a_precision_that_was_not_built_cannot_be_opened(filled: ModelStore) -> None:
    with pytest.raises(ModelMissingError, match="not installed in int8"):
        filled.installed().open_build("one", Precision.INT8, RuntimeOptions())


def test_a_changed_file_never_reaches_the_runtime(filled: ModelStore) -> None:
    file = filled.root / "files" / "one.fake"
    file.write_bytes(fake_bytes("another network that the runtime would run"))
    with pytest.raises(DigestError, match=str(file)):
        filled.installed().open(Role.DETECTOR, RuntimeOptions())
    assert filled.installed().open(Role.DETECTOR_FAR, RuntimeOptions()) is not None


def test_a_removed_file_is_missed_by_name(filled: ModelStore) -> None:
    (filled.root / "files" / "one.fake").unlink()
    with pytest.raises(ModelMissingError, match=r"one\.fake is gone; run"):
        filled.installed().open(Role.DETECTOR, RuntimeOptions())


def test_a_file_that_cannot_be_read_is_a_sentence(filled: ModelStore) -> None:
    file = filled.root / "files" / "one.fake"
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        filled.installed().open(Role.DETECTOR, RuntimeOptions())


def test_networks_of_another_version_are_not_used(filled: ModelStore) -> None:
    newer = fake_manifest({"one.fake": fake_bytes("newer"), "two.fake": fake_bytes("2")})
    installed = ModelStore(filled.root, newer).installed()
    for use in (lambda: installed.card(Role.DETECTOR), lambda: installed.open(Role.DETECTOR, RuntimeOptions())):
        with pytest.raises(ModelMissingError, match="another version of Lintel; run"):
            use()
    assert installed.card(Role.DETECTOR_FAR) is not None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"format": 1, "profile": "standard"}',
        b'{"format": 1, "profile": "standard", "networks": {}, "more": 1}',
    ],
)
def test_a_damaged_inventory_is_refused_and_untouched(filled: ModelStore, damage: bytes) -> None:
    file = filled.root / "installed.json"
    file.write_bytes(damage)
    for use in (filled.installed, lambda: Installer(filled).install("standard")):
        with pytest.raises(StoreError, match="is damaged"):
            use()
    assert file.read_bytes() == damage


def test_an_inventory_of_a_newer_version_is_refused_and_untouched(filled: ModelStore) -> None:
    file = filled.root / "installed.json"
    newer = file.read_bytes().replace(b'"format": 1', b'"format": 2')
    file.write_bytes(newer)
    with pytest.raises(StoreError, match="another version"):
        Installer(filled).install("standard")
    assert file.read_bytes() == newer


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "files/../../x", "other/x", "files/", "builds/.hidden"])
def test_an_inventory_cannot_point_out_of_the_store(filled: ModelStore, path: str) -> None:
    file = filled.root / "installed.json"
    file.write_bytes(file.read_bytes().replace(b"files/one.fake", path.encode()))
    with pytest.raises(StoreError, match="is damaged"):
        filled.installed()


def test_what_was_written_is_read_back(store: ModelStore) -> None:
    with store.locked():
        artefact = store.write("builds/x.onnx", b"content")
    assert store.read(artefact) == b"content"
    assert artefact.size == 7


def test_a_file_is_replaced_whole_and_readable_by_the_service(store: ModelStore) -> None:
    with store.locked():
        store.write("files/x", b"before")
        artefact = store.write("files/x", b"after")
    assert store.read(artefact) == b"after"
    assert (store.root / "files" / "x").stat().st_mode & 0o777 == 0o644


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes, as on a full disk.

    Only around the code under test: pytest's own output may be a file, too.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(store: ModelStore) -> None:
    with store.locked():
        before = store.write("files/x", b"before")
        with no_file_beyond(4096), pytest.raises(StoreError, match="files/x"):
            store.write("files/x", bytes(8192))
    assert store.read(before) == b"before"
    assert sorted(file.name for file in store.root.iterdir()) == [".lock", "files"]


def test_a_store_where_a_file_is_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    store = ModelStore(tmp_path / "store", MANIFEST)
    with pytest.raises(StoreError):
        Installer(store).install("standard")
    with pytest.raises(StoreError):
        store.installed()


def test_two_installations_cannot_be_busy_in_one_store(store: ModelStore, mirror: Path) -> None:
    with store.locked(), pytest.raises(StoreError, match="another installation is busy"):
        Installer(store, [mirror]).install("standard")
    assert Installer(store, [mirror]).install("standard").made == ("one", "two")


def test_what_a_power_cut_left_is_swept_away(filled: ModelStore) -> None:
    (filled.root / ".partial-abc").write_bytes(b"half a network")
    (filled.root / ".partial-def").mkdir()
    (filled.root / ".partial-def" / "half.whl").write_bytes(b"half an archive")
    Installer(filled).install("standard")
    assert not list(filled.root.glob(".partial-*"))


def test_opening_needs_no_right_to_write(filled: ModelStore) -> None:
    before = {file: file.stat().st_mtime_ns for file in filled.root.rglob("*")}
    filled.installed().open(Role.DETECTOR, RuntimeOptions())
    assert {file: file.stat().st_mtime_ns for file in filled.root.rglob("*")} == before


def test_reading_a_store_imports_neither_converters_nor_runtimes() -> None:
    program = (
        "import sys, models.store, models.card, models.manifest; models.manifest.read_manifest();"
        "sys.exit(any(name.split('.')[0] in ('onnx', 'onnxruntime', 'ai_edge_litert') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_artefact_survives_being_recorded() -> None:
    artefact = Artefact(path="files/x", sha256="0" * 64, size=1)
    assert msgspec.json.decode(msgspec.json.encode(artefact), type=Artefact) == artefact


def test_a_manifest_may_hold_several_profiles(tmp_path: Path, mirror: Path) -> None:
    profiles = {name: Profile(summary="one", networks=(name,)) for name in ("one", "two")}
    manifest: Manifest = fake_manifest(CONTENTS, **profiles)
    store = ModelStore(tmp_path / "store", manifest)
    Installer(store, [mirror]).install("two")
    assert [card.name for card in store.installed().cards] == ["two"]
