"""What the running appliance takes: time to import, time to be ready, memory."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from device.config import Settings
from device.errors import CameraError
from device.measure.footage import Footage

WAIT_AT_MOST_S = 30.0  # for readiness, and then for the frames
POLL_S = 0.2
WATCHED_FRAMES = 60  # after so many complete passes memory has settled
IMPORTS = 5  # the quickest of so many counts: others wait for the disk
RATE_HZ = 15.0
FILM_S = 10.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Measured on processes of their own, started as systemd starts them."""

    import_s: float  # `import device` in a fresh interpreter
    ready_s: float  # from the start of `python -m device` to READY=1
    resident_mb: float  # of that process after 60 frames, 10^6 bytes
    peak_mb: float  # its high-water mark


def measure_footprint(settings: Settings, footage: Footage) -> Footprint:
    """Start the appliance on a film of `footage` and watch it. Raises CameraError when it does not get ready."""
    with TemporaryDirectory(prefix="lintel-measure-") as name:
        folder = Path(name)
        config = _write_config(folder, settings, _film(footage, folder / "film.avi"))
        import_s = min(_import_time() for _ in range(IMPORTS))
        ready_s, resident_mb, peak_mb = _watch(config, folder)
    return Footprint(round(import_s, 4), round(ready_s, 3), round(resident_mb, 1), round(peak_mb, 1))


def _import_time() -> float:
    code = "import time; s = time.perf_counter(); import device; print(time.perf_counter() - s)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _film(footage: Footage, file: Path) -> Path:
    """Record the footage, so that the appliance reads a video file as it would a camera."""
    import cv2

    count = round(FILM_S * RATE_HZ)
    writer: cv2.VideoWriter | None = None
    for image in footage.frames(count, rate_hz=RATE_HZ):
        if writer is None:
            writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, image.shape[1::-1])
        writer.write(image)
    if writer is not None:
        writer.release()
    return file


def _write_config(folder: Path, settings: Settings, film: Path) -> Path:
    """A configuration with a state folder of its own, the installed networks and the film as its camera."""
    replace = msgspec.structs.replace
    own = replace(
        settings,
        site=replace(settings.site, state_folder=str(folder), models_folder=str(settings.models_folder.absolute())),
        camera=replace(settings.camera, source=str(film), rate_hz=RATE_HZ),
        door=replace(settings.door, socket=str(folder / "no-door.sock")),
        control=replace(settings.control, socket=str(folder / "control.sock")),
    )
    config = folder / "lintel.toml"
    config.write_text(as_toml(own), encoding="utf-8")
    return config


def as_toml(settings: Settings) -> str:
    """The configuration file that reads as `settings`. JSON's strings, numbers, booleans and arrays are TOML's, too."""
    lines: list[str] = []
    for section, keys in msgspec.to_builtins(settings, builtin_types=(date,)).items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            text = value.isoformat() if isinstance(value, date) else json.dumps(value)
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


def _watch(config: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds to READY=1, then resident and peak megabytes after WATCHED_FRAMES passes of the loop."""
    address, log = folder / "notify.sock", folder / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, log.open("wb") as errors:
        channel.bind(str(address))
        channel.settimeout(POLL_S)
        started = time.perf_counter()
        environment = {**os.environ, "NOTIFY_SOCKET": str(address)}
        command = [sys.executable, "-m", "device", "--config", str(config)]
        with subprocess.Popen(command, env=environment, stderr=errors) as process:
            try:
                _await(channel, process, message="READY=1", times=1)
                ready_s = time.perf_counter() - started
                _await(channel, process, message="WATCHDOG=1", times=WATCHED_FRAMES)
                resident_mb, peak_mb = _memory(process.pid)
            except TimeoutError as error:
                raise CameraError(f"{error}; {_last_line(log)}") from error
            finally:
                process.terminate()
    return ready_s, resident_mb, peak_mb


def _await(channel: socket.socket, process: subprocess.Popen[bytes], *, message: str, times: int) -> None:
    """Wait until `message` came `times` times. Raises TimeoutError when it does not, or the process ends."""
    seen, give_up_at = 0, time.perf_counter() + WAIT_AT_MOST_S
    while seen < times:
        try:
            seen += channel.recv(4096).decode() == message
        except TimeoutError:
            if process.poll() is not None:
                raise TimeoutError(f"the appliance ended with status {process.returncode}") from None
            if time.perf_counter() > give_up_at:
                raise TimeoutError(f"the appliance did not say {message} {times} times") from None


def _last_line(log: Path) -> str:
    """What the process said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"the last line of its log: {lines[-1]}" if lines else "its log is empty"


def _memory(pid: int) -> tuple[float, float]:
    """Resident set and its peak in 10^6 bytes, from proc(5): VmRSS and VmHWM, in kibibytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    resident, peak = (int(re.findall(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)[0]) for key in ("VmRSS", "VmHWM"))
    return resident * 1024 / 1e6, peak * 1024 / 1e6
