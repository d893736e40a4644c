"""The door as a reader on an access control panel's OSDP bus, by libosdp. The only module that knows it.

Secure Channel is enforced always: without a key there is no link, in plain text nothing but the panel's questions who
we are is answered. In install mode, which an administrator opens for some minutes, the panel may set a first key under
OSDP's well-known default key, and may do nothing else.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from firmware_bridge.clock import Clock
from firmware_bridge.errors import LineError, PinFactoryError
from firmware_bridge.osdp_guard import OsdpGuard
from firmware_bridge.panel import (
    KEY_BYTES,
    PanelCommand,
    read_buzzer,
    read_keyset,
    read_led,
    read_output,
)
from firmware_bridge.panel_key import PanelKeyFile, fingerprint
from firmware_bridge.sections import OsdpSection
from firmware_bridge.serial_port import SerialPort
from firmware_bridge.wiegand import Bits, pack

_log = logging.getLogger(__name__)

READ_BYTES = 512
REFRESH_EVERY_S = 0.02  # libosdp wants 50 ms or less, a panel waits 200 ms for a reply
LOOK_EVERY_S = 0.5  # while there is nothing to talk over
VENDOR_CODE, MODEL, VERSION, SERIAL, FIRMWARE = 0x4C4E54, 1, 1, 1, 0x000100  # "LNT"
ACCEPT = (0, None)
REFUSE = (-1, None)


class PanelLink(StrEnum):
    """How the door stands with the panel."""

    NO_KEY = "no_key"  # nothing is answered until a key is set
    NO_PORT = "no_port"  # the serial adapter is not there
    OFFLINE = "offline"
    SECURE = "secure"
    INSTALL_MODE = "install_mode"


class OsdpReader:
    """The peripheral side of one OSDP line. One thread uses it; what the panel orders is told to `obey` in `tick`.

    Raises PinFactoryError without libosdp, DoorConfigError for a broken key file.
    """

    def __init__(
        self, section: OsdpSection, keys: PanelKeyFile, clock: Clock, *, obey: Callable[[PanelCommand], None]
    ) -> None:
        try:
            self._osdp: Any = importlib.import_module("osdp_sys")  # not `osdp`: that keeps every order in a queue
        except ImportError as error:
            raise PinFactoryError('[osdp] needs the package libosdp: pip install "lintel[osdp]"') from error
        self._osdp.set_loglevel(self._osdp.LOG_CRIT)  # it writes to standard error, a line for every byte of noise
        self._section = section
        self._keys = keys
        self._clock = clock
        self._obey = obey
        self._port = SerialPort(section.port, section.baud, clock)
        self._channel = GuardedChannel(self._port, OsdpGuard(section.address), clock)
        self._ordered: deque[PanelCommand] = deque()
        self._installs_until: float | None = None
        self._key = keys.read()
        self._is_tampered = False
        self._tick_at = clock.monotonic()
        self._device = self._set_up()

    @property
    def link(self) -> PanelLink:
        if not self._port.is_open:
            return PanelLink.NO_PORT
        if self._installs_until is not None:
            return PanelLink.INSTALL_MODE
        if self._device is None:
            return PanelLink.NO_KEY
        return PanelLink.SECURE if self._device.is_sc_active() else PanelLink.OFFLINE

    @property
    def key_fingerprint(self) -> str:
        """By which two people can tell that they hold the same key; empty: no key."""
        return "" if self._key is None else fingerprint(self._key)

    @property
    def next_deadline(self) -> float:
        """When `tick` is due, in monotonic seconds."""
        return self._tick_at

    def tick(self) -> None:
        """Talk to the panel, and tell what it ordered."""
        now = self._clock.monotonic()
        self._port.reopen()
        if self._installs_until is not None and now >= self._installs_until:
            self.close_install_mode()
        if self._device is not None:
            self._device.refresh()
        is_talking = self._device is not None and self._port.is_open
        self._tick_at = now + (REFRESH_EVERY_S if is_talking else LOOK_EVERY_S)
        while self._ordered:
            self._obey(self._ordered.popleft())

    def present(self, bits: Bits) -> None:
        """Tell the panel a card. Raises LineError while the link is not secure: a grant must not wait in a queue."""
        if self._device is None or self.link is not PanelLink.SECURE:
            raise LineError("osdp: there is no secure link to the panel")
        card = {
            "event": self._osdp.EVENT_CARDREAD,
            "reader_no": 0,
            "direction": 0,
            "format": self._osdp.CARD_FMT_RAW_WIEGAND,
            "length": len(bits),
            "data": pack(bits),
        }
        if not self._device.submit_event(card):
            raise LineError("osdp: the panel's queue is full")

    def tell_tamper(self, *, is_tampered: bool) -> None:
        """Tell the panel that the housing was opened or closed, as soon as it asks."""
        self._is_tampered = is_tampered
        if self._device is not None and self.link is PanelLink.SECURE:
            report = bytes([is_tampered, 0])  # tamper, power
            status = {"event": self._osdp.EVENT_STATUS, "type": self._osdp.STATUS_REPORT_LOCAL, "report": report}
            self._device.submit_event(status)

    def set_key(self, key: bytes) -> None:
        """Use `key`, 16 bytes, from now on. Raises LineError when it cannot be kept; the old one then stays."""
        self._keys.replace(key)
        self._key = key
        self._installs_until = None
        self._device = self._set_up()

    def open_install_mode(self, duration_s: float) -> None:
        """Let the panel set a key for `duration_s` seconds, or until it has."""
        self._installs_until = self._clock.monotonic() + duration_s
        self._device = self._set_up()

    def close_install_mode(self) -> None:
        """Enforce the key again."""
        if self._installs_until is not None:
            self._installs_until = None
            self._device = self._set_up()

    def close(self) -> None:
        """Leave the bus."""
        self._device = None
        self._port.close()

    def _set_up(self) -> Any:
        """A fresh device that holds our key; None: it may not talk at all."""
        self._tick_at = self._clock.monotonic()
        installs = self._installs_until is not None
        if self._key is None and not installs:
            return None
        lib = self._osdp
        info = {
            "name": "lintel",
            "address": self._section.address,
            "flags": lib.FLAG_ENFORCE_SECURE | (lib.FLAG_INSTALL_MODE if installs else 0),
            # Without a key of our own nobody may hold one that fits, so it is a random one that nobody ever sees.
            "scbk": self._key or os.urandom(KEY_BYTES),
            "channel": self._channel,
            "version": VERSION,
            "model": MODEL,
            "vendor_code": VENDOR_CODE,
            "serial_number": SERIAL,
            "firmware_version": FIRMWARE,
        }
        kinds = (
            (lib.CAP_OUTPUT_CONTROL, len(self._section.outputs)),
            (lib.CAP_READER_LED_CONTROL, 1),
            (lib.CAP_READER_AUDIBLE_OUTPUT, 1),
            (lib.CAP_CARD_DATA_FORMAT, 0),
        )
        capabilities = [{"function_code": code, "compliance_level": 1, "num_items": items} for code, items in kinds]
        device = lib.PeripheralDevice(info, capabilities=capabilities)
        device.set_command_callback(self._answer)
        return device

    def _answer(self, order: dict[str, object]) -> tuple[int, None]:
        """Called from C for every order of the panel. It must not raise: the binding does not look before it uses."""
        _lend_none()
        try:
            command = self._understand(order)
        except (KeyError, ValueError, LineError) as error:
            _log.warning("panel.order_refused", extra={"order": order.get("command"), "error": str(error)})
            return REFUSE
        if command is not None:
            self._ordered.append(command)
        return ACCEPT

    def _understand(self, order: dict[str, object]) -> PanelCommand | None:
        """What `order` means; None: it is accepted and nothing follows. Raises ValueError for what is refused."""
        lib, kind = self._osdp, order["command"]
        if kind == lib.CMD_KEYSET:
            command = read_keyset(order)
            self._keys.replace(command.key)  # before the panel is told that we have it
            self._key, self._installs_until = command.key, None
            return command
        if self._installs_until is not None:
            raise ValueError("in install mode a key may be set and nothing else")
        if kind == lib.CMD_LED:
            return read_led(order)
        if kind == lib.CMD_BUZZER:
            return read_buzzer(order)
        if kind == lib.CMD_OUTPUT:
            return read_output(order, self._section.outputs)
        # The binding can only report that all is well; where that would be a lie the question is refused.
        if kind == lib.CMD_STATUS and order["type"] == lib.STATUS_REPORT_LOCAL and not self._is_tampered:
            return None
        raise ValueError(f"command {kind} is not for us")


class GuardedChannel:
    """What libosdp reads from and writes to: the port, behind the guard. Called from C, so nothing may raise."""

    def __init__(self, port: SerialPort, guard: OsdpGuard, clock: Clock) -> None:
        self._port = port
        self._guard = guard
        self._clock = clock

    def read(self, max_bytes: int) -> bytes:
        self._guard.feed(self._port.read(READ_BYTES), self._clock.monotonic())
        return self._guard.take(max_bytes)

    def write(self, data: bytes) -> int:
        return self._port.write(data)

    def flush(self) -> None:
        """What libosdp asks for after an error: forget what came in."""
        self._port.flush()
        self._guard.forget()


def _lend_none() -> None:
    """Make up for the reference to None that the binding gives up without owning it, once for every order.

    libosdp 3.2.9 drops the second item of the callback's tuple after borrowing it. Before Python 3.12, where None is
    immortal, a few thousand orders of a panel would end the process.
    """
    if sys.version_info < (3, 12):
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
