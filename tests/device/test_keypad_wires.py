"""A PIN typed on the wires of a real door daemon, compared with the one in a real collection."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from builders import make_match, make_newcomer, make_person, make_template

from device.clock import SystemClock
from device.collection.people import Reference
from device.collection.store import open_collection, open_existing_collection
from device.second_factor import Inquiry, listening
from device.types import (
    BonaFide,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorFault,
    FactorGiven,
    PersonId,
    TrackId,
)
from firmware_bridge.child import DoorChild, mock_door

PIN = "2583"
VISIT = TrackId(1)
D0, D1 = 5, 6
DOOR = f"""\
[daemon]
socket = "{{folder}}/door.sock"
state_folder = "{{folder}}/state"

[pins]
factory = "mock"
edges = "{{folder}}/edges"

[lock]
pin = 17

[wiegand]
in_d0 = {D0}
in_d1 = {D1}
end_of_frame_s = 0.05
"""
GIVE_UP_AFTER_S = 10.0
KEYS = {**{str(digit): digit for digit in range(10)}, "*": 10, "#": 11}


def test_the_right_digits_on_the_wires_are_the_factor_and_wrong_ones_are_not(tmp_path: Path) -> None:
    clock = SystemClock()
    file = tmp_path / "collection.db"
    with open_collection(file) as collection:
        ada = collection.add_person(make_newcomer("Ada", [Reference(make_template())]), at=clock.now())
        collection.set_pin(ada, PIN, at=clock.now())
    with mock_door(DOOR) as door:
        inquiry = Inquiry(
            door.client, partial(open_existing_collection, file), door=door.client, clock=clock, within_s=15.0
        )
        with listening(inquiry):
            type_keys(door, "25#")  # before anybody is asked
            ask(inquiry, door, ada, clock)
            type_keys(door, f"9*{PIN}#")
            assert wait_for(lambda: inquiry.factor_of(VISIT) != FactorAwaited(ada), clock)
            assert inquiry.factor_of(VISIT) == FactorGiven(ada)
            inquiry.close(VISIT)
            assert door.client.status().indication == "ready"
            ask(inquiry, door, ada, clock)
            type_keys(door, "7139#")
            assert wait_for(lambda: inquiry.factor_of(VISIT) == FactorFailed(FactorFault.WRONG), clock)
            assert not any(level for _, line, level in door.client.pin_levels() if line == "lock")


def ask(inquiry: Inquiry, door: DoorChild, person: PersonId, clock: SystemClock) -> None:
    """Ask somebody, and wait until the lamps say so."""
    now = clock.monotonic()
    evidence = Evidence(
        make_match(person), make_person(person), BonaFide(()), 5, now, now, clock.now(), clock_is_trusted=True
    )
    inquiry.consider(VISIT, evidence, Deny(DenyReason.SECOND_FACTOR_MISSING))

    def is_asked() -> bool:
        inquiry.prompt(VISIT)
        return door.client.status().indication == "enter_pin"

    assert wait_for(is_asked, clock)


def type_keys(door: DoorChild, keys: str) -> None:
    """Each key as four bits on the two wires, with the silence that ends it."""
    with (door.socket_path.parent / "edges").open("wb", buffering=0) as edges:
        for key in keys:
            bits = f"{KEYS[key]:04b}"
            edges.write(
                b"".join(f"{D1 if bit == '1' else D0} 0\n{D1 if bit == '1' else D0} 1\n".encode() for bit in bits)
            )
            SystemClock().sleep(0.15)  # a keypad is silent between two keys


def wait_for(holds: Callable[[], bool], clock: SystemClock) -> bool:
    """Whether `holds` does before it is given up."""
    give_up_at = clock.monotonic() + GIVE_UP_AFTER_S
    while not holds():
        if clock.monotonic() > give_up_at:
            return False
        clock.sleep(0.02)  # the daemon admits so many questions a second
    return True
