from __future__ import annotations

import pytest
from builders import make_newcomer, make_template
from command_line import Lintel

from device.audit.archive import archive_events
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.types import ModelId, PersonId

OTHER = ModelId("model-b")


@pytest.fixture
def ada(lintel: Lintel) -> PersonId:
    references = [Reference(make_template()), Reference(make_template(2)), Reference(make_template(3, model_id=OTHER))]
    newcomer = make_newcomer("Ada [red]", references, external_id="S-1815", groups=("staff",), photos=(b"jpeg",))
    with open_collection(lintel.state / "collection.db") as collection:
        person = collection.add_person(newcomer, at=FakeClock().now())
        collection.set_pin(person, "2583", at=FakeClock().now())
        collection.try_pin(person, "1739", at=FakeClock().now())
    return person


def test_everything_but_templates_photos_and_digits_is_shown(lintel: Lintel, ada: PersonId) -> None:
    (shown,) = lintel("people", "show", "ada [RED]", "--json").json_lines()
    consent = shown.pop("consent")
    assert set(consent) == {"text_version", "language", "how", "given_at"}
    assert shown == {
        "id": ada,
        "name": "Ada [red]",
        "external_id": "S-1815",
        "groups": ["staff"],
        "suspended": False,
        "valid_from": None,
        "valid_until": None,
        "created_at": "2026-01-05T09:00:00Z",
        "retired_at": None,
        "resumed_at": None,
        "references": {make_template().model_id: 2, OTHER: 1},
        "photos": 1,
        "pin": {"set_at": "2026-01-05T09:00:00+00:00", "failures": 1, "blocked_until": "2026-01-05T09:00:00+00:00"},
        "last_seen": None,
    }


@pytest.mark.parametrize("word", ["Ada [red]", "S-1815"])
def test_a_person_is_shown_by_name_and_by_external_id(lintel: Lintel, ada: PersonId, word: str) -> None:
    said = lintel("people", "show", word)
    assert said.exit_code == 0
    assert ada in said.out
    assert "Ada [red]" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_last_visit_is_found_in_an_archive_too(lintel: Lintel, ada: PersonId) -> None:
    clock = FakeClock()
    with AuditLog(lintel.state / "audit.db", clock=clock) as log:
        log.append(AuditKind.DECISION_GRANTED, {"person": ada, "release_for_s": 5.0})
        clock.advance(86_400)
        log.append(AuditKind.DECISION_GRANTED, {"person": "p-0000000000000000", "release_for_s": 5.0})
        log.append(AuditKind.DECISION_DENIED, {"reason": "suspended", "search": {"person": ada}})
        archive_events(log, keep=1)
    (shown,) = lintel("people", "show", ada, "--json").json_lines()
    assert shown["last_seen"] == "2026-01-05"


def test_looking_changes_nothing(lintel: Lintel, ada: PersonId) -> None:
    before = sorted(file.name for file in lintel.state.iterdir())
    assert lintel("people", "show", ada).exit_code == 0
    assert sorted(file.name for file in lintel.state.iterdir()) == before
