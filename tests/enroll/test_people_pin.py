from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from builders import make_newcomer, make_template
from command_line import Lintel, Said

from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.pins import PinAnswer
from device.collection.store import open_collection
from device.types import PersonId

PIN = "2583"
LINTEL = "from enroll.cli import main; main()"


@pytest.fixture
def ada(lintel: Lintel) -> PersonId:
    with open_collection(lintel.state / "collection.db") as collection:
        return collection.add_person(make_newcomer("Ada", [Reference(make_template())]), at=FakeClock().now())


def answer(lintel: Lintel, person: PersonId, digits: str) -> PinAnswer:
    with open_collection(lintel.state / "collection.db") as collection:
        return collection.try_pin(person, digits, at=FakeClock().now())


def changes(lintel: Lintel) -> list[dict[str, object]]:
    events = lintel("audit", "show", "--json").json_lines()
    return [event["facts"] for event in events if event["kind"] == "person.changed"]


def given(lintel: Lintel, line: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> Said:
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    return lintel("people", "pin", "Ada", "--stdin", *more)


def test_a_pin_from_standard_input_is_the_pin_and_the_audit_holds_no_digit(
    lintel: Lintel, ada: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = given(lintel, f"{PIN}\n", monkeypatch)
    assert said.exit_code == 0, said.err
    assert said.out == f"Ada ({ada}) has a new PIN\n"
    assert answer(lintel, ada, PIN) is PinAnswer.RIGHT
    assert changes(lintel) == [{"person": ada, "pin": "set"}]
    assert PIN.encode() not in (lintel.state / "audit.db").read_bytes()


def test_a_pin_is_taken_away_once(lintel: Lintel, ada: PersonId, monkeypatch: pytest.MonkeyPatch) -> None:
    given(lintel, PIN, monkeypatch)
    assert lintel("people", "pin", "Ada", "--clear", "--json").json_lines() == [{"id": ada, "changed": True}]
    assert lintel("people", "pin", "Ada", "--clear").out == f"Ada ({ada}) had no PIN\n"
    assert answer(lintel, ada, PIN) is PinAnswer.NOT_SET
    assert changes(lintel) == [{"person": ada, "pin": "set"}, {"person": ada, "pin": "cleared"}]


@pytest.mark.parametrize("line", ["", "1234\n", "12x4\n", "2583 \n", "25\n", "2" * 4096])
def test_what_will_not_do_for_a_pin_is_refused_without_being_repeated(
    lintel: Lintel, ada: PersonId, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    said = given(lintel, line, monkeypatch)
    assert said.exit_code == 96
    assert not line.strip() or line.strip() not in said.err
    assert changes(lintel) == []
    assert answer(lintel, ada, PIN) is PinAnswer.NOT_SET


def test_without_a_terminal_nothing_is_read_unless_it_is_said(
    lintel: Lintel, ada: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PIN}\n{PIN}\n"))
    said = lintel("people", "pin", "Ada")
    assert said.exit_code == 2
    assert "--stdin" in said.err
    assert answer(lintel, ada, PIN) is PinAnswer.NOT_SET


def test_digits_on_the_command_line_are_refused(lintel: Lintel, ada: PersonId) -> None:
    assert lintel("people", "pin", "Ada", PIN).exit_code == 2
    assert lintel("people", "pin", "Ada", "--clear", "--stdin").exit_code == 2
    assert answer(lintel, ada, PIN) is PinAnswer.NOT_SET


def test_nobody_is_asked_for_the_pin_of_somebody_unknown(lintel: Lintel, ada: PersonId) -> None:  # noqa: ARG001
    assert lintel("people", "pin", "Grace").exit_code == 34


def test_on_a_terminal_a_pin_is_typed_twice_and_not_shown(lintel: Lintel, ada: PersonId) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", LINTEL, "--state", str(lintel.state), "people", "pin", "Ada"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as child:
        os.close(theirs)
        shown = _answer(ours, "PIN of Ada: ") + _answer(ours, "Again: ")
        assert child.stdout is not None
        said = child.stdout.read().decode()
    os.close(ours)
    assert said == f"Ada ({ada}) has a new PIN\n"
    assert PIN not in shown
    assert answer(lintel, ada, PIN) is PinAnswer.RIGHT


def _answer(terminal: int, prompt: str) -> str:
    """Wait for a prompt and type the PIN; what was shown."""
    shown = ""
    while prompt not in shown:
        shown += os.read(terminal, 1024).decode()
    os.write(terminal, f"{PIN}\n".encode())
    return shown
