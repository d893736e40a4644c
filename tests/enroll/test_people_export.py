from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_newcomer, make_template
from command_line import Lintel

from device.audit.archive import archive_events
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.errors import UnknownPersonError
from device.registry import Registry
from device.types import PersonId

PIN = "2583"


@pytest.fixture
def registry(lintel: Lintel) -> Iterator[Registry]:
    clock = FakeClock()
    with (
        open_collection(lintel.state / "collection.db") as collection,
        AuditLog(lintel.state / "audit.db", clock=clock) as audit,
    ):
        yield Registry(collection, audit, clock)


@pytest.fixture
def ada(registry: Registry) -> PersonId:
    references = [Reference(make_template()), Reference(make_template(2))]
    newcomer = make_newcomer("Ada Byron é", references, external_id="S-1815", groups=("staff",), photos=(b"jpeg",))
    person = registry.enrol(newcomer, how="photos")
    registry.set_pin(person, PIN)
    return person


@pytest.fixture
def grace(registry: Registry) -> PersonId:
    return registry.enrol(make_newcomer("Grace Hopper", [Reference(make_template(3))]), how="photos")


def exported(lintel: Lintel, to: Path, *more: str) -> Any:
    said = lintel("people", "export", "S-1815", "--out", to, *more)
    assert said.exit_code == 0, said.err
    return json.loads(to.read_text(encoding="utf-8"))


def kinds(lintel: Lintel) -> list[str]:
    with reading_audit(lintel.state / "audit.db") as reader:
        return [event.kind for event in reader.events()]


def test_all_that_is_held_is_in_one_readable_file(lintel: Lintel, tmp_path: Path, ada: PersonId) -> None:
    held = exported(lintel, tmp_path / "ada.json")["person"]
    assert (held["id"], held["name"], held["external_id"], held["groups"]) == (ada, "Ada Byron é", "S-1815", ["staff"])
    assert held["consent"]["how"]
    assert held["photos"] == 1
    assert held["pin"]["set_at"]
    assert [set(reference) for reference in held["references"]] == [{"id", "model", "quality", "created_at"}] * 2
    text = (tmp_path / "ada.json").read_text(encoding="utf-8")
    assert "Byron é" in text
    assert PIN not in text.replace(held["pin"]["set_at"], "")
    assert stat.S_IMODE((tmp_path / "ada.json").stat().st_mode) == 0o600


def test_templates_leave_only_when_asked_for_and_turned_back(lintel: Lintel, tmp_path: Path, ada: PersonId) -> None:  # noqa: ARG001 (enrolled)
    references = exported(lintel, tmp_path / "ada.json", "--with-templates")["person"]["references"]
    np.testing.assert_allclose(references[0]["template"], make_template().vector, atol=1e-5)
    np.testing.assert_allclose(references[1]["template"], make_template(2).vector, atol=1e-5)


def test_every_event_about_them_is_there_and_nobody_else_is(
    lintel: Lintel, tmp_path: Path, registry: Registry, ada: PersonId, grace: PersonId
) -> None:
    registry.audit.append(AuditKind.COLLECTION_RESTORED, {"suspended": [grace, ada], "note": f"of {grace}"})
    registry.audit.append(AuditKind.DECISION_GRANTED, {"person": grace, "release_for_s": 5.0})
    registry.audit.append(AuditKind.DECISION_GRANTED, {"person": ada, "release_for_s": 5.0})
    archive_events(registry.audit, keep=1)
    document = exported(lintel, tmp_path / "ada.json")
    events = [(event["kind"], event["facts"]) for event in document["audit"]]
    assert [kind for kind, _ in events] == [
        "person.enrolled",
        "person.changed",
        "collection.restored",
        "decision.granted",
    ]
    assert events[2][1] == {"suspended": ["another person", ada], "note": "of another person"}
    assert grace not in (tmp_path / "ada.json").read_text(encoding="utf-8")
    assert document["person"]["last_seen"] == "2026-01-05"


def test_that_it_was_handed_out_is_on_record_by_id(lintel: Lintel, tmp_path: Path, ada: PersonId) -> None:
    exported(lintel, tmp_path / "ada.json")
    event = lintel("audit", "show", "--json").json_lines()[-1]
    assert (event["kind"], event["facts"]) == ("person.exported", {"person": ada, "templates": False})


def test_a_file_that_is_there_is_left_alone_and_nothing_is_recorded(
    lintel: Lintel,
    tmp_path: Path,
    ada: PersonId,  # noqa: ARG001 (enrolled)
) -> None:
    (tmp_path / "diary").write_text("dear diary")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("diary", "link", "no-folder/ada.json"):
        said = lintel("people", "export", "S-1815", "--out", tmp_path / name)
        assert said.exit_code == 39
        assert name in said.sentence()
    assert (tmp_path / "diary").read_text() == "dear diary"
    assert not (tmp_path / "nowhere").exists()
    assert "person.exported" not in kinds(lintel)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["diary", "link", "state"]


def test_what_cannot_be_recorded_is_not_handed_out(lintel: Lintel, tmp_path: Path, ada: PersonId) -> None:  # noqa: ARG001 (enrolled)
    (lintel.state / "audit.db.head").unlink()
    (lintel.state / "audit.db.head").mkdir()
    said = lintel("people", "export", "S-1815", "--out", tmp_path / "ada.json")
    assert said.exit_code == 50
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state"]


def test_the_fact_is_on_record_before_the_file_has_its_name(registry: Registry, ada: PersonId, lintel: Lintel) -> None:
    seen: list[list[str]] = []
    registry.hand_out(ada, {"templates": False}, lambda: seen.append(kinds(lintel)))
    assert [kinds_then[-1] for kinds_then in seen] == ["person.exported"]


def test_a_file_that_could_not_be_named_is_a_second_fact(registry: Registry, ada: PersonId, lintel: Lintel) -> None:
    def fail() -> None:
        raise OSError("the stick was pulled")

    with pytest.raises(OSError, match="pulled"):
        registry.hand_out(ada, {"templates": False}, fail)
    assert kinds(lintel)[-2:] == ["person.exported", "fault"]


def test_whoever_was_erased_meanwhile_is_not_handed_out(registry: Registry, ada: PersonId, lintel: Lintel) -> None:
    registry.erase(registry.collection.find(ada))
    with pytest.raises(UnknownPersonError):
        registry.hand_out(ada, {"templates": False}, lambda: pytest.fail("handed out"))
    assert kinds(lintel)[-1] == "person.erased"
