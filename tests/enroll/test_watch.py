from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from builders import ADA, make_nonmatch
from command_line import Lintel
from decided_builders import make_decided

from device.camera.feed import CameraLost, CameraRestored
from device.types import Deny, DenyReason
from enroll.watch import _print_json, _print_line, _tell, describe

NAMES = {ADA: "Ada Lovelace"}
STRANGER = make_decided(Deny(DenyReason.NOT_ENROLLED), search=make_nonmatch(0.12))


def test_a_grant_is_described_for_the_administrators_eyes() -> None:
    assert describe(make_decided(), NAMES.get) == {
        "decision": "granted",
        "reason": None,
        "person": ADA,
        "name": "Ada Lovelace",
        "score": 0.71,
        "threshold": 0.4,
        "frames": 5,
        "latency_s": 0.3,
        "track": 3,
        "audit_sequence": 7,
    }


def test_a_denial_says_why_and_how_near_it_was() -> None:
    told = describe(STRANGER, NAMES.get)
    assert (told["decision"], told["reason"]) == ("denied", "not_enrolled")
    assert (told["person"], told["name"], told["score"]) == (None, None, 0.12)


def test_who_was_recognised_is_told_although_denied() -> None:
    told = describe(make_decided(Deny(DenyReason.OUTSIDE_SCHEDULE)), NAMES.get)
    assert (told["decision"], told["name"]) == ("denied", "Ada Lovelace")


def test_nobody_enrolled_and_no_evidence_have_no_score() -> None:
    assert describe(make_decided(Deny(DenyReason.NOT_ENROLLED), search=make_nonmatch(None)), NAMES.get)["score"] is None
    told = describe(replace(STRANGER, evidence=None, audit_sequence=None), NAMES.get)
    assert (told["score"], told["threshold"], told["frames"], told["audit_sequence"]) == (None, None, None, None)


def test_a_decision_as_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    _print_json(NAMES.get, make_decided())
    _print_json(NAMES.get, make_decided(Deny(DenyReason.FAULT), search=make_nonmatch(math.nan)))
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["name"] == "Ada Lovelace"
    assert json.loads(second)["score"] is None


def test_a_decision_is_one_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    _print_line(NAMES.get, make_decided())
    _print_line(NAMES.get, STRANGER)
    _print_line(NAMES.get, replace(STRANGER, evidence=None))
    granted, denied, fault = capsys.readouterr().out.splitlines()
    assert granted == "granted Ada Lovelace  score 0.71 of 0.40, 5 frames, 0.3 s, audit 7"
    assert denied == "denied  not enrolled  score 0.12 of 0.40, 5 frames, 0.3 s, audit 7"
    assert "score – of –" in fault


@pytest.mark.parametrize("name", ["Ada [/]", "[bold red]Ada", "Ada [/red] \\", "[link=x]"])
def test_a_name_that_looks_like_markup_is_a_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    _print_line({ADA: name}.get, make_decided())
    assert capsys.readouterr().out.startswith(f"granted {name}  score")


def test_a_person_who_came_since_the_start_is_told_by_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    _print_line({}.get, make_decided())
    assert capsys.readouterr().out.startswith(f"granted {ADA}  ")


def test_a_camera_that_vanishes_and_returns_is_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    tell = partial(_tell, _print_line, NAMES.get)
    tell(CameraLost("camera 0 stopped delivering frames", 2.0), None)
    tell(CameraRestored(), None)
    tell(make_decided(), None)
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "lintel: camera 0 stopped delivering frames; trying again in 2 s",
        "lintel: the camera delivers frames again",
    ]
    assert said.out.startswith("granted Ada")


def test_only_one_source_can_be_watched(lintel: Lintel, tmp_path: Path) -> None:
    said = lintel("watch", "--camera", "0", "--video", tmp_path / "film.mp4")
    assert said.exit_code == 2
    assert "one of" in said.err


def test_a_camera_has_a_number(lintel: Lintel) -> None:
    assert lintel("watch", "--camera", "-1").exit_code == 2
