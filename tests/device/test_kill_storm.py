"""Writers and readers killed at random moments: what was acknowledged is there, what was not is there whole or not."""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer

from device.audit.archive import archive_events
from device.audit.chain import Intact
from device.audit.evidence import verify_log
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog
from device.audit.sign import read_public_key
from device.clock import SystemClock
from device.collection.people import Reference
from device.collection.snapshot import check_copy, snapshots, take_snapshot, write_copy
from device.collection.store import open_collection
from device.errors import CollectionError
from device.types import ModelId, Template
from enroll.registry import Registry

MODEL = ModelId("model-a")
REFERENCES = 2


def references(number: int) -> list[Reference]:
    vectors = np.random.default_rng(number).standard_normal((REFERENCES, 128)).astype(np.float32)
    return [Reference(Template(vector / np.linalg.norm(vector), MODEL)) for vector in vectors]


def enrol(state: Path, acknowledge: Callable[[str], None]) -> None:
    clock = SystemClock()
    with open_collection(state / "collection.db") as collection, AuditLog(state / "audit.db", clock=clock) as log:
        registry = Registry(collection, log, clock)
        for number in range(100_000):
            name = f"person {os.getpid()} {number}"
            try:
                registry.enrol(make_newcomer(name, references(number)), how="photos")
            except CollectionError as error:  # a rotation without end may starve it for 5 s: a refusal, and no loss
                if "locked" not in str(error):
                    raise
            else:
                acknowledge(name)


def rotate(state: Path, acknowledge: Callable[[str], None]) -> None:
    with open_collection(state / "collection.db") as collection:
        while True:
            collection.rotate_key()
            collection.revoke_templates()
            acknowledge("")


def copy(state: Path, acknowledge: Callable[[str], None]) -> None:
    clock = SystemClock()
    with open_collection(state / "collection.db") as collection, AuditLog(state / "audit.db", clock=clock) as log:
        while True:
            write_copy(collection, state / "backup.db", audit_sequence=log.head().sequence)
            take_snapshot(collection, at=clock.now(), audit_sequence=log.head().sequence)
            acknowledge("")


def append(state: Path, acknowledge: Callable[[str], None]) -> None:
    with AuditLog(state / "audit.db", clock=SystemClock()) as log:
        while True:
            acknowledge(f"#{log.append(AuditKind.FAULT, {})}")
            if log.head().sequence % 25 == 0:
                archive_events(log, keep=10)


def read(state: Path, acknowledge: Callable[[str], None]) -> None:
    with open_collection(state / "collection.db") as collection:
        while True:
            with collection.snapshot():
                people, stored = collection.people(), collection.references(MODEL)
            assert len(stored.owners) == REFERENCES * len(people), "half a person was visible"
            acknowledge("")


class Child:
    """A forked process that works until it is killed, and says what it has done."""

    def __init__(self, work: Callable[[Path, Callable[[str], None]], None], state: Path) -> None:
        self._pipe, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self._pipe)
                work(state, lambda text: os.write(told, f"{text}\n".encode()) and None)
            except BaseException as error:  # noqa: BLE001 (the parent must hear of it)
                os.write(2, f"{work.__name__}: {error!r}\n".encode())
            finally:
                os._exit(status)
        os.close(told)
        self._said = b""

    def wait_for_word(self) -> None:
        """Until it has done something, or its end."""
        select.select([self._pipe], [], [], 30)

    def kill(self) -> list[str]:
        """End it now; what it had acknowledged. Fails when it had ended by itself: nothing it does may fail."""
        os.kill(self.pid, signal.SIGKILL)
        while chunk := os.read(self._pipe, 65_536):
            self._said += chunk
        os.close(self._pipe)
        _, status = os.waitpid(self.pid, 0)
        assert os.WIFSIGNALED(status), "a worker failed by itself"
        return self._said.decode().splitlines()


def check(state: Path, names: set[str], sequences: set[int]) -> None:
    with open_collection(state / "collection.db") as collection:
        people, stored = collection.people(), collection.references(MODEL)
        check_copy(state / "collection.db")
    found = {person.name for person in people}
    assert names <= found, "an acknowledged person is lost"
    assert len(stored.owners) == REFERENCES * len(people)
    verdict = verify_log(state / "audit.db", public=read_public_key(state / "device.pub"))
    assert isinstance(verdict, Intact), verdict
    assert max(sequences, default=0) <= verdict.head.sequence, "an acknowledged event is lost"
    for one in [*(snapshot.path for snapshot in snapshots(state / "collection.db")), state / "backup.db"]:
        if one.exists():
            check_copy(one)


def storm(folder: Path, *, kills: int) -> None:
    source, done, place = random.Random(11), 0, 0
    while done < kills:
        state, names, sequences = folder / f"state-{place}", set[str](), set[int]()
        place += 1
        enrol_first = Child(enrol, state)
        enrol_first.wait_for_word()
        names |= set(enrol_first.kill())
        done += 1
        for _ in range(12):
            workers = source.sample([enrol, rotate, copy, append], 2)
            children = [Child(work, state) for work in (*workers, read)]
            children[source.randrange(2)].wait_for_word()
            spin_until = time.perf_counter() + source.random() * 0.03
            while time.perf_counter() < spin_until:
                pass
            source.shuffle(children)
            for said in [child.kill() for child in children]:
                names |= {text for text in said if text.startswith("person")}
                sequences |= {int(text[1:]) for text in said if text.startswith("#")}
            done += len(children)
            check(state, names, sequences)
    sys.stderr.write(f"{done} processes killed\n")


def test_killing_writers_and_readers_loses_nothing_and_shows_nothing_half(tmp_path: Path) -> None:
    storm(tmp_path, kills=40)


@pytest.mark.slow
@pytest.mark.skipif("LINTEL_FULL" not in os.environ, reason="takes minutes; set LINTEL_FULL=1")
def test_a_thousand_kills_lose_nothing_and_show_nothing_half(tmp_path: Path) -> None:
    storm(tmp_path, kills=1000)
