"""Card numbers as bits, and back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import ProtocolError
from firmware_bridge.wiegand import FORMATS, KEYS, Bits, Credential, Format, declare, decode, decode_key, encode, pack

CORPORATE_35 = declare(  # a format whose last parity covers the other two
    "PPFFFFFFFFFFFFNNNNNNNNNNNNNNNNNNNNP",
    (
        "-Exx-xx-xx-xx-xx-xx-xx-xx-xx-xx-xx-",
        "--xx-xx-xx-xx-xx-xx-xx-xx-xx-xx-xxO",
        "Oxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
)
ALL = {**FORMATS, "custom": CORPORATE_35}


def bits_of(text: str) -> Bits:
    return tuple(letter == "1" for letter in text)


@st.composite
def credentials(draw: st.DrawFn) -> tuple[str, Credential]:
    name = draw(st.sampled_from(sorted(ALL)))
    form = ALL[name]
    facility = draw(st.integers(0, 2**form.facility_bits - 1))
    return name, Credential(facility, draw(st.integers(0, 2**form.number_bits - 1)))


@given(credentials())
def test_what_is_encoded_is_decoded(sample: tuple[str, Credential]) -> None:
    name, credential = sample
    assert decode(encode(credential, ALL[name]), ALL[name]) == credential


@given(credentials(), st.data())
def test_a_single_flipped_bit_is_always_noticed(sample: tuple[str, Credential], data: st.DataObject) -> None:
    name, credential = sample
    form = ALL[name]
    bits = list(encode(credential, form))
    place = data.draw(st.integers(0, len(bits) - 1))
    bits[place] = not bits[place]
    with pytest.raises(ProtocolError):
        decode(tuple(bits), form)


@pytest.mark.parametrize(("name", "credential", "bits"), [
    # By hand from SIA AC-01: even parity over the first twelve data bits, odd over the last twelve.
    ("26", Credential(1, 1), "1" "00000001" "0000000000000001" "0"),
    ("26", Credential(255, 65535), "0" "11111111" "1111111111111111" "1"),
    ("26", Credential(0, 0), "0" "00000000" "0000000000000000" "1"),
    ("34", Credential(1, 1), "1" "0000000000000001" "0000000000000001" "0"),
    ("37", Credential(1, 1), "1" "0000000000000001" "0000000000000000001" "0"),
    ("37-no-facility", Credential(0, 1), "0" "00000000000000000000000000000000001" "0"),
])  # fmt: skip
def test_known_cards_have_known_bits(name: str, credential: Credential, bits: str) -> None:
    assert encode(credential, FORMATS[name]) == bits_of(bits)
    assert decode(bits_of(bits), FORMATS[name]) == credential


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_length_of_a_format_is_its_name(name: str) -> None:
    assert len(FORMATS[name].layout) == int(name.partition("-")[0])


@pytest.mark.parametrize(("name", "credential"), [
    ("26", Credential(256, 0)),
    ("26", Credential(0, 65536)),
    ("26", Credential(-1, 0)),
    ("37-no-facility", Credential(1, 0)),
])  # fmt: skip
def test_a_number_that_does_not_fit_is_refused(name: str, credential: Credential) -> None:
    with pytest.raises(ProtocolError, match="does not fit"):
        encode(credential, FORMATS[name])


def test_fixed_bits_are_sent_and_asked_for() -> None:
    form = declare("01NNNN", ())
    assert encode(Credential(0, 5), form) == bits_of("010101")
    with pytest.raises(ProtocolError, match="fixed"):
        decode(bits_of("110101"), form)


@pytest.mark.parametrize(("layout", "masks"), [
    ("PFFF", ()),  # no number
    ("NNN", ()),  # too short
    ("N" * 129, ()),  # too long
    ("NNNNX", ()),  # an unknown letter
    ("PNNNN", ()),  # a parity bit without a mask
    ("PNNNN", ("Exxxx", "Oxxxx")),  # two masks for one bit
    ("PNNNN", ("Exxx",)),  # a mask of another length
    ("PNNNN", ("xExxx",)),  # a mask for a bit that is no parity bit
    ("PNNNN", ("Exxx?",)),
    ("PNNNP", ("ExxxxE",)),
    ("PNNNP", ("Exxxx", "xxxxE")),  # each covers the other
])  # fmt: skip
def test_a_layout_and_masks_that_do_not_fit_together_are_refused(layout: str, masks: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        declare(layout, masks)


@pytest.mark.parametrize("value", range(12))
def test_a_key_is_sent_in_four_bits_or_in_eight(value: int) -> None:
    nibble = bits_of(f"{value:04b}")
    assert decode_key(nibble) == KEYS[value]
    assert decode_key(tuple(not bit for bit in nibble) + nibble) == KEYS[value]


@pytest.mark.parametrize("text", ["", "1", "1100", "1111", "00000000", "11110001", "101010101"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_key(bits_of(text))


def test_bits_are_packed_with_the_first_on_top() -> None:
    assert pack(bits_of("100000001")) == b"\x80\x80"


def test_a_hundred_thousand_random_frames_decode_to_what_they_say_or_are_refused() -> None:
    dice = random.Random(26)
    forms: list[Format] = list(ALL.values())
    for _ in range(100_000):
        form = dice.choice(forms)
        length = len(form.layout) if dice.random() < 0.8 else dice.randrange(140)
        bits = tuple(map(bool, map(int, f"{dice.getrandbits(length or 1):0{length}b}"))) if length else ()
        try:
            credential = decode(bits, form)
        except ProtocolError:
            continue
        assert encode(credential, form) == bits
