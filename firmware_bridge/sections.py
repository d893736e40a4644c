"""The sections of the daemon's configuration file: frozen structs, every key at its default, every range stated."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(gt=0.0, le=3600.0)]
SecondsOrOff = Annotated[float, Meta(ge=0.0, le=3600.0)]  # 0: off
Debounce = Annotated[float, Meta(ge=0.0, le=1.0)]
Pin = Annotated[int, Meta(ge=-1, le=511)]  # line number of the chip (BCM number on a Raspberry Pi)
SocketPath = Annotated[str, Meta(min_length=1, max_length=100)]  # the kernel's sun_path holds 107 bytes
Ohms = Annotated[float, Meta(gt=0.0, le=1e6)]
PatternText = Annotated[str, Meta(min_length=1, max_length=500)]

NOT_FITTED = -1  # the value of a `pin` whose line does not exist


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: immutable, and unknown keys are errors."""


class DaemonSection(Section, frozen=True):
    """[daemon]: where it listens, what it keeps, what it accepts."""

    socket: SocketPath = "/run/lintel-door/door.sock"
    state_folder: Annotated[str, Meta(min_length=1)] = "/var/lib/lintel-door"  # the event spool and the OSDP key
    freshness_s: Seconds = 1.0  # a release may rest on a frame this old: the policy's 0.5 s and the audit's commit
    requests_per_s: Annotated[float, Meta(ge=1.0, le=100_000.0)] = 50.0  # of one user, averaged; twice that in a burst
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
    edges: str = ""  # mock only: a named pipe of lines "PIN LEVEL", what the wires outside do
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


class ContactSection(Section, frozen=True):
    """Base of all inputs: on a pin, or supervised through a channel of the analogue converter, not both."""

    pin: Pin = NOT_FITTED
    adc_channel: Annotated[int, Meta(ge=-1, le=7)] = NOT_FITTED
    active: Literal["low", "high"] = "low"  # low: the closed contact is what the line is there to tell
    pull: Literal["up", "down", "none"] = "up"
    debounce_s: Debounce = 0.05
    on_fault: Literal["keep", "active"] = "keep"  # a faulty line keeps what it said last, or counts as active


class RexSection(ContactSection, frozen=True):
    """[rex]: the exit button, a normally open contact to ground."""

    debounce_s: Debounce = 0.005
    release_s: Seconds = 5.0  # at least this long from the press
    max_s: Seconds = 30.0  # at most this long from the press, however long it is held


class PositionSection(ContactSection, frozen=True):
    """[position]: the door position switch, closed to ground while the door is closed. Active means open."""

    active: Literal["low", "high"] = "high"


class TamperSection(ContactSection, frozen=True):
    """[tamper]: the housing's loop, closed to ground while the housing is shut. A cut wire is tamper."""

    active: Literal["low", "high"] = "high"
    on_fault: Literal["keep", "active"] = "active"


class FireSection(ContactSection, frozen=True):
    """[fire]: the fire panel's loop, closed to ground while there is no fire. A cut wire is fire."""

    active: Literal["low", "high"] = "high"
    on_fault: Literal["keep", "active"] = "active"


class PartnerSection(ContactSection, frozen=True):
    """[partner]: the other door of an airlock, closed to ground while that door is closed and locked."""


class AdcSection(Section, frozen=True):
    """[adc]: an MCP3008 on SPI0 for supervised lines: pull-up to its reference, two end-of-line resistors a contact."""

    chip_select: Literal[0, 1] = 0
    pull_up_ohm: Ohms = 2200.0
    series_ohm: Ohms = 1000.0  # in series with the contact: all that is left while it is closed
    parallel_ohm: Ohms = 2200.0  # across the contact: added while it is open
    tolerance: Annotated[float, Meta(gt=0.0, le=0.2)] = 0.05  # of every resistor
    poll_s: Annotated[float, Meta(ge=0.005, le=1.0)] = 0.05


class AuxSection(Section, frozen=True):
    """[aux]: an auxiliary relay and what it follows. `panel`: output 0 of the access control panel."""

    pin: Pin = NOT_FITTED
    follows: Literal["released", "sealed", "alarm", "panel"] = "released"


class PatternsSection(Section, frozen=True):
    """[indicator.patterns]: what is lit for how many seconds; `tone` is the buzzer, `repeat` goes on."""

    ready: PatternText = "blue 0.2, dark 2.8, repeat"
    come_closer: PatternText = "blue 0.25, dark 0.25, repeat"
    hold_still: PatternText = "blue 1, repeat"
    look_left: PatternText = "left+blue 0.4, dark 0.2, repeat"
    look_right: PatternText = "right+blue 0.4, dark 0.2, repeat"
    look_up: PatternText = "up+blue 0.4, dark 0.2, repeat"
    look_down: PatternText = "down+blue 0.4, dark 0.2, repeat"
    blink: PatternText = "cyan 0.1, dark 0.1, cyan 0.1, dark 0.7, repeat"
    open_mouth: PatternText = "cyan 0.6, dark 0.6, repeat"
    enter_pin: PatternText = "white 0.6, dark 0.2, white 0.6, dark 0.6, repeat"
    granted: PatternText = "green+tone 0.4, green 2.6"
    denied: PatternText = "red+tone 0.15, red 0.1, red+tone 0.15, red 1.6"
    try_again_later: PatternText = "amber 0.5, dark 0.5, amber 0.5, dark 0.5, amber 0.5, dark 0.5"
    fault: PatternText = "red 0.1, dark 1.9, repeat"
    enrolling: PatternText = "magenta 0.5, dark 0.5, repeat"
    enrolled: PatternText = "green 0.2, dark 0.2, green 0.2, dark 0.2, green+tone 0.6"
    released: PatternText = "green 1, repeat"
    lockdown: PatternText = "red 1, repeat"
    held_warning: PatternText = "amber+tone 0.2, amber 0.8, repeat"
    alarm: PatternText = "red+tone 0.1, dark 0.1, repeat"


class IndicatorSection(Section, frozen=True):
    """[indicator]: lamps and buzzer; a colour lamp takes three pins, arrows or side lamps show where to look."""

    red: Pin = NOT_FITTED
    green: Pin = NOT_FITTED
    blue: Pin = NOT_FITTED
    left: Pin = NOT_FITTED
    right: Pin = NOT_FITTED
    up: Pin = NOT_FITTED
    down: Pin = NOT_FITTED
    buzzer: Pin = NOT_FITTED
    silent: bool = False  # no sound at all, not even for an alarm
    forget_after_s: Seconds = 10.0  # an indication that nobody asks for any more ends
    patterns: PatternsSection = PatternsSection()


class LightSection(Section, frozen=True):
    """[light]: emitters that light the face in a code, for liveness."""

    red: Pin = NOT_FITTED
    green: Pin = NOT_FITTED
    blue: Pin = NOT_FITTED
    white: Pin = NOT_FITTED
    left: Pin = NOT_FITTED  # two emitters at the sides see a face's shape
    right: Pin = NOT_FITTED


class WiegandSection(Section, frozen=True):
    """[wiegand]: two wires to an access control panel, two from a keypad or card reader."""

    out_d0: Pin = NOT_FITTED
    out_d1: Pin = NOT_FITTED
    in_d0: Pin = NOT_FITTED
    in_d1: Pin = NOT_FITTED
    format: Literal["26", "34", "37", "37-no-facility", "custom"] = "26"
    pulse_us: Annotated[int, Meta(ge=20, le=200)] = 50  # SIA AC-01: 20 to 100, typically 50
    interval_us: Annotated[int, Meta(ge=200, le=20_000)] = 2000  # SIA AC-01: 200 to 20000, pulse to pulse
    end_of_frame_s: Annotated[float, Meta(ge=0.005, le=1.0)] = 0.05  # silence that ends what a reader sends
    custom_layout: str = ""  # one letter a bit: F facility, N number, 0 and 1 fixed, P parity
    custom_parity: tuple[str, ...] = ()  # one mask each: E or O at the parity bit, x at every covered bit, - elsewhere


class OsdpSection(Section, frozen=True):
    """[osdp]: an access control panel on RS-485. Secure Channel is always enforced; `lintel door osdp` sets its key."""

    port: str = ""  # such as /dev/serial0; empty: none
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600
    address: Annotated[int, Meta(ge=0, le=126)] = 0
    outputs: tuple[Literal["aux", "lock"], ...] = ("aux",)  # what the panel's outputs 0, 1 … switch
    install_mode_at_most_s: Seconds = 600.0  # an administrator may let the panel set a first key for this long
