from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
from builders import make_newcomer
from command_line import Lintel

from device.audit.log import AuditLog
from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.types import ModelId, Template
from enroll.registry import Registry


def enrol(lintel: Lintel, *names: str) -> None:
    clock, state = FakeClock(), lintel.state
    with open_collection(state / "collection.db") as collection, AuditLog(state / "audit.db", clock=clock) as log:
        for number, name in enumerate(names):
            vector = np.eye(128, dtype=np.float32)[number]
            references = [Reference(Template(vector, ModelId("model-a")))]
            Registry(collection, log, clock).enrol(make_newcomer(name, references), how="photos")


def test_the_site_key_is_made_once_and_never_shown(lintel: Lintel) -> None:
    first, again = lintel("site", "init"), lintel("site", "init")
    secret = (lintel.state / "site.key").read_text().partition(":")[2].strip()
    assert "A new site key" in first.out
    assert "The site key" in again.out
    enrol(lintel)  # nobody: a collection alone
    for said in (first, again, lintel("site", "show"), lintel("site", "show", "--json")):
        assert secret not in said.out + said.err


def test_rotating_and_revoking_keep_everybody_and_are_on_record(lintel: Lintel) -> None:
    enrol(lintel, "Ada", "Grace")
    (before,) = lintel("site", "show", "--json").json_lines()
    assert lintel("site", "rotate-key", "--json").json_lines()[0]["people"] == 2
    assert "2 people are renewed" in lintel("site", "revoke-templates").out
    (after,) = lintel("site", "show", "--json").json_lines()
    assert after["site_key"] != before["site_key"]
    assert after["generation"] == before["generation"] + 2
    assert [one["name"] for one in lintel("people", "list", "--json").json_lines()[0]] == ["Ada", "Grace"]
    kinds = [line["kind"] for line in lintel("audit", "show", "--json").json_lines()]
    assert kinds[-2:] == ["site.key_rotated", "site.templates_revoked"]


def test_without_its_key_a_collection_is_one_sentence_and_exit_code_81(lintel: Lintel) -> None:
    enrol(lintel, "Ada")
    (lintel.state / "site.key").unlink()
    said = lintel("people", "list")
    assert said.exit_code == 81
    assert "put site.key back" in said.sentence()
    assert not (lintel.state / "site.key").exists()


def test_a_backup_is_made_checked_and_restored(lintel: Lintel, tmp_path: Path) -> None:
    enrol(lintel, "Ada", "Grace")
    assert "2 people" in lintel("collection", "backup", tmp_path / "backup.db").out
    lintel("people", "erase", "--yes", "Grace")
    assert "1 people are enrolled" in lintel("collection", "restore", tmp_path / "backup.db").out
    (found,) = lintel("collection", "check", "--json").json_lines()
    assert (found["people"], found["references"]) == (1, 1)
    assert "is sound" in lintel("collection", "check").out


def test_a_check_finds_an_exchanged_row(lintel: Lintel) -> None:
    enrol(lintel, "Ada", "Grace")
    raw = sqlite3.connect(lintel.state / "collection.db")
    raw.execute("UPDATE biometric_reference SET sealed_vector = (SELECT max(sealed_vector) FROM biometric_reference)")
    raw.commit()
    raw.close()
    said = lintel("collection", "check")
    assert said.exit_code == 31
    assert "damaged" in said.sentence()


def test_a_file_that_is_no_backup_is_one_sentence(lintel: Lintel, tmp_path: Path) -> None:
    enrol(lintel, "Ada")
    (tmp_path / "letter.txt").write_text("Dear Ada")
    said = lintel("collection", "restore", tmp_path / "letter.txt")
    assert said.exit_code == 82
    assert len(lintel("people", "list", "--json").json_lines()[0]) == 1


def test_a_door_that_does_not_run_answers_nothing(lintel: Lintel) -> None:
    said = lintel("control", "status")
    assert said.exit_code == 83
    assert "does not answer" in said.sentence()
