"""The door daemon: `python -m firmware_bridge --config door.toml`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from firmware_bridge.app import serve
from firmware_bridge.clock import SystemClock
from firmware_bridge.config import BridgeSettings, read_settings
from firmware_bridge.errors import BridgeError
from firmware_bridge.server import Server

_log = logging.getLogger("firmware_bridge")


def main() -> int:
    """Run the daemon and return its exit code: that of the error, 0 when it was told to stop."""
    arguments = _parser().parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        settings = BridgeSettings() if arguments.config is None else read_settings(arguments.config)

        def watch(server: Server) -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: server.stop())
            if arguments.exit_with_parent:
                server.add_reader(sys.stdin.fileno(), lambda: _leave_at_end(server))
            _log.info("bridge.started")

        serve(settings, SystemClock(), os.environ, started=watch)
    except BridgeError as error:
        _log.error("%s", error)
        return error.exit_code
    _log.info("bridge.stopped")
    return 0


def _leave_at_end(server: Server) -> None:
    """Stop when standard input ends, which it does at the latest when the parent dies, however it dies."""
    if not os.read(sys.stdin.fileno(), 4096):
        server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_bridge", description="The door daemon.")
    parser.add_argument("--config", type=Path, help="the configuration file; without it every key is at its default")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="leave when standard input ends, as it does when a parent dies"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
