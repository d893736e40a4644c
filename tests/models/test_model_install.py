from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from file_server import CONTENT, server
from model_builders import fake_bytes, fake_manifest, onnx_bytes, picture

from models.errors import DigestError, DownloadError, InferenceError, ManifestError, RuntimeMissingError
from models.install import Installer
from models.manifest import Manifest, Profile, Role
from models.session import RuntimeOptions
from models.store import ModelStore

CONTENTS = {"eye.fake": fake_bytes("eye"), "strong.fake": fake_bytes("strong"), "weak.fake": fake_bytes("weak")}
PROFILES = {
    "standard": Profile(summary="good", networks=("eye", "strong"), optional=("extra",)),
    "pip-only": Profile(summary="less good", networks=("eye", "weak"), weaker="It is weaker."),
}


def manifest(contents: Mapping[str, bytes] = CONTENTS) -> Manifest:
    profiles = {
        name: msgspec.structs.replace(profile, optional=tuple(n for n in profile.optional if f"{n}.fake" in contents))
        for name, profile in PROFILES.items()
    }
    return fake_manifest(contents, **{"pip-only": profiles["pip-only"], "standard": profiles["standard"]})


def mirror(folder: Path, *names: str, contents: Mapping[str, bytes] = CONTENTS) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.fake").write_bytes(contents[f"{name}.fake"])
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store", manifest())


def files(store: ModelStore) -> dict[str, bytes]:
    return {str(file.relative_to(store.root)): file.read_bytes() for file in store.root.rglob("*") if file.is_file()}


def test_an_installation_says_what_it_made(store: ModelStore, tmp_path: Path) -> None:
    outcome = Installer(store, [mirror(tmp_path / "m", "eye", "strong")]).install("standard")
    assert (outcome.profile, outcome.made, outcome.notes) == ("standard", ("eye", "strong"), ())


def test_a_second_installation_does_nothing_and_needs_no_source(store: ModelStore, tmp_path: Path) -> None:
    Installer(store, [mirror(tmp_path / "m", "eye", "strong")]).install("standard")
    before = files(store)
    assert Installer(store).install("standard").made == ()
    assert files(store) == before


def test_files_may_come_from_several_mirrors(store: ModelStore, tmp_path: Path) -> None:
    mirrors = [mirror(tmp_path / "a", "eye"), mirror(tmp_path / "b", "strong")]
    assert Installer(store, mirrors).install("standard").made == ("eye", "strong")


def test_the_files_of_one_store_serve_another_as_a_mirror(store: ModelStore, tmp_path: Path) -> None:
    Installer(store, [mirror(tmp_path / "m", "eye", "strong")]).install("standard")
    other = ModelStore(tmp_path / "other", manifest())
    assert Installer(other, [store.root / "files"]).install("standard").made == ("eye", "strong")


def test_a_damaged_file_is_made_again_and_the_others_are_not(store: ModelStore, tmp_path: Path) -> None:
    installer = Installer(store, [mirror(tmp_path / "m", "eye", "strong")])
    installer.install("standard")
    (store.root / "files" / "strong.fake").write_bytes(b"damaged")
    assert installer.install("standard").made == ("strong",)
    assert store.installed().open(Role.DETECTOR_FAR, RuntimeOptions()) is not None


def test_what_cannot_be_had_leaves_the_profile_before_in_force(store: ModelStore, tmp_path: Path) -> None:
    Installer(store, [mirror(tmp_path / "m", "eye", "weak")]).install("pip-only")
    with pytest.raises(DownloadError, match=r"strong\.fake could not be fetched"):
        Installer(store).install("standard")
    assert store.installed().profile == "pip-only"
    assert store.installed().card(Role.MESH) is not None


def test_a_profile_that_is_not_listed_touches_nothing(store: ModelStore) -> None:
    with pytest.raises(ManifestError, match="'best'; there are: pip-only, standard"):
        Installer(store).install("best")
    assert not store.root.exists()


def test_the_fallback_is_taken_only_when_asked_for_and_says_what_is_weaker(store: ModelStore, tmp_path: Path) -> None:
    mirrors = [mirror(tmp_path / "m", "eye", "weak")]
    with pytest.raises(DownloadError):
        Installer(store, mirrors).install("standard")
    outcome = Installer(store, mirrors).install_or_fall_back()
    assert outcome.profile == "pip-only"
    assert "strong.fake could not be fetched" in outcome.notes[0]
    assert outcome.notes[-1] == "It is weaker."


def test_the_standard_profile_is_preferred_to_the_fallback(store: ModelStore, tmp_path: Path) -> None:
    outcome = Installer(store, [mirror(tmp_path / "m", "eye", "strong", "weak")]).install_or_fall_back()
    assert (outcome.profile, outcome.notes) == ("standard", ())


def test_a_fallback_in_force_stays_and_nothing_is_asked_for(store: ModelStore, tmp_path: Path) -> None:
    Installer(store, [mirror(tmp_path / "m", "eye", "weak")]).install_or_fall_back()
    before = files(store)
    outcome = Installer(store).install_or_fall_back()
    assert (outcome.profile, outcome.made, outcome.notes) == ("pip-only", (), ("It is weaker.",))
    assert files(store) == before


def test_a_mirror_with_the_missing_file_ends_the_fallback(store: ModelStore, tmp_path: Path) -> None:
    Installer(store, [mirror(tmp_path / "m", "eye", "weak")]).install_or_fall_back()
    outcome = Installer(store, [mirror(tmp_path / "m", "strong")]).install_or_fall_back()
    assert (outcome.profile, outcome.made) == ("standard", ("strong",))


def test_a_file_that_is_not_the_right_one_is_no_reason_to_fall_back(store: ModelStore, tmp_path: Path) -> None:
    folder = mirror(tmp_path / "m", "eye", "weak")
    (folder / "strong.fake").write_bytes(b"not the network you are looking for")
    with pytest.raises(DigestError):
        Installer(store, [folder]).install_or_fall_back()


OPTIONAL = CONTENTS | {"extra.fake": fake_bytes("extra")}


def test_an_optional_network_comes_along_where_it_can_be_had(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store", manifest(OPTIONAL))
    folder = mirror(tmp_path / "m", "eye", "strong", "extra", contents=OPTIONAL)
    assert Installer(store, [folder]).install("standard").made == ("eye", "strong", "extra")


def test_an_optional_network_that_cannot_be_had_is_left_out_once_and_comes_when_it_can(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store", manifest(OPTIONAL))
    folder = mirror(tmp_path / "m", "eye", "strong")
    first = Installer(store, [folder]).install("standard")
    assert first.made == ("eye", "strong")
    assert "The optional network extra is left out" in first.notes[0]
    assert Installer(store, [folder]).install("standard").notes == ()
    folder = mirror(tmp_path / "m", "extra", contents=OPTIONAL)
    assert Installer(store, [folder]).install("standard").made == ("extra",)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C."""


def interrupt(_name: str, *, done: int, total: int) -> None:
    if done > total // 2:
        raise Interrupted


def test_an_interrupted_download_leaves_nothing_behind(tmp_path: Path) -> None:
    with server(CONTENT) as url:
        files_ = {"one.fake": msgspec.structs.replace(manifest().files["eye.fake"], size=len(CONTENT))}
        source = msgspec.structs.replace(files_["one.fake"].sources[0], url=url)
        one = {"one.fake": msgspec.structs.replace(files_["one.fake"], sources=(source,))}
        cut = msgspec.structs.replace(fake_manifest({"one.fake": CONTENT}), files=one)
        store = ModelStore(tmp_path / "store", cut)
        with pytest.raises(Interrupted):
            Installer(store, progress=interrupt).install("standard")
    assert list(files(store)) == [".lock"]


def test_other_runtime_options_time_the_networks_again_from_what_is_there(store: ModelStore, tmp_path: Path) -> None:
    Installer(store, [mirror(tmp_path / "m", "eye", "strong")]).install("standard")
    two = Installer(store, options=RuntimeOptions(threads=2))
    assert two.install("standard").made == ("eye", "strong")
    assert two.install("standard").made == ()


def test_a_network_that_does_not_run_here_is_not_put_in_force(tmp_path: Path) -> None:
    broken = {"one.fake": b"no fake network at all"}
    (tmp_path / "one.fake").write_bytes(broken["one.fake"])
    store = ModelStore(tmp_path / "store", fake_manifest(broken))
    with pytest.raises(InferenceError):
        Installer(store, [tmp_path]).install("standard")
    assert store.read_inventory() is None


def test_a_provider_that_is_not_there_stops_the_installation(tmp_path: Path) -> None:
    plain = fake_manifest({"one.onnx": onnx_bytes()})
    network = msgspec.structs.replace(plain.networks["one"], runtime="onnx")
    store = ModelStore(tmp_path / "store", msgspec.structs.replace(plain, networks={"one": network}))
    (tmp_path / "one.onnx").write_bytes(onnx_bytes())
    options = RuntimeOptions(providers=("CUDAExecutionProvider",))
    with pytest.raises(RuntimeMissingError, match="CUDAExecutionProvider"):
        Installer(store, [tmp_path], options).install("standard")
    assert Installer(store, [tmp_path]).install("standard").made == ("one",)
    assert store.installed().open(Role.DETECTOR, RuntimeOptions()).infer(picture())[1].min() == 0


def test_builds_that_nothing_runs_any_more_are_removed(store: ModelStore, tmp_path: Path) -> None:
    installer = Installer(store, [mirror(tmp_path / "m", "eye", "strong")])
    with store.locked():
        store.write("builds/old.int8.0123456789ab.onnx", b"an old build")
    installer.install("standard")
    assert not list((store.root / "builds").iterdir())
