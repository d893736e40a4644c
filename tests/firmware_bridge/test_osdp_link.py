"""The door as an OSDP reader against libosdp's own control panel, over a pseudo-terminal."""

from __future__ import annotations

import random
import stat
import sys
from pathlib import Path

import pytest

osdp_sys = pytest.importorskip("osdp_sys", reason="libosdp is not installed")

from osdp_fuzz import framed, random_packets  # noqa: E402
from panel_bench import ADDRESS, KEY, OTHER_KEY, SECURE_ONLY, Bench, panel_on  # noqa: E402

from firmware_bridge.errors import DoorConfigError, LineError  # noqa: E402 (after the skip)
from firmware_bridge.osdp import PanelLink  # noqa: E402
from firmware_bridge.panel import PanelKey, PanelLight, PanelRelease, PanelSecure, PanelSound, PanelSwitch  # noqa: E402
from firmware_bridge.panel_key import PanelKeyFile, fingerprint  # noqa: E402
from firmware_bridge.wiegand import FORMATS, Credential, encode  # noqa: E402

BUZZ = {"command": osdp_sys.CMD_BUZZER, "reader": 0, "control_code": 2, "on_count": 1, "off_count": 2, "rep_count": 3}
NEW_KEY = {"command": osdp_sys.CMD_KEYSET, "type": 1, "data": OTHER_KEY}
GROWTH_KB = 1000
CARD = encode(Credential(17, 4242), FORMATS["26"])


def secured(folder: Path) -> Bench:
    bench = Bench(folder)
    bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure)
    return bench


def output(number: int, control: int, tenths: int = 0) -> dict[str, int]:
    return {"command": osdp_sys.CMD_OUTPUT, "output_no": number, "control_code": control, "timer_count": tenths}


def test_a_grant_reaches_the_panel_as_a_card_read_over_a_secure_channel(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    assert bench.reader.link is PanelLink.SECURE
    bench.reader.present(CARD)
    assert bench.turn_until(lambda: bench.told)
    read = bench.told[0]
    assert (read["event"], read["length"]) == (osdp_sys.EVENT_CARDREAD, 26)
    assert int.from_bytes(read["data"], "big") >> 6 == int("".join("01"[bit] for bit in CARD), 2)


def test_the_panel_lights_the_led(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    blink = {"on_count": 3, "off_count": 2, "on_color": 2, "off_color": 1, "timer_count": 20}
    bench.order(
        {"command": osdp_sys.CMD_LED, "reader": 0, "led_number": 0, "control_code": 2, "temporary": True, **blink}
    )
    light = bench.ordered[0]
    assert isinstance(light, PanelLight)
    assert light.pattern is not None
    assert (light.pattern.lit(0.1), light.pattern.lit(0.4)) == (frozenset({"green"}), frozenset({"red"}))
    assert light.pattern.lit(2.0) is None


def test_the_panel_sounds_the_buzzer(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    bench.order(BUZZ)
    sound = bench.ordered[0]
    assert isinstance(sound, PanelSound)
    assert sound.pattern is not None
    assert sound.pattern.lit(0.05) == {"buzzer"}
    assert sound.pattern.lit(0.9) is None, "three times 0.3 s"


def test_the_panel_switches_its_outputs(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    for order in (output(0, 2), output(1, 5, 30), output(1, 1)):
        bench.order(order)
    assert bench.ordered == [PanelSwitch(is_on=True, duration_s=None), PanelRelease(3.0), PanelSecure()]


def test_the_panel_may_not_release_the_lock_without_an_end(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    assert bench.panel.submit_command(0, output(1, 2))
    assert bench.turn_until(bench.is_refused)
    assert bench.ordered == []


def test_tamper_is_told_to_the_panel(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    bench.reader.tell_tamper(is_tampered=True)
    assert bench.turn_until(lambda: bench.told)
    assert bench.told[0]["report"][0] == 1


def test_a_key_set_by_the_panel_is_kept_and_the_old_one_refused(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    bench.order(NEW_KEY)
    assert bench.ordered == [PanelKey(OTHER_KEY)]
    assert bench.keys.read() == OTHER_KEY
    assert bench.reader.key_fingerprint == fingerprint(OTHER_KEY)
    bench.connect(panel_on(bench.cable, key=OTHER_KEY))
    assert bench.turn_until(bench.is_secure)
    bench.connect(panel_on(bench.cable, key=KEY))
    assert not bench.turn_until(bench.is_secure, within_s=1.5)


def test_a_key_set_by_an_administrator_is_used_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, key=None)
    bench.reader.tick()
    assert bench.reader.link is PanelLink.NO_KEY
    bench.reader.set_key(KEY)
    bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure)


def test_a_panel_with_a_wrong_key_gets_nothing_done(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.connect(panel_on(bench.cable, key=OTHER_KEY))
    assert not bench.turn_until(bench.is_secure, within_s=1.5)
    assert bench.reader.link is PanelLink.OFFLINE
    assert bench.ordered == []


def test_a_panel_without_any_key_gets_nothing_done_in_plain_text(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.connect(panel_on(bench.cable, key=None, flags=0))
    assert bench.turn_until(lambda: bench.panel.status() & 1), "who we are is answered to anybody"
    assert bench.panel.submit_command(0, BUZZ)
    assert bench.turn_until(bench.is_refused)
    assert bench.ordered == []


def test_plain_text_orders_are_refused_even_when_well_formed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.connect(panel_on(bench.cable, key=OTHER_KEY))
    release = bytes([0x68, 1, 5, 30, 0])  # osdp_OUT: output 1, timed on, 3 s
    for sequence in range(4):
        bench.cable.write(framed(ADDRESS, release, sequence=sequence))
        bench.reader.tick()
    assert bench.ordered == []


def test_the_default_key_opens_nothing_unless_an_administrator_opened_install_mode(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.connect(panel_on(bench.cable, key=None, flags=osdp_sys.FLAG_INSTALL_MODE))
    assert not bench.turn_until(lambda: bench.panel.sc_status() & 1, within_s=1.5)


def test_in_install_mode_the_panel_sets_a_key_and_the_mode_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, key=None)
    bench.reader.open_install_mode(60.0)
    bench.reader.tick()
    assert bench.reader.link is PanelLink.INSTALL_MODE
    bench.connect(panel_on(bench.cable, key=KEY, flags=0))  # offers its own key, then falls back to the default one
    assert bench.turn_until(lambda: bench.ordered)
    assert bench.ordered == [PanelKey(KEY)]
    assert bench.keys.read() == KEY
    assert bench.turn_until(lambda: bench.reader.link is PanelLink.SECURE)


def test_in_install_mode_nothing_but_a_key_is_obeyed(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    bench.reader.open_install_mode(60.0)
    bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure)
    assert bench.panel.submit_command(0, output(1, 5, 30))
    assert bench.turn_until(bench.is_refused)
    assert bench.ordered == []
    bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure)
    bench.order(NEW_KEY)
    assert bench.ordered == [PanelKey(OTHER_KEY)]


def test_install_mode_ends_by_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path, key=None)
    bench.reader.open_install_mode(60.0)
    bench.clock.advance(60.0)
    bench.reader.tick()
    assert bench.reader.link is PanelLink.NO_KEY


def test_without_a_link_a_card_is_refused_instead_of_queued(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(LineError, match="no secure link"):
        bench.reader.present(CARD)


def test_line_noise_delays_a_card_and_changes_nothing(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    dice = random.Random(8)

    def spoil(data: bytes) -> bytes:
        return bytes(byte ^ (1 << dice.randrange(8)) if dice.random() < 0.01 else byte for byte in data)

    bench.cable.spoil = spoil
    bench.reader.present(CARD)
    assert bench.turn_until(lambda: bench.told or not bench.panel.status() & 1)
    bench.cable.spoil = lambda data: data
    if not bench.told:  # libosdp's panel gave up; a real one asks again within seconds, this one in minutes
        bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure)
    assert bench.ordered == []


def test_a_cable_unplugged_for_a_moment_heals_by_itself(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    bench.cable.is_cut = True
    bench.turn_until(lambda: False, within_s=0.5)
    bench.cable.is_cut = False
    bench.order(BUZZ)


def test_an_adapter_pulled_out_and_plugged_in_again_is_found(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    bench.cable.pull_out()
    bench.reader.tick()
    assert bench.reader.link is PanelLink.NO_PORT
    with pytest.raises(LineError):
        bench.reader.present(CARD)
    bench.cable.plug_in()
    bench.clock.advance(1.0)
    bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure)


def resident_kb() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


def unharmed(bench: Bench, link: str, count: int) -> None:
    """Feed malformed packets in one state of the link: nothing stops, nothing is ordered, memory stays."""
    before = 0
    for index, packet in enumerate(random_packets(random.Random(link), count=count, address=ADDRESS)):
        bench.cable.write(packet)
        for _ in range(3):
            bench.reader.tick()
        bench.cable.read(4096)
        if index == count // 4:
            before = resident_kb()
    assert resident_kb() - before < GROWTH_KB
    assert bench.ordered == []
    bench.reader.close_install_mode()
    bench.reader.set_key(KEY)
    bench.connect(panel_on(bench.cable))
    assert bench.turn_until(bench.is_secure), "it still talks to whoever holds the key"


def in_state(folder: Path, link: str) -> Bench:
    bench = secured(folder) if link == "secure" else Bench(folder)
    if link == "install":
        bench.reader.open_install_mode(60.0)
    return bench


@pytest.mark.parametrize("link", ["secure", "offline", "install"])
def test_no_packet_however_malformed_stops_the_reader_or_orders_anything(tmp_path: Path, link: str) -> None:
    unharmed(in_state(tmp_path, link), link, 4000)


@pytest.mark.slow
@pytest.mark.parametrize("link", ["secure", "offline", "install"])
def test_a_hundred_thousand_malformed_packets_do_no_harm(tmp_path: Path, link: str) -> None:
    unharmed(in_state(tmp_path, link), link, 100_000)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_orders_do_not_use_up_the_references_to_none(tmp_path: Path) -> None:
    bench = secured(tmp_path)
    before = sys.getrefcount(None)
    for _ in range(300):
        bench.order(BUZZ)
    assert sys.getrefcount(None) > before - 150, "the binding alone would have taken 300"


def test_the_key_file_is_private_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    file = PanelKeyFile(tmp_path / "panel.key")
    assert file.read() is None
    file.replace(KEY)
    assert file.read() == KEY
    assert stat.S_IMODE((tmp_path / "panel.key").stat().st_mode) == 0o600
    for text in ("zz", "00" * 15, ""):
        (tmp_path / "panel.key").write_text(text)
        with pytest.raises(DoorConfigError):
            file.read()


def test_a_key_that_cannot_be_kept_is_not_used(tmp_path: Path) -> None:
    bench = Bench(tmp_path, key=None)
    (tmp_path / "panel.new").mkdir()
    with pytest.raises(LineError):
        bench.reader.set_key(KEY)
    assert bench.reader.link is not PanelLink.SECURE
    assert bench.reader.key_fingerprint == ""
    assert SECURE_ONLY
