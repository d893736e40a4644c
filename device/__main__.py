"""`python -m device --config FILE`: the appliance, headless."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from device.config import Settings, read_settings
from device.errors import DeviceError
from device.journal import log_to_standard_error
from device.threads import limit_blas_threads
from firmware_bridge.errors import BridgeError
from models.errors import ModelError


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code of the fault that ended it, or 0."""
    parser = argparse.ArgumentParser(prog="python -m device", description="The Lintel appliance, headless.")
    parser.add_argument("--config", type=Path, required=True, help="the configuration file, such as lintel.toml")
    options = parser.parse_args(arguments)
    log_to_standard_error()
    try:
        settings = read_settings(options.config)
        limit_blas_threads(settings.runtime.threads)
        run(settings)
    except (DeviceError, ModelError, BridgeError) as error:
        sys.stderr.write(f"lintel: {error}\n")
        return error.exit_code
    return 0


def run(settings: Settings) -> None:
    """Build the appliance and let it work until a signal ends it."""
    from device.app import open_appliance
    from device.audit.log import AuditLog
    from device.camera.feed import CameraFeed
    from device.camera.opencv import open_camera
    from device.clock import SystemClock
    from device.service import Service
    from firmware_bridge.client import DoorClient

    clock = SystemClock()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    door = DoorClient(Path(settings.door.socket))
    with (
        AuditLog(settings.audit_file, clock=clock) as audit,
        open_appliance(settings, clock=clock, door=door, audit=audit) as appliance,
    ):
        feed = CameraFeed(partial(open_camera, settings.camera, clock), settings.camera)
        Service(appliance, feed, door, tell=lambda *_: None).run(stop)


if __name__ == "__main__":
    sys.exit(main())
