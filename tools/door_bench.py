"""Measure the door daemon on this machine: `python tools/door_bench.py [--json]`, about a minute.

The daemon runs as a process with simulated pins, whose edges come in from another process through a thread, the way
lgpio delivers them. What is measured is everything but the wire and the kernel's interrupt.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "firmware_bridge"))

from daemon_bench import DOOR, Daemon

from firmware_bridge.protocol import DoorEvent
from firmware_bridge.types import EventKind

REX_PIN = 27
PRESSES = 500
RESTARTS = 20
IDLE_S = 10.0


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="lintel-") as name:
        text = DOOR.replace("[pins]", '[pins]\nedges = "{folder}/edges"').replace("[rex]", "[rex]\nrelease_s = 0.02")
        daemon = Daemon(Path(name), text)
        cores = os.cpu_count() or 1
        figures = {
            **measure_idle(daemon.start()),
            **measure_rex(daemon, "rex_to_relay_ms", burning_cores=0),
            **measure_rex(daemon, "rex_to_relay_ms_burning", burning_cores=cores),
            **measure_restart(daemon),
        }
        daemon.stop()
        if os.getuid() == 0:
            daemon.prefix = ("chrt", "--rr", "1")  # what CPUSchedulingPolicy=rr in a unit file does
            figures |= measure_rex(daemon.start(), "rex_to_relay_ms_burning_rr", burning_cores=cores)
            daemon.stop()
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:36} {value:10.3f}\n")


def measure_idle(daemon: Daemon) -> dict[str, float]:
    """Resident memory and processor time while nothing happens."""
    before = daemon.processor_s()
    time.sleep(IDLE_S)
    return {
        "idle_processor_percent": (daemon.processor_s() - before) / IDLE_S * 100,
        "resident_mb": daemon.memory_kb() / 1000,
    }


def measure_rex(daemon: Daemon, label: str, *, burning_cores: int) -> dict[str, float]:
    """From the edge of the exit button to the relay, debounce included, while other processes burn every core."""
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(burning_cores)]
    for burner in burners:
        burner.start()
    try:
        delays_ms = sorted(_press(daemon))
    finally:
        for burner in burners:
            burner.kill()
            burner.join()
    return {
        f"{label}_p50": statistics.median(delays_ms),
        f"{label}_p99": delays_ms[int(len(delays_ms) * 0.99)],
        f"{label}_max": delays_ms[-1],
    }


def _press(daemon: Daemon) -> list[float]:
    """Press the exit button again and again, and tell after how many milliseconds the relay's pin went high."""
    known = len(daemon.levels())
    watch = daemon.client.watch(daemon.client.status().last_sequence)
    pressed_at = []
    with (daemon.folder / "edges").open("wb", buffering=0) as edges:
        for _ in range(PRESSES):
            pressed_at.append(time.monotonic())
            edges.write(f"{REX_PIN} 0\n".encode())
            _wait_for(watch, EventKind.RELEASED)
            edges.write(f"{REX_PIN} 1\n".encode())
            _wait_for(watch, EventKind.SECURED)
    released_at = [level.at for level in daemon.levels()[known:] if level.is_high]
    return [(after - before) * 1000 for before, after in zip(pressed_at, released_at, strict=True)]


def _wait_for(watch: Iterator[DoorEvent], kind: EventKind) -> None:
    for event in watch:
        if event.kind is kind:
            return


def _burn() -> None:
    while True:
        pass


def measure_restart(daemon: Daemon) -> dict[str, float]:
    """From `kill -9` of a daemon that released to the secured output, and to the first answer, of the next one."""
    secured_ms, ready_ms = [], []
    for row in range(1, RESTARTS + 1):
        daemon.release(row=row)
        before = len(daemon.levels())
        killed_at = time.monotonic()
        daemon.kill()
        daemon.start()
        ready_ms.append((time.monotonic() - killed_at) * 1000)
        secured_ms.append((daemon.levels()[before].at - killed_at) * 1000)
    return {
        "restart_to_secured_ms_p50": statistics.median(secured_ms),
        "restart_to_secured_ms_max": max(secured_ms),
        "restart_to_ready_ms_p50": statistics.median(ready_ms),
        "restart_to_ready_ms_max": max(ready_ms),
    }


if __name__ == "__main__":
    main()
