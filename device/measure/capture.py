"""One labelled attempt at an installed door: recorded frame by frame, and judged as the door would."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from device.camera.checks import StreamFault
from device.measure.attempt import Attempt, Stand
from device.measure.live import Live
from device.ports import Lamps
from device.types import Attack, BonaFide, Frame, Image, PadVerdict

WAIT_S = 30.0  # for the first face; then nobody was seen, which is an outcome
GONE_S = 1.0  # without a face: whoever was there has left
ENOUGH_S = 5.0  # recorded once the door has decided, so that other modes can be measured on it
STREAM_CUES = {fault.value for fault in StreamFault}


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where attempts are captured: the door's own eyes, how it asks, and for how long it looks."""

    stand: Stand
    limit_s: float  # of one recording
    ask: Callable[[str | None], None]  # the door's word for what it asks from now on; None: nothing
    lamps: Lamps | None  # None: no emitters, so that a code is never flashed
    began: Callable[[], None] = lambda: None  # a face is there, and recording begins


@dataclass(slots=True)
class _Course:
    """How an attempt went so far, in seconds from the first frame that is kept."""

    word: str | None = None
    decided_after_s: float | None = None
    last_seen_s: float = 0.0
    has_flashed: bool = False
    asked: list[tuple[float, str]] = field(default_factory=list)


def capture(frames: Iterable[Frame], station: Station, *, species: str, keep: Callable[[float, Image], None]) -> Live:
    """Watch `frames` until the attempt is over; `keep` gets every frame from the first face on.

    It is over when the face has left, when `limit_s` have passed, some seconds after the door has decided, or when
    nobody comes. No lock is told and nothing is decided. Raises BridgeError when the lamps fail.
    """
    attempt, course = Attempt(station.stand), _Course()
    opened_at: float | None = None
    first_at: float | None = None
    for frame in frames:
        opened_at = frame.captured_at if opened_at is None else opened_at
        attempt.look(frame, guard=attempt.guard)
        if first_at is None:
            if not attempt.is_present:
                if frame.captured_at - opened_at > WAIT_S:
                    break
                continue
            first_at = frame.captured_at
            station.began()
        at = frame.captured_at - first_at
        keep(at, frame.image)
        _note(course, attempt, station, at=at)
        if _has_ended(course, at, station.limit_s):
            break
    if course.word is not None:
        station.ask(None)
    return _live(course, attempt, station, species=species)


def _note(course: _Course, attempt: Attempt, station: Station, *, at: float) -> None:
    if attempt.is_present:
        course.last_seen_s = at
    if attempt.is_over and course.decided_after_s is None:
        course.decided_after_s = at
    word = None if attempt.is_over else attempt.word
    if word != course.word:
        course.word = word
        station.ask(word)
        if word is not None:
            course.asked.append((at, word))
    code = attempt.code_to_flash()
    if code is None or station.lamps is None:
        return
    liveness = station.stand.liveness
    flashes = code.flashes(liveness.light_left, liveness.light_right)
    attempt.begin_light(station.lamps.emit_light(flashes, step_s=code.step_s))
    course.has_flashed = True


def _has_ended(course: _Course, at: float, limit_s: float) -> bool:
    has_left = at - course.last_seen_s > GONE_S
    is_enough = course.decided_after_s is not None and at >= max(ENOUGH_S, course.decided_after_s)
    return has_left or is_enough or at >= limit_s


def _live(course: _Course, attempt: Attempt, station: Station, *, species: str) -> Live:
    verdict = attempt.verdict
    return Live(
        species=species,
        mode=station.stand.liveness.mode,
        verdict=verdict,
        decided_after_s=course.decided_after_s,
        asked=tuple(course.asked),
        is_match=attempt.is_match(),
        is_repeatable=not (course.asked or course.has_flashed or _is_stream_at_fault(verdict)),
    )


def _is_stream_at_fault(verdict: PadVerdict | None) -> bool:
    return isinstance(verdict, Attack | BonaFide) and any(cue.name in STREAM_CUES for cue in verdict.cues)
