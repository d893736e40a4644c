"""An access control panel for tests: libosdp's own control side, on the other end of a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import osdp_sys

from firmware_bridge.clock import FakeClock
from firmware_bridge.osdp import OsdpReader
from firmware_bridge.panel import PanelCommand
from firmware_bridge.panel_key import PanelKeyFile
from firmware_bridge.sections import OsdpSection

osdp_sys.set_loglevel(osdp_sys.LOG_CRIT)

ADDRESS = 5
KEY = bytes(range(16))
OTHER_KEY = bytes(range(100, 116))
SECURE_ONLY = osdp_sys.FLAG_ENFORCE_SECURE
GIVE_UP_AFTER_S = 30.0


class Cable:
    """The panel's end of the line, which a test may cut or make noisy."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "serial"
        self.is_cut = False
        self.spoil: Callable[[bytes], bytes] = lambda data: data
        self.heard = bytearray()  # what the door has sent
        self.plug_in()

    def plug_in(self) -> None:
        """A serial adapter appears under the same name."""
        self._panel_end, self._door_end = pty.openpty()
        os.set_blocking(self._panel_end, False)
        self.path.symlink_to(os.ttyname(self._door_end))

    def pull_out(self) -> None:
        """The adapter goes away, as a USB one does."""
        os.close(self._panel_end)
        os.close(self._door_end)
        self.path.unlink()

    def wait(self) -> None:
        """Until something comes, a moment at most."""
        select.select([self._panel_end], [], [], 0.002)

    def read(self, max_bytes: int) -> bytes:
        try:
            data = os.read(self._panel_end, max_bytes)
        except OSError:  # nothing there, or nobody on the other end
            return b""
        if self.is_cut:
            return b""
        self.heard += data
        return self.spoil(data)[:max_bytes]

    def drain(self) -> None:
        """Lose what the door has sent and nobody has read."""
        while self.read(4096):
            pass

    def write(self, data: bytes) -> int:
        if not self.is_cut:
            os.write(self._panel_end, self.spoil(data))
        return len(data)

    def flush(self) -> None:
        pass


def panel_on(cable: Cable, *, key: bytes | None = KEY, flags: int = SECURE_ONLY) -> Any:
    """A control panel that looks for one reader."""
    info = {
        "name": "reader",
        "address": ADDRESS,
        "flags": flags,
        "scbk": key,
        "channel": cable,
    }
    panel = osdp_sys.ControlPanel([info])
    panel.set_event_callback(lambda _reader, _event: 0)
    return panel


class Bench:
    """A door's reader and a panel on one cable, both turned by hand."""

    def __init__(self, folder: Path, *, key: bytes | None = KEY, outputs: tuple[str, ...] = ("aux", "lock")) -> None:
        self.cable = Cable(folder)
        self.clock = FakeClock()
        self.keys = PanelKeyFile(folder / "panel.key")
        if key is not None:
            self.keys.replace(key)
        section = OsdpSection(port=str(self.cable.path), address=ADDRESS, outputs=outputs)  # type: ignore[arg-type]
        self.ordered: list[PanelCommand] = []
        self.reader = OsdpReader(section, self.keys, self.clock, obey=self.ordered.append)
        self.panel: Any = None
        self.told: list[dict[str, Any]] = []

    def connect(self, panel: Any) -> None:
        """Another panel on the same cable; what was on its way to the one before is lost."""
        self.reader.tick()
        self.cable.drain()
        self.panel = panel
        panel.set_event_callback(lambda _reader, event: self.told.append(event) or 0)

    def is_secure(self) -> bool:
        return bool(self.panel.sc_status() & 1 and self.panel.status() & 1)

    def is_refused(self) -> bool:
        """Whether the door said no: libosdp's panel then takes the reader off its list for five minutes."""
        return not self.panel.status() & 1

    def turn_until(self, wanted: Callable[[], object], *, within_s: float = GIVE_UP_AFTER_S) -> bool:
        """Let both sides talk until `wanted`, or until it was given up."""
        give_up_at = time.monotonic() + within_s
        while not wanted():
            if time.monotonic() > give_up_at:
                return False
            self.panel.refresh()
            self.reader.tick()
            self.cable.wait()
        return True

    def order(self, command: dict[str, Any]) -> None:
        """Have the panel order something, and the door hear it."""
        heard = len(self.ordered)
        assert self.panel.submit_command(0, command)
        assert self.turn_until(lambda: len(self.ordered) > heard)
