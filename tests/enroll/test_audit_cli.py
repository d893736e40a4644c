from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from command_line import Lintel

from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.clock import FakeClock

GENESIS = "0" * 64


def fill(lintel: Lintel) -> str:
    """Three events; returns the end of the chain."""
    with AuditLog(lintel.state / "audit.db", clock=FakeClock()) as log:
        log.append(AuditKind.APPLIANCE_STARTED, {"people": 1})
        log.append(AuditKind.DECISION_GRANTED, {"person": "p-0123456789abcdef", "score": 0.71})
        log.append(AuditKind.DECISION_DENIED, {"reason": "not_enrolled"})
        return str(log.head())


def tamper(lintel: Lintel, statement: str) -> None:
    raw = sqlite3.connect(lintel.state / "audit.db")
    raw.execute("DROP TRIGGER event_never_update")
    raw.execute("DROP TRIGGER event_never_delete")
    raw.execute(statement)
    raw.commit()
    raw.close()


def test_show_lists_the_newest_events_last(lintel: Lintel) -> None:
    fill(lintel)
    said = lintel("audit", "show")
    assert said.exit_code == 0
    first_words = [line.split()[0] for line in said.out.splitlines() if line[:1].strip()]
    assert first_words == ["no.", "1", "2", "3"]
    assert "2026-01-05 09:00:00" in said.out
    assert "reason=not_enrolled" in said.out


def test_show_as_json_is_one_object_a_line_with_all_fields(lintel: Lintel) -> None:
    fill(lintel)
    lines = lintel("audit", "show", "--last", "2", "--json").json_lines()
    assert [line["seq"] for line in lines] == [2, 3]
    assert set(lines[0]) == {"seq", "at", "kind", "facts", "previous", "hash", "signature"}
    assert lines[0]["facts"] == {"person": "p-0123456789abcdef", "score": 0.71}
    assert lines[1]["previous"] == lines[0]["hash"]


def test_show_can_be_limited_to_one_kind(lintel: Lintel) -> None:
    fill(lintel)
    (line,) = lintel("audit", "show", "--kind", "decision.denied", "--json").json_lines()
    assert line["seq"] == 3
    assert lintel("audit", "show", "--kind", "no.such.kind").exit_code == 2


def test_showing_or_verifying_a_log_that_is_not_there_creates_none(lintel: Lintel) -> None:
    for command in (["show"], ["verify"], ["export", lintel.state / "out"]):
        said = lintel("audit", *command)
        assert said.exit_code == 50
        assert "No such file" in said.sentence()
    assert not lintel.state.exists()


def test_verify_of_an_intact_log_tells_its_end(lintel: Lintel) -> None:
    end = fill(lintel)
    said = lintel("audit", "verify")
    assert said.exit_code == 0
    assert "3 events, and the chain holds" in said.out
    assert end in said.out.splitlines()


def test_verify_as_json(lintel: Lintel) -> None:
    end = fill(lintel)
    assert lintel("audit", "verify", "--json").json_lines() == [
        {"intact": True, "events": 3, "head": end, "first_bad": None, "why": None}
    ]


@pytest.mark.parametrize("format_option", [[], ["--json"]])
def test_verify_names_the_first_bad_row_and_exits_with_51(lintel: Lintel, format_option: list[str]) -> None:
    fill(lintel)
    tamper(lintel, 'UPDATE event SET facts = \'{"person":"p-ffffffffffffffff"}\' WHERE seq = 2')
    said = lintel("audit", "verify", *format_option)
    assert said.exit_code == 51
    assert "the chain breaks at row 2" in said.sentence()
    if format_option:
        (verdict,) = said.json_lines()
        assert verdict["intact"] is False
        assert verdict["first_bad"] == 2


def test_a_cut_tail_is_found_and_so_is_one_beside_a_kept_end(lintel: Lintel) -> None:
    end = fill(lintel)
    assert lintel("audit", "verify", "--expect", end).exit_code == 0
    tamper(lintel, "DELETE FROM event WHERE seq = 3")
    for options in ([], ["--expect", end]):
        said = lintel("audit", "verify", *options)
        assert said.exit_code == 51
        assert "tail was cut off" in said.sentence()


def test_an_end_that_is_none_is_a_usage_error(lintel: Lintel) -> None:
    fill(lintel)
    said = lintel("audit", "verify", "--expect", "3:xyz")
    assert said.exit_code == 2
    assert "SEQUENCE:HASH" in said.err


def test_a_damaged_row_is_shown_without_obeying_it(lintel: Lintel) -> None:
    fill(lintel)
    tamper(lintel, "UPDATE event SET facts = 'no json ' || char(27) || '[2J', kind = '[red]' WHERE seq = 2")
    said = lintel("audit", "show")
    assert said.exit_code == 0
    assert "\x1b" not in said.out
    assert "[red]" in said.out
    assert lintel("audit", "show", "--json").json_lines()[1]["facts"] == "no json \x1b[2J"


def test_an_exported_log_is_one_object_a_line_and_appears_whole(lintel: Lintel, tmp_path: Path) -> None:
    fill(lintel)
    file = tmp_path / "audit.jsonl"
    said = lintel("audit", "export", file)
    assert said.exit_code == 0
    assert said.out.startswith("3 events written to")
    *lines, end = [json.loads(line) for line in file.read_text().splitlines()]
    assert end["end"]["seq"] == 3
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert lines[0]["previous"] == GENESIS
    assert sorted(part.name for part in tmp_path.iterdir()) == ["audit.jsonl", "state"]


def test_an_export_to_where_nobody_may_write_is_one_sentence(lintel: Lintel) -> None:
    fill(lintel)
    said = lintel("audit", "export", "/proc/no/such/place")
    assert said.exit_code == 50
    assert "cannot be exported" in said.sentence()
