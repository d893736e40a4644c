"""PINs: what they may be, how they are kept, and how often they may be tried."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from builders import make_newcomer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people_builders import AT, THRESHOLDS, reference

from device.collection import pin_hash
from device.collection.gallery import Gallery
from device.collection.pin_hash import Cost, check_pin, decode_pin_hash, hash_pin
from device.collection.pins import (
    FREE_TRIES,
    LONGEST_BLOCK_S,
    TRIES_AT_MOST,
    PersonPins,
    PinAnswer,
    PinStanding,
    block_s,
)
from device.collection.seal import UnsealError
from device.collection.store import Collection, open_collection
from device.errors import CollectionUnreadableError, UnknownPersonError, WeakPinError
from device.types import PersonId

PIN, OTHER = "2583", "7139"
CHEAP = Cost(log2_n=10, r=8, p=1)  # 1 MiB, the least there may be
digits = st.text("0123456789", min_size=4, max_size=12)


class PinFile(PersonPins):
    """The pins of a collection under a hash that costs little, over the collection's own connection."""

    pin_cost = CHEAP


def pins_of(collection: Collection) -> PinFile:
    return PinFile(collection._database, collection.path, keys=collection._keys)


def somebody(collection: Collection, name: str = "Ada", seed: int = 1) -> PersonId:
    return collection.add_person(make_newcomer(name, [reference(seed)]), at=AT)


@pytest.fixture
def pins(collection: Collection) -> PinFile:
    return pins_of(collection)


@pytest.fixture
def ada(collection: Collection) -> PersonId:
    return somebody(collection)


@given(digits)
@settings(max_examples=30, deadline=None)
def test_a_hash_survives_being_written_down_and_matches_its_digits_only(pin: str) -> None:
    made = decode_pin_hash(hash_pin(pin, cost=CHEAP).encode())
    assert made.cost == CHEAP
    assert made.matches(pin)
    assert not made.matches(pin[:-1] + str((int(pin[-1]) + 1) % 10))


def test_the_same_pin_is_kept_differently_each_time_and_hides_in_logs() -> None:
    one, other = hash_pin(PIN, cost=CHEAP), hash_pin(PIN, cost=CHEAP)
    assert one.encode() != other.encode()
    assert PIN not in repr(one)


def test_the_cost_at_the_door_is_that_of_the_page() -> None:
    assert (pin_hash.COST, pin_hash.COST.memory_bytes) == (Cost(15, 8, 3), 32 * 2**20)
    assert PersonPins.pin_cost == pin_hash.COST


@pytest.mark.parametrize("log2_n", [9, 19, 25])
def test_a_hash_that_would_cost_too_little_or_too_much_is_refused(log2_n: int) -> None:
    with pytest.raises(ValueError, match="scrypt"):
        Cost(log2_n, 8, 1)


@pytest.mark.parametrize("text", [b"", b"$scrypt$ln=10,r=8,p=1$$", b"\xff", b"$argon2id$v=19$m=1,t=1,p=1$aa$bb"])
def test_what_is_no_hash_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"PIN|ascii"):
        decode_pin_hash(text)


@pytest.mark.parametrize(
    "pin",
    [
        "",
        "123",
        "1234567890123",
        "12a4",
        "\uff12\uff15\uff18\uff13",
        " 2583",
        "1234",
        "0000",
        "4321",
        "7890",
        "2468",
        "1212",
        "1221",
        "123123",
        "110000",
        "1984",
        "2001",
        "13579",
        "999999999999",
    ],
)
def test_what_would_be_guessed_first_is_refused_and_not_repeated(pin: str) -> None:
    with pytest.raises(WeakPinError) as refused:
        check_pin(pin)
    assert len(pin) < 4 or pin not in str(refused.value)


@pytest.mark.parametrize("pin", [PIN, OTHER, "2901", "302581", "918273645501"])
def test_any_other_pin_will_do(pin: str) -> None:
    assert check_pin(pin) == pin


def test_most_four_digit_pins_will_do() -> None:
    refused = 0
    for number in range(10_000):
        try:
            check_pin(f"{number:04d}")
        except WeakPinError:
            refused += 1
    assert refused == 910


def test_the_right_pin_is_right_and_no_other(pins: PinFile, ada: PersonId) -> None:
    assert pins.try_pin(ada, PIN, at=AT) is PinAnswer.NOT_SET
    pins.set_pin(ada, PIN, at=AT)
    assert pins.try_pin(ada, PIN, at=AT) is PinAnswer.RIGHT
    assert pins.try_pin(ada, OTHER, at=AT) is PinAnswer.WRONG


def test_a_person_has_their_own_pin(collection: Collection, pins: PinFile, ada: PersonId) -> None:
    grace = somebody(collection, "Grace", 2)
    pins.set_pin(ada, PIN, at=AT)
    pins.set_pin(grace, OTHER, at=AT)
    assert pins.try_pin(grace, PIN, at=AT) is PinAnswer.WRONG
    assert pins.try_pin(grace, OTHER, at=AT) is PinAnswer.RIGHT


def test_a_pin_moved_to_another_person_does_not_open(collection: Collection, pins: PinFile, ada: PersonId) -> None:
    grace = somebody(collection, "Grace", 2)
    pins.set_pin(ada, PIN, at=AT)
    with collection.changing():
        collection._execute("INSERT INTO pin SELECT ?, sealed_hash, set_at, 0, NULL FROM pin", grace)
    with pytest.raises(CollectionUnreadableError) as refused:
        pins.try_pin(grace, PIN, at=AT)
    assert isinstance(refused.value.__cause__, UnsealError)


def test_the_file_holds_neither_the_pin_nor_its_hash_in_the_clear(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    (sealed,) = pins._execute("SELECT sealed_hash FROM pin")[0]
    assert b"scrypt" not in sealed
    assert PIN.encode() not in sealed


def test_a_pin_can_be_changed_and_taken_away(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    pins.set_pin(ada, OTHER, at=AT)
    assert pins.try_pin(ada, PIN, at=AT) is PinAnswer.WRONG
    assert pins.clear_pin(ada)
    assert not pins.clear_pin(ada)
    assert pins.pin_facts(ada) is None


def test_a_pin_goes_with_its_person(collection: Collection, pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    collection.remove(ada)
    assert pins._execute("SELECT * FROM pin") == []
    with pytest.raises(UnknownPersonError):
        pins.set_pin(ada, PIN, at=AT)


def test_a_pin_survives_a_rotation_of_the_site_key(collection: Collection, pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    collection.rotate_key()
    assert pins.try_pin(ada, PIN, at=AT) is PinAnswer.RIGHT


def test_a_weak_pin_changes_nothing(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    with pytest.raises(WeakPinError):
        pins.set_pin(ada, "1234", at=AT)
    assert pins.try_pin(ada, PIN, at=AT) is PinAnswer.RIGHT


def test_blocks_grow_from_a_minute_to_an_hour() -> None:
    assert [block_s(failures) for failures in range(FREE_TRIES)] == [0.0] * FREE_TRIES
    assert [block_s(FREE_TRIES + more) for more in range(8)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert block_s(10**6) == LONGEST_BLOCK_S


def test_the_right_pin_is_not_looked_at_while_blocked(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    for _ in range(FREE_TRIES):
        assert pins.try_pin(ada, OTHER, at=AT) is PinAnswer.WRONG
    assert pins.try_pin(ada, PIN, at=AT + timedelta(seconds=59.9)) is PinAnswer.BLOCKED
    assert pins.pin_standing(ada, at=AT + timedelta(seconds=59.9)) is PinStanding.BLOCKED
    assert pins.pin_standing(ada, at=AT + timedelta(seconds=60)) is PinStanding.READY
    assert pins.try_pin(ada, PIN, at=AT + timedelta(seconds=60)) is PinAnswer.RIGHT
    facts = pins.pin_facts(ada)
    assert facts is not None
    assert (facts.failures, facts.blocked_until) == (0, None)


def test_after_a_hundred_failures_only_another_pin_helps(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    pins._execute("UPDATE pin SET failures = ?", TRIES_AT_MOST)
    assert pins.try_pin(ada, PIN, at=AT + timedelta(days=365)) is PinAnswer.BLOCKED
    pins.set_pin(ada, OTHER, at=AT)
    assert pins.try_pin(ada, OTHER, at=AT) is PinAnswer.RIGHT


def test_a_clock_that_was_set_back_blocks_nobody_for_longer_than_earned(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    for _ in range(FREE_TRIES):
        pins.try_pin(ada, OTHER, at=AT)
    earlier = AT - timedelta(days=300)
    assert pins.try_pin(ada, PIN, at=earlier) is PinAnswer.BLOCKED
    assert pins.try_pin(ada, PIN, at=earlier + timedelta(seconds=59)) is PinAnswer.BLOCKED
    assert pins.try_pin(ada, PIN, at=earlier + timedelta(seconds=60)) is PinAnswer.RIGHT


def test_what_can_be_nobodys_pin_is_wrong_and_not_counted(pins: PinFile, ada: PersonId) -> None:
    pins.set_pin(ada, PIN, at=AT)
    for _ in range(2 * FREE_TRIES):
        assert pins.try_pin(ada, "12", at=AT) is PinAnswer.WRONG
    facts = pins.pin_facts(ada)
    assert facts is not None
    assert facts.failures == 0


def test_a_power_cut_before_the_answer_still_counts_the_try(file: Path, collection: Collection, ada: PersonId) -> None:
    pins = pins_of(collection)
    pins.set_pin(ada, PIN, at=AT)
    assert isinstance(pins._count_try(ada, AT), bytes)  # all that happens before the digits are looked at
    with open_collection(file) as again:
        facts = pins_of(again).pin_facts(ada)
    assert facts is not None
    assert facts.failures == 1


def test_a_pin_that_was_changed_while_it_was_looked_at_is_wrong(pins: PinFile, ada: PersonId) -> None:
    class Meddled(PinFile):
        def _count_try(self, person: PersonId, at: object) -> bytes | PinAnswer:
            counted = super()._count_try(person, at)  # type: ignore[arg-type]
            pins.set_pin(person, OTHER, at=AT)
            return counted

    pins.set_pin(ada, PIN, at=AT)
    meddled = Meddled(pins._database, pins.path, keys=pins._keys)
    assert meddled.try_pin(ada, PIN, at=AT) is PinAnswer.WRONG


def test_trying_a_pin_makes_no_gallery_read_anybody_anew(file: Path, collection: Collection, ada: PersonId) -> None:
    gallery, before = Gallery(collection, thresholds=THRESHOLDS), collection.revision()
    with open_collection(file) as elsewhere:
        pins = pins_of(elsewhere)
        pins.set_pin(ada, PIN, at=AT)
        pins.try_pin(ada, OTHER, at=AT)
    gallery.refresh()
    assert collection.revision() == before
    assert collection.changed_since(before) == []


@contextmanager
def fresh_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "collection.db"


steps = st.lists(
    st.one_of(
        st.sampled_from(["right", "wrong", "cut"]),
        st.floats(0.0, 4000.0).map(lambda seconds: round(seconds, 3)),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_however_often_the_power_is_cut_tries_are_limited(story: list[str | float]) -> None:
    """Against a model: every step is a process of its own, and "cut" dies between counting and looking."""
    failures, blocked_until, now = 0, AT, AT
    with fresh_file() as file:
        with open_collection(file) as collection:
            ada = somebody(collection)
            pins_of(collection).set_pin(ada, PIN, at=AT)
        for step in story:
            if not isinstance(step, str):
                now += timedelta(seconds=step)
                continue
            is_blocked = now < blocked_until
            with open_collection(file) as collection:
                pins = pins_of(collection)
                if step == "cut":
                    assert (pins._count_try(ada, now) is PinAnswer.BLOCKED) is is_blocked
                else:
                    answer = pins.try_pin(ada, PIN if step == "right" else OTHER, at=now)
                    assert answer is (PinAnswer.BLOCKED if is_blocked else PinAnswer(step))
            if is_blocked:
                continue
            failures = 0 if step == "right" else failures + 1
            blocked_until = now + timedelta(seconds=block_s(failures))
