"""`python -m device --config FILE`: the appliance, headless."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from device.config import Settings, read_settings
from device.errors import ConfigError, DeviceError
from device.journal import log_to_standard_error
from device.memory import forbid_dumps, lock_secrets
from device.threads import limit_blas_threads
from firmware_bridge.client import DoorClient
from firmware_bridge.errors import BridgeError, CommandRefusedError
from models.errors import ModelError

if TYPE_CHECKING:  # it imports the collection
    from device.second_factor import Keypad

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code of the fault that ended it, or 0."""
    parser = argparse.ArgumentParser(prog="python -m device", description="The Lintel appliance, headless.")
    parser.add_argument("--config", type=Path, required=True, help="the configuration file, such as lintel.toml")
    options = parser.parse_args(arguments)
    log_to_standard_error()
    try:
        settings = read_settings(options.config)
        limit_blas_threads(settings.runtime.threads)
        forbid_dumps()
        lock_secrets()
        run(settings)
    except (DeviceError, ModelError, BridgeError) as error:
        sys.stderr.write(f"lintel: {error}\n")
        return error.exit_code
    return 0


def run(settings: Settings) -> None:
    """Build the appliance and let it work until a signal ends it."""
    from device.app import Fittings, open_appliance
    from device.audit.log import AuditLog
    from device.camera.feed import CameraFeed
    from device.camera.opencv import open_camera
    from device.chronicle import chronicling
    from device.clock import SystemClock
    from device.lending import CameraLease
    from device.service import Service
    from device.upkeep import tending
    from device.verbs import answering

    clock = SystemClock()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    door = DoorClient(Path(settings.door.socket))
    if settings.liveness.mode == "off":
        refuse_unless_bench(door)
    has_keypad = bool(settings.policy.second_factor_groups)
    if has_keypad:
        refuse_without_keypad(door)
    lease = CameraLease(clock)
    fittings = Fittings(door if settings.liveness.light_left else None, door if has_keypad else None)
    with (
        AuditLog(settings.audit_file, clock=clock) as audit,
        open_appliance(settings, clock=clock, door=door, audit=audit, fittings=fittings) as appliance,
        tending(settings, audit, clock),
        answering(settings, audit, appliance.lockout, lease),
        chronicling(door, audit),
    ):
        feed = CameraFeed(partial(open_camera, settings.camera, clock), settings.camera)
        Service(appliance, feed, door, tell=lambda *_: None, lease=lease).run(stop)


def refuse_unless_bench(door: DoorClient) -> None:
    """Let a door without liveness start on simulated pins only: any photo would open a real one.

    Only a daemon with mock pins tells their history. Raises ConfigError for any other, and for one that is silent.
    """
    try:
        door.pin_levels()
    except BridgeError as error:
        raise ConfigError(f'[liveness] mode: "off" is for a bench with mock pins only: {error}') from error


def refuse_without_keypad(door: Keypad) -> None:
    """Let a door that asks for PINs start only where there is a keypad; a daemon that is silent may come back.

    Raises ConfigError where the daemon has none, or lets nobody of ours ask it.
    """
    try:
        door.take_reader_inputs()
    except CommandRefusedError as error:
        raise ConfigError(f"[policy] second_factor_groups: PINs need a keypad, and {error}") from error
    except BridgeError as error:
        log.warning("keypad.unknown", extra={"fault": str(error)})


if __name__ == "__main__":
    sys.exit(main())
