"""How long a person waits: from the first usable frame to the command to the relay, in the real loop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace

from device.app import build_photo_extractor, open_appliance
from device.audit.log import AuditLog
from device.collection.people import Newcomer, Reference, consent_of_nobody
from device.collection.store import open_collection
from device.config import Settings
from device.errors import NoFaceError, PhotoError
from device.loop import Decided, DoorLoop
from device.measure.footage import Footage
from device.measure.simulate.scenes import StagedCamera, Visit, Visitor
from device.types import Deny, Grant, Image, Template

VISIT_S = 3.0  # at the longest; a person who is not let in by then would knock
ENROL_WITHIN_S = 4.0  # of the footage, where the still to enrol from is looked for
ENROL_STEP_S = 0.2
CIVIL_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class ReplayClock:
    """Runs at the machine's speed while anything is computed, and jumps over every wait.

    So a replay takes as long as its computing, and every time measured on it is what a camera would have seen.
    """

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.perf_counter() + self._skipped_s

    def now(self) -> datetime:
        """A civil time that may be trusted; it stands still."""
        return CIVIL_START

    def sleep(self, seconds: float) -> None:
        """Jump over `seconds`."""
        self._skipped_s += max(0.0, seconds)


class NoDoor:
    """A door that is told and does nothing: what is measured ends with the command to it."""

    def release(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        """Accept the release."""

    def indicate(self, indication: str) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class Latency:
    """What visits to the loop took."""

    p50_ms: float | None  # None: nobody was granted
    p95_ms: float | None
    grants: int
    visits: int
    denials: Mapping[str, int]  # why visits ended without a grant: reason codes, or "no_decision"
    rate_hz: float


@dataclass(frozen=True, slots=True)
class _Later:
    """A visitor from some moment on."""

    visitor: Visitor
    start_s: float

    def frame_at(self, t_s: float) -> Image:
        return self.visitor.frame_at(self.start_s + t_s)


def measure_latency(settings: Settings, footage: Footage, *, visits: int, rate_hz: float = 15.0) -> Latency:
    """Enrol the person of `footage` and let them walk up `visits` times, starting at moments spread over it.

    Every visit begins with a fresh loop that has never seen the person. The audit is a real file, the door is not a
    real door. Raises NoFaceError when nobody can be enrolled, ModelError when networks are missing.
    """
    waits: list[float] = []
    denials: Counter[str] = Counter()
    template = _enrol_from(footage, settings)
    latest_start_s = max(0.0, footage.duration_s - VISIT_S)
    for start_s in np.linspace(0.0, latest_start_s, visits):
        decided = _visit(settings, template, Visit("person", _Later(footage.visitor, float(start_s)), VISIT_S), rate_hz)
        if decided is not None and isinstance(decided.decision, Grant):
            waits.append(decided.decided_at - decided.first_usable_at)
            continue
        denials[_reason(decided)] += 1
    p50, p95 = np.percentile(np.array(waits) * 1000, (50, 95)).round(1).tolist() if waits else (None, None)
    return Latency(p50, p95, len(waits), visits, dict(denials), rate_hz)


def _enrol_from(footage: Footage, settings: Settings) -> Template:
    """The template of the first frame that enrolment accepts."""
    stills = build_photo_extractor(settings)
    for t_s in np.arange(0.0, ENROL_WITHIN_S, ENROL_STEP_S):
        try:
            return stills.extract(footage.visitor.frame_at(float(t_s)))[0]
        except PhotoError:
            continue
    raise NoFaceError(f"{footage.name}: nobody can be enrolled from its first {ENROL_WITHIN_S:g} s")


def _visit(settings: Settings, template: Template, visit: Visit, rate_hz: float) -> Decided | None:
    """One visit to a door of its own, until the first decision; None when there was none."""
    clock = ReplayClock()
    with TemporaryDirectory(prefix="lintel-measure-") as folder:
        own = _settings_in(Path(folder), settings)
        with open_collection(own.collection_file) as collection:
            at, references = clock.now(), [Reference(template)]
            consent = consent_of_nobody(at)
            collection.add_person(Newcomer(name="person", references=references, consent=consent), at=at)
        with (
            AuditLog(own.audit_file, clock=clock) as audit,
            open_appliance(own, clock=clock, door=NoDoor(), audit=audit) as appliance,
        ):
            return _first_decision(appliance.loop, StagedCamera([visit], rate_hz=rate_hz, clock=clock))


def _first_decision(loop: DoorLoop, camera: StagedCamera) -> Decided | None:
    for frame in camera.frames():
        decided: Sequence[Decided] = loop.observe(frame)
        if decided:
            return decided[0]
    return None


def _settings_in(folder: Path, settings: Settings) -> Settings:
    """The same settings with a state folder of their own and the installed networks."""
    models = str(settings.models_folder.absolute())
    return replace(settings, site=replace(settings.site, state_folder=str(folder), models_folder=models))


def _reason(decided: Decided | None) -> str:
    if decided is None or not isinstance(decided.decision, Deny):
        return "no_decision"
    return decided.decision.reason.value
