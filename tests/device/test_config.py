from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Section, Settings, decode_settings, read_settings
from device.errors import ConfigError

SECTIONS: dict[str, Section] = {name: getattr(Settings(), name) for name in Settings.__struct_fields__}


def toml(tables: Mapping[str, Mapping[str, object]]) -> bytes:
    """A TOML file of these tables, one key a line."""

    def value(one: object) -> str:
        return one.isoformat() if isinstance(one, date) else json.dumps(one, ensure_ascii=False)

    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{json.dumps(key, ensure_ascii=False)} = {value(one)}" for key, one in table.items()]
    return "\n".join(lines).encode()


def written(settings: Settings) -> bytes:
    return toml({name: msgspec.structs.asdict(getattr(settings, name)) for name in SECTIONS})


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        decode_settings(text.encode())
    assert caught.value.exit_code == 78
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_an_empty_file_is_every_key_at_its_default() -> None:
    assert decode_settings(b"") == Settings()


def test_what_is_encoded_is_decoded_again() -> None:
    assert decode_settings(written(Settings())) == Settings()


@given(
    st.integers(160, 7680),
    st.floats(1, 120),
    st.dates(date(2000, 1, 1)),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64),
)
def test_any_good_values_survive_the_file(width: int, rate: float, clock: date, name: str) -> None:
    replace = msgspec.structs.replace
    settings = replace(
        Settings(),
        camera=replace(Settings().camera, width_px=width, rate_hz=rate),
        policy=replace(Settings().policy, clock_must_be_after=clock),
        site=replace(Settings().site, name=name),
    )
    assert decode_settings(written(settings)) == settings


def test_one_key_changes_and_the_others_keep_their_defaults() -> None:
    settings = decode_settings(b"[recognition]\ntarget_fpir = 0.001\n")
    assert settings.recognition.target_fpir == 0.001
    assert settings.recognition.min_margin == Settings().recognition.min_margin
    assert settings.camera == Settings().camera


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_is_named_with_its_section(section: str) -> None:
    sentence = refusal(f"[{section}]\nmisspelt_key = 1\n")
    assert f"[{section}]" in sentence
    assert "misspelt_key" in sentence


def test_an_unknown_section_is_named() -> None:
    assert "cammera" in refusal("[cammera]\nwidth_px = 640\n")


EVERY_KEY = [(section, key) for section, settings in SECTIONS.items() for key in settings.__struct_fields__]


@pytest.mark.parametrize(("section", "key"), EVERY_KEY)
def test_a_value_of_the_wrong_type_is_named_with_section_and_key(section: str, key: str) -> None:
    sentence = refusal(f"[{section}]\n{key} = {{ a = 1 }}\n")
    assert sentence.startswith(f"[{section}] {key}: expected")


NUMBERS = [(section, key) for section, key in EVERY_KEY if type(getattr(SECTIONS[section], key)) in {int, float}]


@pytest.mark.parametrize(("section", "key"), NUMBERS)
@pytest.mark.parametrize("value", ["nan", "-1e9"])
def test_a_number_that_makes_no_sense_is_refused_whatever_the_key(section: str, key: str, value: str) -> None:
    assert f"[{section}] {key}: expected" in refusal(f"[{section}]\n{key} = {value}\n")


@pytest.mark.parametrize("name", ["", " vault", "vault ", "cafe\u0301"])
def test_a_group_that_nobody_could_be_in_is_refused_since_nobody_would_be_asked(name: str) -> None:
    assert "second_factor_groups" in refusal(f"[policy]\nsecond_factor_groups = ['staff', '{name}']\n")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[camera]\nwidth_px = 159", "[camera] width_px"),
        ("[camera]\nrate_hz = 0", "[camera] rate_hz"),
        ("[camera]\nrate_hz = true", "[camera] rate_hz"),
        ("[camera]\nsource = ''", "[camera] source"),
        ('[camera]\nsource = "a\\u0000b"', "[camera] source"),
        ('[site]\nstate_folder = "a\\u0000b"', "[site] state_folder"),
        ("[site]\nname = ''", "[site] name"),
        (f"[site]\nname = '{'x' * 65}'", "[site] name"),
        ("[runtime]\nproviders = []", "[runtime] providers"),
        ("[runtime]\nproviders = [1]", "[runtime] providers"),
        ("[runtime]\nthreads = 0", "[runtime] threads"),
        ("[recognition]\ntarget_fpir = 0.0", "[recognition] target_fpir"),
        ("[recognition]\ntarget_fpir = 0.11", "[recognition] target_fpir"),
        ("[recognition]\ntarget_fpir = inf", "[recognition] target_fpir"),
        ("[recognition]\nmin_margin = -0.01", "[recognition] min_margin"),
        ("[quality]\nmax_yaw_deg = 91", "[quality] max_yaw_deg"),
        ("[liveness]\nmode = 'sometimes'", "[liveness] mode"),
        ("[policy]\nfreshness_s = 0", "[policy] freshness_s"),
        ("[policy]\nfreshness_s = 3601", "[policy] freshness_s"),
        ("[policy]\nclock_must_be_after = '2026-13-01'", "[policy] clock_must_be_after"),
        ("[door]\nrelease_for_s = 61", "[door] release_for_s"),
        ("[door]\nrelease_for_s = 0.4", "[door] release_for_s"),
        ("camera = 3", "[camera]"),
    ],
)
def test_a_value_out_of_range_is_named_with_section_and_key(text: str, place: str) -> None:
    assert refusal(text).startswith(place)


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "camera": {"reopen_after_s": 60.0, "reopen_after_at_most_s": 30.0},
    "quality": {"min_brightness": 0.9, "max_brightness": 0.1},
    "recognition": {"min_frames": 31, "max_frames": 30},
    "liveness": {"max_attack_texture_score": 0.81, "min_texture_score": 0.8},
}


@pytest.mark.parametrize(("section", "values"), CONTRADICTIONS.items(), ids=CONTRADICTIONS.keys())
def test_keys_that_contradict_each_other_are_both_named(section: str, values: dict[str, Any]) -> None:
    sentence = refusal(toml({section: values}).decode())
    assert sentence.startswith(f"[{section}]")
    assert all(key in sentence for key in values)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[camera", "not TOML"),
        (b"a = 1\na = 2", "not TOML"),
        (b"\xff\xfe", "UTF-8"),
        (b"\x00", "not TOML"),
        (b"{}", "not TOML"),
    ],
)
def test_what_is_not_toml_is_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        decode_settings(content)


@given(st.binary(max_size=60))
def test_whatever_the_file_holds_only_a_config_error_comes_out(content: bytes) -> None:
    try:
        decode_settings(content)
    except ConfigError:
        return


@given(
    st.dictionaries(
        st.sampled_from([*SECTIONS, "x"]),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5), st.integers(), max_size=2),
    )
)
def test_whatever_tables_the_file_holds_only_a_config_error_comes_out(tables: dict[str, dict[str, int]]) -> None:
    try:
        decode_settings(toml(tables))
    except ConfigError:
        return


def test_the_sentence_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text("[camera]\nwidth_px = 1\n")
    with pytest.raises(ConfigError, match=r"lintel\.toml: \[camera\] width_px"):
        read_settings(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: No such file"):
        read_settings(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="directory"):
        read_settings(tmp_path)


def test_everything_is_kept_in_the_state_folder_unless_told() -> None:
    settings = decode_settings(b"[site]\nstate_folder = '/srv/door'\n")
    assert settings.collection_file == Path("/srv/door/collection.db")
    assert settings.audit_file == Path("/srv/door/audit.db")
    assert settings.models_folder == Path("/srv/door/models")
    elsewhere = decode_settings(b"[site]\nstate_folder = '/srv/door'\nmodels_folder = '/usr/share/lintel'\n")
    assert elsewhere.models_folder == Path("/usr/share/lintel")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().camera.width_px = 1  # type: ignore[misc]


def test_every_key_whose_unit_is_not_in_its_type_carries_it_in_its_name() -> None:
    counts = {"threads", "min_frames", "max_frames", "max_faces", "challenge_length", "light_steps"}
    unitless = counts | {"rate_hz", "min_margin", "target_fpir", "max_cover"}
    ratios_and_scores = ("min_", "max_")
    for section, key in NUMBERS:
        has_unit = key.endswith(("_px", "_s", "_hz", "_deg"))
        assert has_unit or key in unitless or key.startswith(ratios_and_scores), f"[{section}] {key}"


def test_the_state_folder_does_not_depend_on_where_the_process_starts() -> None:
    assert Settings().state_folder.is_absolute()
