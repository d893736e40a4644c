"""Card numbers as bits on two wires, encoded and decoded. Pure; the wires are elsewhere.

A format is declared by a layout, one letter a bit in the order they are sent, and parity masks. The built-in ones are
those of SIA AC-01 (26 bits, HID's H10301) and HID's H10306 (34 bits), H10304 and H10302 (37 bits).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from firmware_bridge.errors import ProtocolError

Bits: TypeAlias = tuple[bool, ...]  # in the order they are sent

MAX_BITS = 128
KEYS = "0123456789*#"  # a keypad sends their index


@dataclass(frozen=True, slots=True)
class Credential:
    """A card number: what a panel knows a person by."""

    facility: int  # 0 in a format without a facility code
    number: int


@dataclass(frozen=True, slots=True)
class Parity:
    """One parity bit and the bits that it makes even or odd together with itself."""

    position: int
    covers: tuple[int, ...]
    is_odd: bool

    def bit(self, bits: list[bool]) -> bool:
        """The value that this parity bit must have."""
        return (sum(bits[index] for index in self.covers) % 2 == 1) is not self.is_odd


@dataclass(frozen=True, slots=True)
class Format:
    """How a credential is laid out. Parities are computed in order, so a later one may cover an earlier one."""

    layout: str  # F facility, N number, 0 and 1 fixed, P parity
    parities: tuple[Parity, ...]

    @property
    def facility_bits(self) -> int:
        return self.layout.count("F")

    @property
    def number_bits(self) -> int:
        return self.layout.count("N")


def declare(layout: str, masks: Iterable[str]) -> Format:
    """A format from its layout and its parity masks: E or O at the parity bit, x where it covers, - elsewhere.

    Raises ValueError when layout and masks do not fit together.
    """
    if not 4 <= len(layout) <= MAX_BITS or set(layout) - set("FN01P") or "N" not in layout:
        raise ValueError(f"a layout is 4 to {MAX_BITS} of the letters F, N, 0, 1 and P, with at least one N")
    parities = tuple(_parity(mask, layout) for mask in masks)
    positions = [parity.position for parity in parities]
    expected = [index for index, letter in enumerate(layout) if letter == "P"]
    if sorted(positions) != expected:
        raise ValueError("every P of the layout needs exactly one mask with E or O at its place")
    for index, parity in enumerate(parities):
        if set(parity.covers).intersection(positions[index:]):
            raise ValueError("a parity bit may cover only those whose masks come before its own")
    return Format(layout, parities)


def _parity(mask: str, layout: str) -> Parity:
    marks = [index for index, letter in enumerate(mask) if letter in "EO"]
    if len(mask) != len(layout) or len(marks) != 1 or set(mask) - set("EOx-"):
        raise ValueError(f"{mask!r} is not a mask of {len(layout)} letters with one E or O")
    covers = tuple(index for index, letter in enumerate(mask) if letter == "x")
    return Parity(marks[0], covers, is_odd=mask[marks[0]] == "O")


FORMATS: dict[str, Format] = {
    "26": declare(
        "PFFFFFFFFNNNNNNNNNNNNNNNNP",
        ("Exxxxxxxxxxxx-------------", "-------------xxxxxxxxxxxxO"),
    ),
    "34": declare(
        "PFFFFFFFFFFFFFFFFNNNNNNNNNNNNNNNNP",
        ("Exxxxxxxxxxxxxxxx-----------------", "-----------------xxxxxxxxxxxxxxxxO"),
    ),
    "37": declare(
        "PFFFFFFFFFFFFFFFFNNNNNNNNNNNNNNNNNNNP",
        ("Exxxxxxxxxxxxxxxxxx------------------", "------------------xxxxxxxxxxxxxxxxxxO"),
    ),
    "37-no-facility": declare(
        "PNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNP",
        ("Exxxxxxxxxxxxxxxxxx------------------", "------------------xxxxxxxxxxxxxxxxxxO"),
    ),
}


def encode(credential: Credential, format_: Format) -> Bits:
    """The bits of `credential`. Raises ProtocolError when it does not fit the format."""
    facility = _digits(credential.facility, format_.facility_bits, "facility code")
    number = _digits(credential.number, format_.number_bits, "number")
    source = {"F": iter(facility), "N": iter(number)}
    bits = [next(source[letter]) if letter in source else letter == "1" for letter in format_.layout]
    for parity in format_.parities:
        bits[parity.position] = parity.bit(bits)
    return tuple(bits)


def decode(bits: Bits, format_: Format) -> Credential:
    """The credential in `bits`. Raises ProtocolError for a wrong length, a wrong fixed bit or wrong parity."""
    if len(bits) != len(format_.layout):
        raise ProtocolError(f"expected {len(format_.layout)} bits, got {len(bits)}")
    for letter, bit in zip(format_.layout, bits, strict=True):
        if letter in "01" and bit is not (letter == "1"):
            raise ProtocolError("a fixed bit is wrong")
    if any(bits[parity.position] is not parity.bit(list(bits)) for parity in format_.parities):
        raise ProtocolError("parity mismatch")
    return Credential(_value(bits, format_.layout, "F"), _value(bits, format_.layout, "N"))


def decode_key(bits: Bits) -> str:
    """The key of a keypad that sends every press at once: 4 bits, or 8 with the complement in front.

    Raises ProtocolError for anything else.
    """
    if len(bits) == 8:
        if any(high is low for high, low in zip(bits[:4], bits[4:], strict=True)):
            raise ProtocolError("the two halves of a key do not complement each other")
        bits = bits[4:]
    value = _number(bits)
    if len(bits) != 4 or value >= len(KEYS):
        raise ProtocolError(f"{len(bits)} bits are not a key")
    return KEYS[value]


def pack(bits: Bits) -> bytes:
    """The bits in bytes, the first in the highest place, the last byte filled with zeros: as OSDP sends them."""
    padded = bits + (False,) * (-len(bits) % 8)
    return bytes(_number(padded[start : start + 8]) for start in range(0, len(padded), 8))


def _digits(value: int, count: int, name: str) -> Bits:
    if not 0 <= value < 2**count:
        raise ProtocolError(f"the {name} {value} does not fit {count} bits")
    return tuple(bool(value >> index & 1) for index in reversed(range(count)))


def _value(bits: Bits, layout: str, letter: str) -> int:
    return _number(tuple(bit for bit, place in zip(bits, layout, strict=True) if place == letter))


def _number(bits: Bits) -> int:
    value = 0
    for bit in bits:
        value = value << 1 | bit
    return value
