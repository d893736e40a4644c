from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.collection.seal import PersonSeal, Sealer, SiteKey, UnsealError, random_site_key
from device.types import PersonId

ADA, GRACE = PersonId("p-00000000000000ad"), PersonId("p-00000000000000be")
KEY = SiteKey(bytes(range(32)))


def seal_of(person: PersonId = ADA) -> PersonSeal:
    return PersonSeal(person, b"k" * 32)


@given(st.binary(max_size=600), st.lists(st.text(max_size=20), max_size=4))
def test_what_was_sealed_opens_in_its_place(value: bytes, place: list[str]) -> None:
    sealed = seal_of().seal(value, *place)
    assert seal_of().unseal(sealed, *place) == value
    assert len(sealed) == len(value) + 29


@given(st.binary(min_size=1, max_size=64), st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_is_always_found(value: bytes, place: int, bit: int) -> None:
    sealed = bytearray(seal_of().seal(value, "name"))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(UnsealError):
        seal_of().unseal(bytes(sealed), "name")


@given(st.binary(max_size=80))
def test_rubbish_does_not_open(rubbish: bytes) -> None:
    with pytest.raises(UnsealError):
        seal_of().unseal(rubbish, "name")


@given(st.lists(st.text(max_size=8), max_size=3), st.lists(st.text(max_size=8), max_size=3))
def test_a_value_opens_in_no_other_place(place: list[str], other: list[str]) -> None:
    sealed = seal_of().seal(b"value", *place)
    if place != other:
        with pytest.raises(UnsealError):
            seal_of().unseal(sealed, *other)


def test_a_value_opens_for_no_other_person() -> None:
    with pytest.raises(UnsealError):
        PersonSeal(GRACE, b"k" * 32).unseal(seal_of(ADA).seal(b"value", "name"), "name")


def test_two_seals_of_one_value_have_nothing_in_common() -> None:
    assert seal_of().seal(b"value", "name") != seal_of().seal(b"value", "name")


def test_a_persons_key_opens_for_that_person_and_site_key_only() -> None:
    sealer = Sealer(KEY, generation=1)
    wrapped, seal = sealer.new_person(ADA)
    assert Sealer(KEY, generation=9).open_person(ADA, wrapped).unseal(seal.seal(b"x", "n"), "n") == b"x"
    with pytest.raises(UnsealError):
        sealer.open_person(GRACE, wrapped)
    with pytest.raises(UnsealError):
        Sealer(random_site_key(), generation=1).open_person(ADA, wrapped)


def test_a_name_has_one_tag_for_each_site() -> None:
    tag = Sealer(KEY, generation=1).name_tag("ada")
    assert tag == Sealer(KEY, generation=2).name_tag("ada")
    assert tag != Sealer(random_site_key(), generation=1).name_tag("ada")
    assert b"ada" not in tag


def test_keys_for_different_purposes_differ_and_are_stable() -> None:
    """The derivation must never change: collections depend on it. RFC 5869, checked with another implementation."""
    derived = {purpose: KEY.derive(purpose) for purpose in ("id", "names", "person keys", "matrix 1 m")}
    assert len(set(derived.values())) == 4
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    for purpose, key in derived.items():
        reference = HKDF(SHA256(), 32, salt=None, info=b"lintel seal 1 " + purpose.encode()).derive(KEY.secret)
        assert key == reference


def test_secrets_stay_out_of_representations() -> None:
    sealer = Sealer(KEY, generation=1)
    for shown in (repr(KEY), str(KEY), repr(sealer), repr(seal_of()), repr(vars(sealer))):
        assert "secret" not in shown
        assert repr(KEY.secret)[2:20] not in shown
        assert KEY.secret.hex() not in shown


def test_a_key_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SiteKey(b"short")
