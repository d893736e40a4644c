"""The daemon's one configuration file, decoded and checked before any pin is touched.

Keys carry their units. Unknown keys, wrong types and values out of range raise DoorConfigError naming section and key.
`systemd/door.toml` shows every key at its default; a test keeps the two equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from firmware_bridge.errors import DoorConfigError

Seconds = Annotated[float, Meta(gt=0.0, le=3600.0)]
SecondsOrOff = Annotated[float, Meta(ge=0.0, le=3600.0)]  # 0: off
Debounce = Annotated[float, Meta(ge=0.0, le=1.0)]
Pin = Annotated[int, Meta(ge=-1, le=511)]  # line number of the chip (BCM number on a Raspberry Pi)

NOT_FITTED = -1  # the value of a `pin` whose line does not exist


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: immutable, and unknown keys are errors."""


class DaemonSection(Section, frozen=True):
    """[daemon]: where it listens, what it keeps, what it accepts."""

    socket: Annotated[str, Meta(min_length=1, max_length=100)] = (
        "/run/lintel-door/door.sock"  # sun_path holds 107 bytes
    )
    state_folder: Annotated[str, Meta(min_length=1)] = "/var/lib/lintel-door"  # the event spool and the OSDP key
    freshness_s: Seconds = 1.0  # a release may rest on a frame this old: the policy's 0.5 s and the audit's commit
    requests_per_s: Annotated[float, Meta(ge=1.0, le=1000.0)] = 50.0  # of one user, averaged; twice that in a burst
    max_message_bytes: Annotated[int, Meta(ge=512, le=65536)] = 4096
    spool_max_events: Annotated[int, Meta(ge=100, le=100_000)] = 10_000  # unacknowledged; then the oldest go


class AccessSection(Section, frozen=True):
    """[access]: who may ask. With nobody named at all, the daemon's own user may do everything (bench and demo)."""

    vision_users: tuple[str, ...] = ()  # may release and indicate
    operator_users: tuple[str, ...] = ()  # may release, lock down, query, test, set keys
    operator_groups: tuple[str, ...] = ()


class PinsSection(Section, frozen=True):
    """[pins]: the one pin factory. It is named, never guessed; a missing one refuses to start."""

    factory: Literal["lgpio", "mock", "gpiod"] = "lgpio"  # gpiod: Jetson and any other libgpiod machine
    chip: Annotated[int, Meta(ge=0, le=63)] = 0  # /dev/gpiochipN
    record: str = ""  # mock only: append every level of every pin to this file
    grounded: tuple[Pin, ...] = ()  # mock only: inputs that are wired to ground from the start, as closed loops are


class DoorSection(Section, frozen=True):
    """[door]: the door's timers."""

    max_release_s: Seconds = 60.0  # no single command releases for longer
    extended_release_s: Seconds = 15.0  # at least this long for a person who needs longer
    relock_on: Literal["timer", "open", "close"] = "close"
    held_warning_after_s: SecondsOrOff = 20.0  # open this long: the person at the door is warned
    held_after_s: SecondsOrOff = 30.0  # open this long: the door is held
    extended_held_extra_s: Seconds = 30.0  # added to both when the release was an extended one
    forced_grace_s: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.3  # a switch debounces later than a lock relocks


class LockSection(Section, frozen=True):
    """[lock]: the lock's relay. High releases; strike on the NO contact, maglock on the NC contact (docs/wiring.md)."""

    pin: Pin = 17


class RexSection(Section, frozen=True):
    """[rex]: the exit button, a normally open contact to ground."""

    pin: Pin = NOT_FITTED
    active: Literal["low", "high"] = "low"
    pull: Literal["up", "down", "none"] = "up"
    debounce_s: Debounce = 0.005
    release_s: Seconds = 5.0  # at least this long from the press
    max_s: Seconds = 30.0  # at most this long from the press, however long it is held


class PositionSection(Section, frozen=True):
    """[position]: the door position switch, closed to ground while the door is closed. Active means open."""

    pin: Pin = NOT_FITTED
    active: Literal["low", "high"] = "high"
    pull: Literal["up", "down", "none"] = "up"
    debounce_s: Debounce = 0.05


class TamperSection(Section, frozen=True):
    """[tamper]: the housing's loop, closed to ground while the housing is shut. A cut wire is tamper."""

    pin: Pin = NOT_FITTED
    active: Literal["low", "high"] = "high"
    pull: Literal["up", "down", "none"] = "up"
    debounce_s: Debounce = 0.05


class FireSection(Section, frozen=True):
    """[fire]: the fire panel's loop, closed to ground while there is no fire. A cut wire is fire."""

    pin: Pin = NOT_FITTED
    active: Literal["low", "high"] = "high"
    pull: Literal["up", "down", "none"] = "up"
    debounce_s: Debounce = 0.05


class PartnerSection(Section, frozen=True):
    """[partner]: the other door of an airlock, closed to ground while that door is closed and locked."""

    pin: Pin = NOT_FITTED
    active: Literal["low", "high"] = "low"
    pull: Literal["up", "down", "none"] = "up"
    debounce_s: Debounce = 0.05


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
    """Refuse what is well formed and still cannot be: two lines on one pin, a warning after the alarm."""
    if settings.lock.pin == NOT_FITTED:
        raise DoorConfigError("[lock] pin: a door needs a lock")
    taken: dict[int, str] = {}
    for name, pin in fitted_pins(settings):
        if pin in taken:
            raise DoorConfigError(f"[{name}] pin: {pin} is already the pin of [{taken[pin]}]")
        taken[pin] = name
    if settings.rex.max_s < settings.rex.release_s:
        raise DoorConfigError("[rex] max_s: must not be less than release_s")
    if (settings.pins.record or settings.pins.grounded) and settings.pins.factory != "mock":
        raise DoorConfigError('[pins] record, grounded: only the factory "mock" has them')
    warning_s, held_s = settings.door.held_warning_after_s, settings.door.held_after_s
    if warning_s and held_s and warning_s >= held_s:
        raise DoorConfigError("[door] held_warning_after_s: must be less than held_after_s")


def fitted_pins(settings: BridgeSettings) -> list[tuple[str, int]]:
    """Every fitted line as (section, pin)."""
    sections = ("lock", "rex", "position", "tamper", "fire", "partner")
    pins = [(name, getattr(settings, name).pin) for name in sections]
    return [(name, pin) for name, pin in pins if pin != NOT_FITTED]


def _located(message: str) -> str:
    """Turn msgspec's "Expected `int` - at `$.lock.pin`" into "[lock] pin: expected `int`"."""
    what, _, path = message.partition(" - at `$")
    keys = path.rstrip("`").strip(".").split(".")
    section = f"[{keys[0]}] " if keys[0] else ""
    key = f"{'.'.join(keys[1:])}: " if len(keys) > 1 else ""
    return f"{section}{key}{what[0].lower()}{what[1:]}"
