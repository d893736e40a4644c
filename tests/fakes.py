"""Peers of the real things behind `device.ports`: each does what a test tells it and remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from builders import MODEL, make_mesh, make_nonmatch, make_template

from device.clock import Clock
from device.collection.pins import PinAnswer, PinStanding
from device.errors import AuditError, CameraError, DeviceError
from device.liveness.solidity import Motion
from device.types import (
    Box,
    Face,
    Frame,
    Image,
    Mesh,
    ModelId,
    PersonFacts,
    PersonId,
    SearchOutcome,
    Template,
)
from firmware_bridge.errors import BridgeError
from firmware_bridge.protocol import ReaderInput


class FakeDetector:
    """Finds the faces that `faces` holds at the moment, wherever it is made to look."""

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)
        self.calls = 0

    def detect(self, image: Image) -> list[Face]:  # noqa: ARG002 (the port's signature)
        self.calls += 1
        return list(self.faces)


class FakeFitter:
    """Fits what `fit_to` answers for the start it is given: the same mesh wherever it is made to look, unless told."""

    def __init__(self, fit_to: Callable[[Face | Mesh], Mesh] = lambda _: make_mesh()) -> None:
        self.fit_to = fit_to
        self.starts: list[Face | Mesh] = []

    def fit(self, image: Image, eyes_and_box: Face | Mesh) -> Mesh:  # noqa: ARG002 (the port's signature)
        self.starts.append(eyes_and_box)
        return self.fit_to(eyes_and_box)


class FakeExtractor:
    """Extracts `template`, whoever it is shown."""

    def __init__(self, template: Template | None = None) -> None:
        self.template = make_template() if template is None else template

    @property
    def model_id(self) -> ModelId:
        return MODEL

    def extract(self, image: Image, mesh: Mesh) -> Template:  # noqa: ARG002 (the port's signature)
        return self.template


class FakeTexture:
    """Scores every face `score`."""

    def __init__(self, score: float = 0.95) -> None:
        self.score = score
        self.boxes: list[Box] = []

    def bona_fide_score(self, image: Image, box: Box) -> float:  # noqa: ARG002 (the port's signature)
        self.boxes.append(box)
        return self.score


class FakeGallery:
    """Finds `outcome`, or raises `fault`."""

    def __init__(self, outcome: SearchOutcome | None = None, *people: PersonFacts) -> None:
        self.outcome = make_nonmatch() if outcome is None else outcome
        self.known = {facts.person: facts for facts in people}
        self.fault: DeviceError | None = None
        self.probes: list[Template] = []

    def search(self, probe: Template) -> SearchOutcome:
        if self.fault is not None:
            raise self.fault
        self.probes.append(probe)
        return self.outcome

    def facts(self, person: PersonId) -> PersonFacts | None:
        return self.known.get(person)


class FakeAudit:
    """Remembers events in order; refuses every one beyond `capacity`, as a full disk does."""

    def __init__(self, *, capacity: int | None = None) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.capacity = capacity

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        if self.capacity is not None and len(self.events) >= self.capacity:
            raise AuditError("no space is left for the audit log")
        self.events.append((str(kind), dict(facts)))
        return len(self.events)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


class FakeDoor:
    """Remembers releases, each with what `audit` held at that moment, and what it was told to indicate."""

    def __init__(self, audit: FakeAudit | None = None) -> None:
        self.releases: list[dict[str, float]] = []
        self.recorded_before: list[list[str]] = []
        self.indications: list[str] = []
        self.fault: BridgeError | None = None
        self._audit = audit

    def release(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        if self.fault is not None:
            raise self.fault
        asked = {"duration_s": duration_s, "audit_sequence": audit_sequence, "captured_at": captured_at}
        self.releases.append(asked)
        self.recorded_before.append(self._audit.kinds() if self._audit else [])

    def indicate(self, indication: str) -> None:
        self.indications.append(indication)


class FakeKeypad:
    """Holds what was typed until it is taken, as the daemon's reader does; or raises `fault`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._typed: list[ReaderInput] = []
        self.fault: BridgeError | None = None
        self.polls = 0

    def type(self, keys: str, *, ago_s: float = 0.0) -> None:
        """Press every key now, or let keys of a while ago arrive only now."""
        self._typed += [ReaderInput(at=self._clock.monotonic() - ago_s, key=key) for key in keys]

    def take_reader_inputs(self) -> list[ReaderInput]:
        self.polls += 1
        if self.fault is not None:
            raise self.fault
        taken, self._typed = self._typed, []
        return taken


class FakePins:
    """PINs by person, compared without any hash; `blocked` and `fault` are what a test makes them."""

    def __init__(self, digits: Mapping[PersonId, str]) -> None:
        self.digits = dict(digits)
        self.blocked: set[PersonId] = set()
        self.fault: DeviceError | None = None
        self.tries: list[PersonId] = []

    def pin_standing(self, person: PersonId, *, at: datetime) -> PinStanding:  # noqa: ARG002 (the port's signature)
        if self.fault is not None:
            raise self.fault
        if person not in self.digits:
            return PinStanding.NOT_SET
        return PinStanding.BLOCKED if person in self.blocked else PinStanding.READY

    def try_pin(self, person: PersonId, digits: str, *, at: datetime) -> PinAnswer:
        standing = self.pin_standing(person, at=at)
        self.tries.append(person)
        if standing is not PinStanding.READY:
            return PinAnswer.BLOCKED if standing is PinStanding.BLOCKED else PinAnswer.NOT_SET
        return PinAnswer.RIGHT if digits == self.digits[person] else PinAnswer.WRONG


class FakeCamera:
    """Delivers frames, then ends as a recording does, or vanishes with `fault`."""

    def __init__(self, frames: Sequence[Frame] = (), *, fault: CameraError | None = None) -> None:
        self._frames, self._fault = frames, fault
        self.closes = 0

    def frames(self) -> Iterator[Frame]:
        for frame in self._frames:
            if self.closes:
                return
            yield frame
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        self.closes += 1


class FakeMotion:
    """A motion cue that says what it was made to say, whatever it is shown."""

    def __init__(self, motion: Motion) -> None:
        self.motion = motion
        self.frames = 0

    def observe(self, image: Image, mesh: Mesh) -> None:  # noqa: ARG002 (the port's arguments)
        self.frames += 1
