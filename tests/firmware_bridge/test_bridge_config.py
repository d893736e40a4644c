"""The daemon's configuration: every key, and what is refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware_bridge.config import BridgeSettings, decode_settings, fitted_pins, read_settings
from firmware_bridge.errors import DoorConfigError

SHIPPED = Path(__file__).parents[2] / "systemd" / "door.toml"


def test_the_shipped_file_shows_every_key_at_its_default() -> None:
    shown = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert shown == json.loads(msgspec.json.encode(BridgeSettings()))
    assert read_settings(SHIPPED) == BridgeSettings()


def test_an_empty_file_is_all_defaults() -> None:
    assert decode_settings(b"") == BridgeSettings()


REFUSED: dict[str, tuple[str, str]] = {
    "an unknown section": ("[dor]\n", "dor"),
    "an unknown key": ("[lock]\npim = 3\n", "[lock]"),
    "a wrong type": ('[lock]\npin = "17"\n', "[lock] pin"),
    "a value out of range": ("[door]\nmax_release_s = 0\n", "[door] max_release_s"),
    "an unknown pin factory": ('[pins]\nfactory = "rpigpio"\n', "[pins] factory"),
    "no lock": ("[lock]\npin = -1\n", "[lock] pin"),
    "two lines on one pin": ("[rex]\npin = 17\n", "rex: pin 17 is already the pin of lock"),
    "a lamp on the lock's pin": ("[indicator]\nred = 17\n", "indicator.red: pin 17"),
    "a supervised line on the lock's pin": ("[lock]\npin = 8\n[rex]\nadc_channel = 0\n", "adc: pin 8"),
    "a contact on a pin and on the converter": ("[rex]\npin = 5\nadc_channel = 0\n", "[rex] adc_channel"),
    "resistors that tell nothing": ("[adc]\nparallel_ohm = 1.0\n[rex]\nadc_channel = 0\n", "[adc]"),
    "an exit button that ends before it begins": ("[rex]\nrelease_s = 9.0\nmax_s = 8.0\n", "[rex] max_s"),
    "a warning after the alarm": ("[door]\nheld_warning_after_s = 40.0\n", "[door] held_warning_after_s"),
    "a pattern nobody can read": ('[indicator.patterns]\nready = "blau 1"\n', "[indicator.patterns] ready"),
    "one wire of two": ("[wiegand]\nout_d0 = 5\n", "[wiegand] out_d0, out_d1"),
    "pulses that overlap": ("[wiegand]\npulse_us = 200\ninterval_us = 200\n", "[wiegand] interval_us"),
    "a custom format that is not declared": ('[wiegand]\nformat = "custom"\n', "[wiegand] custom_layout"),
    "a record of real pins": ('[pins]\nrecord = "levels"\n', "[pins] record"),
    "a socket path longer than the kernel's": (f'[daemon]\nsocket = "/{"x" * 120}"\n', "[daemon] socket"),
    "no TOML": ("[lock\n", "not TOML"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_cannot_be_is_refused_with_section_and_key(what: str) -> None:
    text, named = REFUSED[what]
    with pytest.raises(DoorConfigError) as refused:
        decode_settings(text.encode())
    assert named in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(DoorConfigError, match="UTF-8"):
        decode_settings(b"\xff\xfe")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DoorConfigError, match="No such file"):
        read_settings(tmp_path / "none.toml")


def test_every_fitted_pin_is_listed_with_its_line() -> None:
    text = "[lock]\npin = 1\n[aux]\npin = 2\n[rex]\npin = 3\n[light]\nwhite = 4\n[wiegand]\nin_d0 = 5\nin_d1 = 6\n"
    pins = fitted_pins(decode_settings(text.encode()))
    expected = [("lock", 1), ("aux", 2), ("rex", 3), ("light.white", 4), ("wiegand.in_d0", 5), ("wiegand.in_d1", 6)]
    assert pins == expected


def test_settings_cannot_be_changed_afterwards() -> None:
    settings: Any = BridgeSettings()
    with pytest.raises(AttributeError):
        settings.lock.pin = 3
