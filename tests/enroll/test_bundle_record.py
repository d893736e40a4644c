from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from bundle_rig import AUTHOR, bundle, enrol, enrolled_as_recorded, gates, recorded, site

from device.audit.chain import Intact
from device.audit.kinds import AuditKind
from device.audit.log import reading_audit
from device.errors import BundleOldError
from device.registry import Registry
from enroll.bundle_apply import apply_bundle
from enroll.bundle_format import Change, Erase
from enroll.bundle_record import take_back_uncommitted

CHANGES = [enrol("Grace", 2), Change(person="E1", suspended=True), Erase(person="E2")]


def prepare(state: Path, file: Path) -> None:
    """Ada and Alan are enrolled; `file` is a bundle that enrols, changes and erases."""
    with site(state) as registry:
        card = registry.collection.authority().card
        file.write_bytes(bundle(card, [enrol("Ada", 1, external_id="E1"), enrol("Alan", 3, external_id="E2")]))
        apply_bundle(file, registry, gates())
        file.write_bytes(bundle(card, CHANGES, number=2))


def apply_and_die_between_the_two_commits(state: Path, file: Path) -> int:
    """The wait status of a process that dies when the collection is about to commit and the audit just has."""
    pid = os.fork()
    if pid == 0:
        try:
            with site(state) as registry:

                def die(statement: str) -> None:
                    applied = [facts for kind, facts in recorded(registry) if kind == "bundle.applied"]
                    if statement == "COMMIT" and applied[-1]["number"] == 2:
                        os.kill(os.getpid(), signal.SIGKILL)

                registry.collection._database.conn.set_trace_callback(die)
                apply_bundle(file, registry, gates())
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def people(registry: Registry) -> set[str]:
    return {person.id for person in registry.collection.people()}


def undone(registry: Registry) -> list[Any]:
    return [facts["of"] for kind, facts in recorded(registry) if kind == "fault"]


EVERYTHING = ["bundle.applied", "person.enrolled", "person.changed", "person.erased"]


def test_killed_between_the_two_commits_every_fact_is_taken_back_once_and_the_bundle_applies(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b"
    prepare(state, file)
    status = apply_and_die_between_the_two_commits(state, file)
    assert os.WIFSIGNALED(status)
    with site(state) as registry:
        assert [kind for kind, _ in recorded(registry)][-4:] == EVERYTHING
        assert enrolled_as_recorded(registry) != people(registry), "nothing was left behind"
        for _ in range(2):
            take_back_uncommitted(registry)
        assert undone(registry) == EVERYTHING
        assert enrolled_as_recorded(registry) == people(registry)
        assert apply_bundle(file, registry, gates()).done == 3
        assert undone(registry) == EVERYTHING
        assert enrolled_as_recorded(registry) == people(registry)
        with reading_audit(registry.audit.path) as reader:
            assert isinstance(reader.verify(), Intact)


def test_the_next_application_takes_back_even_when_it_is_refused(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b"
    prepare(state, file)
    apply_and_die_between_the_two_commits(state, file)
    with site(state) as registry:
        file.write_bytes(bundle(registry.collection.authority().card, [], number=1))
        with pytest.raises(BundleOldError):
            apply_bundle(file, registry, gates())
        assert undone(registry) == EVERYTHING
        assert recorded(registry)[-1][0] == "bundle.refused"


def test_a_commit_that_fails_takes_back_every_fact_at_once(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b"
    prepare(state, file)
    with site(state) as registry:
        before = people(registry)
        for statement in (
            "CREATE TABLE nobody (id INTEGER PRIMARY KEY)",
            "CREATE TABLE fails (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER at_commit AFTER DELETE ON person BEGIN INSERT INTO fails VALUES (1); END",
        ):
            registry.collection._execute(statement)
        with pytest.raises(sqlite3.IntegrityError):
            apply_bundle(file, registry, gates())
        assert people(registry) == before == enrolled_as_recorded(registry)
        assert undone(registry) == EVERYTHING


def test_what_was_committed_is_never_taken_back(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b"
    prepare(state, file)
    with site(state) as registry:
        apply_bundle(file, registry, gates())
        take_back_uncommitted(registry)
        assert undone(registry) == []


@pytest.mark.parametrize("kind", [AuditKind.COLLECTION_RESTORED, AuditKind.AUTHOR_TRUSTED])
def test_after_a_restore_or_new_trust_nothing_is_taken_back_for_nobody_can_tell(
    tmp_path: Path, kind: AuditKind
) -> None:
    state, file = tmp_path / "state", tmp_path / "b"
    prepare(state, file)
    apply_and_die_between_the_two_commits(state, file)
    with site(state) as registry:
        registry.audit.append(kind, {"author": AUTHOR.public.author})
        take_back_uncommitted(registry)
        assert undone(registry) == []
