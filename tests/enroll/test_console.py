from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from device.types import DenyReason
from enroll.console import complain, print_json


def test_a_complaint_is_one_line_on_standard_error_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "the collection cannot be opened: " + "a very long reason " * 30
    complain(sentence.strip())
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"lintel: {sentence.strip()}\n"


@pytest.mark.parametrize("sentence", ["[camera] width_px: expected `int`", "[/]", "[bold]x", "\\[red]"])
def test_what_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    complain(sentence)
    assert capsys.readouterr().err == f"lintel: {sentence}\n"


def test_json_is_one_document_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "Émilie\n", "at": datetime(2026, 1, 5, 9, tzinfo=UTC), "why": DenyReason.FAULT, "no": None}
    print_json(value)
    text = capsys.readouterr().out
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert json.loads(text) == {"name": "Émilie\n", "at": "2026-01-05T09:00:00Z", "why": "fault", "no": None}
