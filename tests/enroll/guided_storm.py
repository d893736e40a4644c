"""Enrols people without end through the real session and registry, from scripted findings; killed by a test.

`python guided_storm.py STATE MODELS PREFIX`; every enrolment that was acknowledged stands on a line of its output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from builders import CONSENT, make_frame, make_quality

from device.audit.log import AuditLog
from device.clock import SystemClock
from device.collection.store import open_collection
from device.config import decode_settings
from device.registry import Registry
from device.types import BonaFide, ModelId, Pose, Template, TrackId
from enroll.console import out
from enroll.guide_screen import Screen
from enroll.live import LiveEnrolment, Request, Station
from enroll.session import Finding, Ready, Session

POSES = (
    [Pose(0, 0, 0)] * 3 + [Pose(20, 0, 0)] * 3 + [Pose(-20, 0, 0)] * 3 + [Pose(0, 18, 0)] * 3 + [Pose(0, -18, 0)] * 3
)


class Scripted:
    """An observer that sees one person do everything right."""

    def __init__(self, number: int, model: ModelId) -> None:
        vector = np.random.default_rng(number).standard_normal(128).astype(np.float32)
        self.template = Template(vector / np.linalg.norm(vector), model)
        self.seen = 0

    def begin_visit(self) -> None:
        self.seen = 0

    def probe(self) -> Template:
        return self.template

    def look(self, frame: Any, *, may_ask: bool) -> Finding:  # noqa: ARG002 (the observer's signature)
        pose = POSES[self.seen % len(POSES)]
        self.seen += 1
        return Finding(
            at=frame.captured_at,
            faces=1,
            track=TrackId(1),
            quality=make_quality(pose=pose),
            template=self.template,
            pad=BonaFide(()),
            frames=self.seen,
        )


def enrol(live: LiveEnrolment, name: str, observer: Any, state: Any) -> None:
    session = Session(live._rules())
    session.agree()
    frames = (make_frame(at=1000.0 + number / 15, sequence=number) for number in range(60))
    request = Request(name=name, consent=CONSENT)
    live._play(session, observer, Station(frames, lambda _: None), request)
    assert isinstance(session.outcome, Ready)
    live._commit(request, session.outcome, observer)
    state.write(f"{name}\n")
    state.flush()


def main(state: Path, models: str, prefix: str) -> None:
    text = f"[site]\nstate_folder = '{state}'\nmodels_folder = '{models}'\n"
    settings, clock = decode_settings(text.encode()), SystemClock()
    with (
        open_collection(settings.collection_file) as collection,
        AuditLog(settings.audit_file, clock=clock) as audit,
        Path("/dev/null").open("w") as nowhere,
    ):
        out.file = nowhere
        live = LiveEnrolment(settings, Registry(collection, audit, clock), Screen(out))
        model = live._thresholds.model_id
        for number in range(100_000):
            enrol(live, f"{prefix} {number}", Scripted(hash((prefix, number)) & 0xFFFFFFFF, model), sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
