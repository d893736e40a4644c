from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from models.errors import ManifestError
from models.manifest import (
    MANIFEST_FILE,
    PINNED,
    Manifest,
    Network,
    Precision,
    Role,
    Url,
    decode_manifest,
    read_manifest,
)
from models.range_table import read_ranges

MANIFEST = read_manifest()
NETWORKS = sorted(MANIFEST.networks)
TEMPLATES = [name for name in NETWORKS if MANIFEST.networks[name].role is Role.TEMPLATE]
PERMISSIVE = {"Apache-2.0", "CC0-1.0", "MIT", "BSD-3-Clause"}


def changed(old: str, new: str) -> bytes:
    """The shipped manifest with one thing changed."""
    text = MANIFEST_FILE.read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new, 1).encode()


@pytest.mark.parametrize("profile", sorted(MANIFEST.profiles))
def test_every_profile_can_find_a_face_and_tell_whose_it_is(profile: str) -> None:
    roles = {network.role for network in MANIFEST.networks_of(profile).values()}
    assert {Role.DETECTOR, Role.MESH, Role.TEMPLATE} <= roles


def test_the_standard_profile_has_both_texture_networks_and_the_other_says_what_it_gives_up() -> None:
    roles = {network.role for network in MANIFEST.networks_of("standard").values()}
    assert {Role.TEXTURE_NEAR, Role.TEXTURE_FAR} <= roles
    assert not MANIFEST.profiles["standard"].weaker
    assert "texture" in MANIFEST.profiles["pip-only"].weaker


def test_the_pip_only_profile_needs_nothing_but_a_package_index() -> None:
    for network in MANIFEST.networks_of("pip-only").values():
        assert not any(isinstance(source, Url) for source in MANIFEST.file_of(network).sources)


@pytest.mark.parametrize("name", sorted(MANIFEST.files))
def test_every_file_may_be_used_commercially_and_says_where_that_is_written(name: str) -> None:
    file = MANIFEST.files[name]
    assert file.licence in PERMISSIVE
    assert "LICENSE" in file.licence_source


@pytest.mark.parametrize("name", NETWORKS)
def test_a_picture_fits_the_input_of_every_network(name: str) -> None:
    spec = MANIFEST.networks[name].input
    channels = spec.shape[3] if spec.layout == "NHWC" else spec.shape[1]
    assert (spec.shape[0], channels) == (1, 3)
    assert spec.width_px == spec.height_px >= 80
    assert min(spec.std) > 0


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_network_is_aligned_and_has_operating_points_for_a_door(name: str) -> None:
    network = MANIFEST.networks[name]
    assert network.alignment is not None
    assert all(0 <= index < 468 for indices in network.alignment.mesh_points for index in indices)
    side = network.input.width_px
    assert all(0 < x < side and 0 < y < side for x, y in network.alignment.targets_px)
    for precision in Precision:
        points = network.build(precision).operating_points
        assert points[-1].fmr <= 1e-5
        known = [point.fnmr for point in points if point.fnmr is not None]
        assert known == sorted(known)


def test_templates_of_different_networks_never_share_a_space() -> None:
    ids = [network.model_id for network in MANIFEST.networks.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_an_int8_build_or_a_reason_why_not(name: str) -> None:
    network = MANIFEST.networks[name]
    if network.int8_build is None:
        assert network.float_only_because.endswith(".")
        with pytest.raises(ManifestError, match="no int8"):
            network.build(Precision.INT8)
        return
    assert not network.float_only_because
    assert read_ranges(network.int8_build.ranges).model_id == network.model_id


def test_every_range_table_is_used() -> None:
    used = {n.int8_build.ranges for n in MANIFEST.networks.values() if n.int8_build is not None}
    assert {file.name for file in MANIFEST_FILE.with_name("ranges").iterdir()} == used


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[files.", "[fils.", "fils"),
        ('licence = "Apache-2.0"', "license = 'Apache-2.0'", "license"),
        ("size = 229714", "size = 'large'", "size"),
        ("size = 229714", "size = 0", "size"),
        ('sha256 = "bbff11ce', 'sha256 = "BBFF11CE', "sha256"),
        ('role = "detector"', 'role = "finder"', "role"),
        ('runtime = "litert"', 'runtime = "magic"', "runtime"),
        ('conversion = "minifasnet"', 'conversion = "exec"', "conversion"),
        ('file = "face_landmark.tflite"', 'file = "../face_landmark.tflite"', "file"),
        ('file = "face_landmark.tflite"', 'file = "other.tflite"', "'other.tflite', which is not listed"),
        ('archive = "mediapipe", member', 'archive = "mediapip", member', "'mediapip', which is not listed"),
        ('networks = ["blazeface-short", "facemesh", "dlib', 'networks = ["blaze", "facemesh", "dlib', "'blaze'"),
        ("a6cc9032a659b615f477833e1a70b5e7931bcccc/", "main/", "not an https address with a commit"),
        ("https://raw", "http://raw", "not an https address with a commit"),
        ('role = "mesh"', 'role = "detector"', "two networks for detector"),
        ("fmr = 1e-4, threshold = 0.404", "fmr = 1e-4, threshold = 0.104", "operating points"),
        ("fmr = 1e-4, threshold = 0.404", "fmr = 1e-4, threshold = 1.404", "threshold"),
        ("[[33, 133], [362, 263], [1]", "[[33, 133], [362, 263]", "as many targets"),
        ("[profiles.standard]", "[profiles.standard", ""),
    ],
)
def test_a_wrong_manifest_is_refused_and_the_sentence_names_what_is_wrong(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match="the manifest cannot be accepted") as caught:
        decode_manifest(changed(old, new))
    assert complaint in str(caught.value)


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(ManifestError):
        decode_manifest(b"\xff\xfe[profiles]")


def test_a_manifest_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"gone\.toml: No such file"):
        read_manifest(tmp_path / "gone.toml")


@pytest.mark.parametrize("ask", [Manifest.profile, Manifest.network, Manifest.networks_of])
def test_asking_for_what_is_not_listed_names_what_is(ask: object) -> None:
    with pytest.raises(ManifestError, match=r"there is no \w+ 'nonsense'; there are: .+"):
        ask(MANIFEST, "nonsense")


@pytest.mark.parametrize("url", [s.url for f in MANIFEST.files.values() for s in f.sources if isinstance(s, Url)])
def test_addresses_are_pinned_and_end_in_the_name_of_the_file(url: str) -> None:
    assert PINNED.match(url)
    assert url.rpartition("/")[2] in MANIFEST.files


def test_a_manifest_survives_being_written_and_read() -> None:
    for network in MANIFEST.networks.values():
        assert msgspec.json.decode(msgspec.json.encode(network), type=Network) == network
