"""What the demo makes of what the loop and the door told it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from builders import make_frame, make_image, make_match, make_nonmatch
from decided_builders import GRANT, make_decided
from fakes import FakeCamera

from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.camera.feed import CameraLost
from device.clock import FakeClock
from device.config import Settings, decode_settings
from device.measure.simulate.scenes import EmptyRoom, Visit
from device.types import (
    Attack,
    AttackReason,
    Deny,
    DenyReason,
    MissingCue,
    PadVerdict,
    SearchOutcome,
    Undecided,
)
from enroll.cast import Cast, Expected
from enroll.playbill import Act, Playbill, verdict_of

START = 1000.0
RATE_HZ = 15.0
ROOM = EmptyRoom()
VISITS = (
    Visit("empty room", ROOM, 1.0),
    Visit("ada", ROOM, 5.0),  # from 1 to 6 s
    Visit("empty room", ROOM, 1.0),
    Visit("stranger", ROOM, 5.0),  # from 7 to 12 s
)
CAST = Cast(make_image(), VISITS, {"ada": Expected.GRANT, "stranger": Expected.DENY}, ("all simulated",))
DENIED = make_decided(Deny(DenyReason.NOT_ENROLLED), search=make_nonmatch())


@pytest.fixture
def playbill() -> Playbill:
    """A play that began at START."""
    made = Playbill(CAST, FakeCamera([make_frame(at=START)]), rate_hz=RATE_HZ)
    assert len(list(made.frames())) == 1
    return made


def at(elapsed_s: float) -> float:
    return START + elapsed_s


def note(playbill: Playbill, elapsed_s: float, decided: object) -> None:
    playbill.note_news(decided, make_frame(at=at(elapsed_s)))  # type: ignore[arg-type]


def pulse(begin_s: float, end_s: float) -> list[tuple[float, str, bool]]:
    return [(at(begin_s), "lock", True), (at(end_s), "lock", False)]


def test_a_play_in_which_everybody_is_treated_as_they_should_be(playbill: Playbill) -> None:
    note(playbill, 2.0, make_decided())
    note(playbill, 9.0, DENIED)
    playbill.note_levels([(at(-1.0), "lock", False), *pulse(2.1, 3.1)])
    ada, stranger = playbill.acts
    assert ada.released_for_s == [pytest.approx(1.0)]
    assert (ada.grants, stranger.grants) == (1, 0)
    assert ada.is_as_expected
    assert stranger.is_as_expected
    assert playbill.strays == 0


def test_a_machine_too_slow_for_the_play_still_knows_who_was_before_the_camera() -> None:
    """Half as fast: what is decided 18 s after the start is about the stranger, who then stands there since 14 s."""
    late = [make_frame(at=START + number * 2 / RATE_HZ) for number in range(round(12 * RATE_HZ))]
    playbill = Playbill(CAST, FakeCamera(late), rate_hz=RATE_HZ)
    assert len(list(playbill.frames())) == len(late)
    note(playbill, 11.0, make_decided())
    note(playbill, 18.0, DENIED)
    playbill.note_levels(pulse(11.1, 12.1))
    ada, stranger = playbill.acts
    assert (len(ada.decisions), len(stranger.decisions)) == (1, 1)
    assert ada.is_as_expected
    assert stranger.is_as_expected


@pytest.mark.parametrize(
    ("expected", "decisions", "pulses", "is_right"),
    [
        (Expected.GRANT, [make_decided()], [1.0], True),
        (Expected.GRANT, [DENIED, make_decided()], [1.0], True),
        (Expected.GRANT, [make_decided()], [], False),  # granted, and the lock never moved
        (Expected.GRANT, [], [1.0], False),  # the lock moved, and nobody was granted
        (Expected.GRANT, [make_decided()], [1.0, 1.0], False),
        (Expected.GRANT, [], [], False),
        (Expected.DENY, [DENIED], [], True),
        (Expected.DENY, [], [], False),  # not noticed is not denied
        (Expected.DENY, [DENIED, make_decided()], [1.0], False),
        (Expected.DENY, [make_decided()], [], False),
        (Expected.DENY, [DENIED], [1.0], False),
    ],
)
def test_whether_a_visitor_was_treated_as_they_should_be(
    expected: Expected, decisions: list[object], pulses: list[float], *, is_right: bool
) -> None:
    act = Act("ada", expected, 1.0, 6.0, decisions=decisions, released_for_s=pulses)  # type: ignore[arg-type]
    assert act.is_as_expected is is_right


def test_a_decision_on_somebody_who_just_left_is_still_theirs(playbill: Playbill) -> None:
    note(playbill, 6.3, DENIED)
    note(playbill, 6.7, DENIED)  # nobody's any more
    note(playbill, 0.5, DENIED)
    ada, stranger = playbill.acts
    assert len(ada.decisions) == 1
    assert stranger.decisions == []


def test_a_release_with_nobody_in_front_is_a_stray(playbill: Playbill, capsys: pytest.CaptureFixture[str]) -> None:
    playbill.note_levels(pulse(0.2, 1.2))
    assert playbill.strays == 1
    assert "nobody in front" in capsys.readouterr().err


def test_only_the_lock_counts_and_a_level_that_is_told_twice_counts_once(playbill: Playbill) -> None:
    playbill.note_levels(
        [(at(2.0), "buzzer", True), (at(2.1), "lock", True), (at(2.2), "lock", True), *pulse(2.3, 3.1)]
    )
    assert playbill.acts[0].released_for_s == [pytest.approx(1.0)]


def test_a_relay_that_stays_high_is_no_release_that_ended(playbill: Playbill) -> None:
    note(playbill, 2.0, make_decided())
    playbill.note_levels([(at(2.1), "lock", True)])
    assert not playbill.acts[0].is_as_expected


def test_a_play_may_begin_at_the_zero_of_its_clock(capsys: pytest.CaptureFixture[str]) -> None:
    playbill = Playbill(CAST, FakeCamera([make_frame(at=0.0)]), rate_hz=RATE_HZ)
    list(playbill.frames())
    playbill.note_news(DENIED, make_frame(at=2.5))
    assert "   2.5 s  ada: denied" in capsys.readouterr().out


def test_everything_is_told_as_it_happens(playbill: Playbill, capsys: pytest.CaptureFixture[str]) -> None:
    note(playbill, 2.0, make_decided())
    playbill.note_news(CameraLost("the camera is gone", 1.0), None)
    said = capsys.readouterr()
    assert said.out.startswith("   2.0 s  ada: granted, score 0.71")
    assert "the camera is gone" in said.err


def test_closing_the_play_closes_its_camera() -> None:
    camera = FakeCamera()
    Playbill(CAST, camera, rate_hz=RATE_HZ).close()
    assert camera.closes == 1


@pytest.mark.parametrize(
    ("search", "pad", "words"),
    [
        (make_nonmatch(0.1), None, "denied: fault, score 0.10 < 0.40, 5 frames"),
        (make_nonmatch(None), None, "denied: fault, nobody enrolled, 5 frames"),
        (None, Attack(AttackReason.PLANAR, ()), "denied: fault (planar), score 0.71 ≥ 0.40, 5 frames"),
        (None, Undecided((MissingCue.MOTION,), ()), "denied: fault (motion missing), score 0.71 ≥ 0.40, 5 frames"),
    ],
)
def test_a_denial_in_a_few_words(search: SearchOutcome | None, pad: PadVerdict | None, words: str) -> None:
    assert verdict_of(make_decided(Deny(DenyReason.FAULT), search=search, pad=pad)) == words


def test_a_grant_in_a_few_words() -> None:
    assert verdict_of(make_decided(GRANT, search=make_match(score=0.8))) == (
        "granted, score 0.80 ≥ 0.40, 5 frames, 300 ms"
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = decode_settings(f"[site]\nstate_folder = '{tmp_path}/state'\n".encode())
    with AuditLog(made.audit_file, clock=FakeClock()) as audit:
        audit.append(AuditKind.APPLIANCE_STARTED, {"people": 1})
    return made


def test_the_report_shows_everybody_and_leaves_a_picture_and_the_audit_log(
    playbill: Playbill, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note(playbill, 2.0, make_decided())
    note(playbill, 9.0, DENIED)
    playbill.note_levels(pulse(2.1, 3.1))
    assert playbill.report(settings, tmp_path)
    table = capsys.readouterr().out
    assert "✓ granted" in table
    assert "✓ denied" in table
    assert "1.00 s" in table
    sheet = cv2.imread(str(tmp_path / "contact-sheet.png"))
    assert sheet is not None
    assert sheet.shape[0] > 480
    log = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert "appliance.started" in [line.get("kind") for line in log]


@pytest.mark.parametrize("fault", ["nobody noticed", "a stray"])
def test_a_play_that_went_wrong_is_not_praised(
    playbill: Playbill, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    note(playbill, 2.0, make_decided())
    playbill.note_levels(pulse(2.1, 3.1))
    if fault == "a stray":
        note(playbill, 9.0, DENIED)
        playbill.note_levels(pulse(0.1, 0.4))
    assert not playbill.report(settings, tmp_path)
    assert ("✗ not noticed" in capsys.readouterr().out) is (fault == "nobody noticed")
