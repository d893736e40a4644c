"""The daemon's one configuration file, decoded and checked before any pin is touched.

Keys carry their units. Unknown keys, wrong types and values out of range raise DoorConfigError naming section and key.
`systemd/door.toml` shows every key at its default; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from firmware_bridge.errors import DoorConfigError
from firmware_bridge.indicator import COLOURS
from firmware_bridge.pattern import parse_pattern
from firmware_bridge.sections import (
    NOT_FITTED,
    AccessSection,
    AdcSection,
    AuxSection,
    DaemonSection,
    DoorSection,
    FireSection,
    IndicatorSection,
    LightSection,
    LockSection,
    OsdpSection,
    PartnerSection,
    PinsSection,
    PositionSection,
    RexSection,
    Section,
    TamperSection,
    WiegandSection,
)
from firmware_bridge.supervision import Loop
from firmware_bridge.types import Indication
from firmware_bridge.wiegand import FORMATS, Format, declare

CONTACT_LINES = ("rex", "position", "tamper", "fire", "partner")
SPI0_PINS = (9, 10, 11)  # of every Raspberry Pi: MISO, MOSI, clock
SPI0_SELECT_PINS = (8, 7)
PIN_KEYS = frozenset(
    {"red", "green", "blue", "white", "left", "right", "up", "down", "buzzer", "out_d0", "out_d1", "in_d0", "in_d1"}
)


class BridgeSettings(Section, frozen=True):
    """The whole file."""

    daemon: DaemonSection = DaemonSection()
    access: AccessSection = AccessSection()
    pins: PinsSection = PinsSection()
    door: DoorSection = DoorSection()
    lock: LockSection = LockSection()
    rex: RexSection = RexSection()
    position: PositionSection = PositionSection()
    tamper: TamperSection = TamperSection()
    fire: FireSection = FireSection()
    partner: PartnerSection = PartnerSection()
    adc: AdcSection = AdcSection()
    aux: AuxSection = AuxSection()
    indicator: IndicatorSection = IndicatorSection()
    light: LightSection = LightSection()
    wiegand: WiegandSection = WiegandSection()
    osdp: OsdpSection = OsdpSection()


def read_settings(file: Path) -> BridgeSettings:
    """Decode and check `file`. Raises DoorConfigError with one sentence naming the section and key at fault."""
    try:
        return decode_settings(file.read_bytes())
    except OSError as error:
        raise DoorConfigError(f"{file}: {error.strerror or error}") from error
    except DoorConfigError as error:
        raise DoorConfigError(f"{file}: {error}") from error


def decode_settings(text: bytes) -> BridgeSettings:
    """Decode and check TOML. Raises DoorConfigError for anything that is not exactly a configuration."""
    try:
        settings = msgspec.toml.decode(text, type=BridgeSettings)
    except msgspec.ValidationError as error:
        raise DoorConfigError(_located(str(error))) from error
    except msgspec.DecodeError as error:
        raise DoorConfigError(f"not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise DoorConfigError("not UTF-8 text") from error
    check(settings)
    return settings


def check(settings: BridgeSettings) -> None:
    """Refuse what is well formed and still cannot be. Raises DoorConfigError naming section and key."""
    if settings.lock.pin == NOT_FITTED:
        raise DoorConfigError("[lock] pin: a door needs a lock")
    taken: dict[int, str] = {}
    for line, pin in fitted_pins(settings):
        if pin in taken:
            raise DoorConfigError(f"{line}: pin {pin} is already the pin of {taken[pin]}")
        taken[pin] = line
    _check_times(settings)
    _check_lines(settings)
    with _located_errors("[wiegand] custom_layout, custom_parity"):
        wiegand_format(settings.wiegand)
    for name in Indication:
        with _located_errors(f"[indicator.patterns] {name}"):
            parse_pattern(getattr(settings.indicator.patterns, name), COLOURS)


def fitted_pins(settings: BridgeSettings) -> list[tuple[str, int]]:
    """Every fitted pin as (line, pin); the lines of [indicator], [light] and [wiegand] have their section in front."""
    pins = [(line, getattr(settings, line).pin) for line in ("lock", "aux", *CONTACT_LINES)]
    for name in ("indicator", "light", "wiegand"):
        section = getattr(settings, name)
        keys = [key for key in section.__struct_fields__ if key in PIN_KEYS]
        pins += [(f"{name}.{key}", getattr(section, key)) for key in keys]
    if any(getattr(settings, line).adc_channel != NOT_FITTED for line in CONTACT_LINES):
        pins += [("adc", pin) for pin in (*SPI0_PINS, SPI0_SELECT_PINS[settings.adc.chip_select])]
    return [(line, pin) for line, pin in pins if pin != NOT_FITTED]


def wiegand_format(section: WiegandSection) -> Format:
    """The configured card format. Raises ValueError for a custom one that does not fit together."""
    if section.format == "custom":
        return declare(section.custom_layout, section.custom_parity)
    return FORMATS[section.format]


def _check_times(settings: BridgeSettings) -> None:
    if settings.rex.max_s < settings.rex.release_s:
        raise DoorConfigError("[rex] max_s: must not be less than release_s")
    warning_s, held_s = settings.door.held_warning_after_s, settings.door.held_after_s
    if warning_s and held_s and warning_s >= held_s:
        raise DoorConfigError("[door] held_warning_after_s: must be less than held_after_s")
    if settings.wiegand.interval_us <= settings.wiegand.pulse_us:
        raise DoorConfigError("[wiegand] interval_us: must be more than pulse_us")


def _check_lines(settings: BridgeSettings) -> None:
    pins, wiegand = settings.pins, settings.wiegand
    if (pins.record or pins.edges or pins.grounded) and pins.factory != "mock":
        raise DoorConfigError('[pins] record, edges, grounded: only the factory "mock" has them')
    for pair in ("out", "in"):
        wires = {getattr(wiegand, f"{pair}_d0"), getattr(wiegand, f"{pair}_d1")}
        if NOT_FITTED in wires and len(wires) > 1:
            raise DoorConfigError(f"[wiegand] {pair}_d0, {pair}_d1: one wire alone says nothing")
    for line in CONTACT_LINES:
        contact = getattr(settings, line)
        if contact.pin != NOT_FITTED and contact.adc_channel != NOT_FITTED:
            raise DoorConfigError(f"[{line}] adc_channel: the contact is already on a pin")
        if contact.adc_channel != NOT_FITTED:
            with _located_errors("[adc]"):
                adc = settings.adc
                Loop(adc.pull_up_ohm, adc.series_ohm, adc.parallel_ohm, adc.tolerance)


@contextmanager
def _located_errors(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DoorConfigError(f"{where}: {error}") from error


def _located(message: str) -> str:
    """Turn msgspec's "Expected `int` - at `$.lock.pin`" into "[lock] pin: expected `int`"."""
    what, _, path = message.partition(" - at `$")
    keys = path.rstrip("`").strip(".").split(".")
    section = f"[{keys[0]}] " if keys[0] else ""
    key = f"{'.'.join(keys[1:])}: " if len(keys) > 1 else ""
    return f"{section}{key}{what[0].lower()}{what[1:]}"
