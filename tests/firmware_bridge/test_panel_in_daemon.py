"""A whole daemon with a panel, a reader and lamps: what comes in at one end goes out at the other."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("osdp_sys", reason="libosdp is not installed")

from daemon_bench import DOOR, GIVE_UP_AFTER_S, Daemon, installed
from panel_bench import ADDRESS, KEY, Cable, panel_on

from firmware_bridge.errors import CommandRefusedError
from firmware_bridge.types import Cause, EventKind
from firmware_bridge.wiegand import FORMATS, Credential, encode

MEMORY_LIMIT_KB = 30_000
WITH_PANEL = f"""{DOOR}
[aux]
pin = 5
follows = "panel"

[indicator]
red = 6
green = 13
buzzer = 19

[wiegand]
in_d0 = 20
in_d1 = 21

[osdp]
port = "{{folder}}/serial"
address = {ADDRESS}
outputs = ["aux", "lock"]
"""


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with installed(WITH_PANEL.replace("[pins]", '[pins]\nedges = "{folder}/edges"')) as built:
        yield built


def turn_until(panel: object, cable: Cable, holds: Callable[[], object]) -> bool:
    give_up_at = time.monotonic() + GIVE_UP_AFTER_S
    while time.monotonic() < give_up_at:
        if holds():
            return True
        panel.refresh()  # type: ignore[attr-defined]
        cable.wait()
    return False


def test_a_panel_is_given_a_key_hears_a_card_and_works_lamp_relay_and_lock(daemon: Daemon) -> None:
    cable = Cable(daemon.folder)
    daemon.start()
    assert daemon.client.status().panel == "no_key"
    daemon.client.set_panel_key(KEY)
    assert len(daemon.client.status().panel_key) == 8

    told: list[dict[str, object]] = []
    panel = panel_on(cable)
    panel.set_event_callback(lambda _reader, event: told.append(event) or 0)
    assert turn_until(panel, cable, lambda: panel.status() & 1 and daemon.client.status().panel == "secure")

    daemon.client.present_card(facility=17, number=4242, audit_sequence=7, captured_at=time.monotonic())
    assert turn_until(panel, cable, lambda: told)
    card = encode(Credential(17, 4242), FORMATS["26"])
    data = told[0]["data"]
    assert isinstance(data, bytes)
    assert int.from_bytes(data, "big") >> 6 == int("".join("01"[bit] for bit in card), 2)

    import osdp_sys

    led = {"reader": 0, "led_number": 0, "temporary": False, "control_code": 1}
    blink = {"on_count": 10, "off_count": 0, "on_color": 2, "off_color": 0, "timer_count": 0}
    panel.submit_command(0, {"command": osdp_sys.CMD_LED, **led, **blink})
    output = {"command": osdp_sys.CMD_OUTPUT, "control_code": 5, "timer_count": 50}
    panel.submit_command(0, {**output, "output_no": 0})
    panel.submit_command(0, {**output, "output_no": 1})
    assert turn_until(panel, cable, lambda: Cause.PANEL in daemon.client.status().causes)
    highs = {pin for pin in ("GPIO5", "GPIO13", "GPIO17") if daemon.levels(pin)[-1].is_high}
    assert highs == {"GPIO5", "GPIO13", "GPIO17"}

    kinds = [event.kind for event in daemon.client.events()]
    assert kinds == [EventKind.STARTED, EventKind.KEY_CHANGED, EventKind.PRESENTED, EventKind.RELEASED]
    assert KEY.hex() not in daemon.log()


def test_install_mode_is_opened_for_minutes_at_most_and_closed(daemon: Daemon) -> None:
    Cable(daemon.folder)
    daemon.start()
    with pytest.raises(CommandRefusedError, match="600"):
        daemon.client.open_install_mode(duration_s=601.0)
    daemon.client.open_install_mode(duration_s=60.0)
    assert daemon.client.status().panel == "install_mode"
    daemon.client.close_install_mode()
    assert daemon.client.status().panel == "no_key"
    assert [event.detail for event in daemon.client.events()][1:] == ["open for 60 s", "closed"]


def test_a_card_without_a_link_to_the_panel_is_refused(daemon: Daemon) -> None:
    Cable(daemon.folder)
    daemon.start()
    daemon.client.set_panel_key(secrets.token_bytes(16))
    with pytest.raises(CommandRefusedError, match="no secure link"):
        daemon.client.present_card(facility=17, number=1, audit_sequence=7, captured_at=time.monotonic())


def test_what_a_keypad_sends_by_wiegand_waits_for_vision(daemon: Daemon) -> None:
    Cable(daemon.folder)
    daemon.start()
    with (daemon.folder / "edges").open("wb", buffering=0) as edges:
        for bit in (False, True, False, True):
            pin = 21 if bit else 20
            edges.write(f"{pin} 0\n{pin} 1\n".encode())
    give_up_at = time.monotonic() + GIVE_UP_AFTER_S
    while not (inputs := daemon.client.take_reader_inputs()) and time.monotonic() < give_up_at:
        continue
    assert [one.key for one in inputs] == ["5"]
    assert daemon.client.take_reader_inputs() == []


def test_nonsense_on_the_simulated_wires_moves_nothing(daemon: Daemon) -> None:
    Cable(daemon.folder)
    daemon.start()
    with (daemon.folder / "edges").open("wb", buffering=0) as edges:
        edges.write(b"\nopen sesame\n27 2\n-1 0\n27 0\n")
    give_up_at = time.monotonic() + GIVE_UP_AFTER_S
    while not daemon.client.status().is_released and time.monotonic() < give_up_at:
        continue
    assert daemon.client.status().causes == (Cause.REX,), "the last line was one"


def test_a_daemon_with_everything_and_a_key_is_still_small(daemon: Daemon) -> None:
    Cable(daemon.folder)
    daemon.start()
    daemon.client.set_panel_key(KEY)
    assert daemon.client.status().panel_key
    assert daemon.memory_kb() < MEMORY_LIMIT_KB
