"""The guided capture for real: in a terminal, with a simulated person who watches the lamps; and killed at any time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest

from device.audit.log import reading_audit
from device.collection.snapshot import check_copy
from device.collection.store import open_collection
from models.store import Installed

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE.parent}", "TERM": "xterm-256color"}


def terminal(state: Path, networks: Installed, visitor: str) -> pexpect.spawn[str]:
    script = [str(HERE / "guided_door.py"), str(state), str(networks.store.root), "Grace Hopper", visitor]
    return pexpect.spawn(
        sys.executable, script, env=ENVIRONMENT, timeout=120, encoding="utf-8", dimensions=(30, 80), cwd=str(ROOT)
    )


def names(state: Path) -> list[str]:
    with open_collection(state / "collection.db") as collection:
        return [person.name for person in collection.people()]


def audited(state: Path) -> list[tuple[str, Any]]:
    with reading_audit(state / "audit.db") as reader:
        return [(str(one["kind"]), one["facts"]) for one in (event.as_object() for event in reader.events())]


@pytest.mark.slow
def test_a_person_is_led_through_the_grid_in_a_terminal_and_recognised_before_being_enrolled(
    tmp_path: Path, networks: Installed
) -> None:
    child = terminal(tmp_path, networks, "puppet")
    child.expect(r"agree\? \[y/N\]")
    child.sendline("y")
    child.expect("Hold still and look into the camera")
    for count in range(2, 6):
        child.expect(f"{count}/5  ")
    child.expect("Grace Hopper was recognised and is enrolled as p-[0-9a-f]{16} with 5 references")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert names(tmp_path) == ["Grace Hopper"]
    (kind, facts) = audited(tmp_path)[-1]
    assert (kind, facts["how"], facts["references"]) == ("person.enrolled", "live", 5)
    again = terminal(tmp_path, networks, "puppet")
    again.expect(r"agree\? \[y/N\]")
    again.sendline("y")
    again.expect("Grace Hopper is already enrolled")
    again.expect(pexpect.EOF)


def test_a_waved_print_enrols_nobody_and_is_recorded(tmp_path: Path, networks: Installed) -> None:
    """Without the texture network motion may not have told within three challenges that it is a sheet."""
    child = terminal(tmp_path, networks, "print")
    child.expect(r"agree\? \[y/N\]")
    child.sendline("y")
    child.expect("a presentation attack was shown|it could not be shown that a live person stands there")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus in {86, 88}
    assert names(tmp_path) == []
    kind, facts = audited(tmp_path)[-1]
    assert kind == "person.refused"
    assert facts["reason"] == {86: "liveness_undecided", 88: "presentation_attack"}[child.exitstatus]


def test_without_consent_nothing_is_looked_at(tmp_path: Path, networks: Installed) -> None:
    child = terminal(tmp_path, networks, "puppet")
    child.expect(r"agree\? \[y/N\]")
    child.sendline("n")
    child.expect("nobody is enrolled without having agreed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 84
    assert not (tmp_path / "collection.db").exists()


def test_ctrl_c_leaves_nobody(tmp_path: Path, networks: Installed) -> None:
    child = terminal(tmp_path, networks, "puppet")
    child.expect(r"agree\? \[y/N\]")
    child.sendline("y")
    child.expect("2/5  ")
    child.sendintr()
    child.expect("interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert names(tmp_path) == []
    check_copy(tmp_path / "collection.db")


def storm(state: Path, networks: Installed, *, kills: int) -> int:
    """Kill enrolments at random points; how many were complete. Raises AssertionError for half a person."""
    source, acknowledged = random.Random(7), set()
    for number in range(kills):
        child = subprocess.Popen(
            [sys.executable, str(HERE / "guided_storm.py"), str(state), str(networks.store.root), f"run {number}"],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        acknowledged.add(child.stdout.readline().strip())
        time.sleep(source.uniform(0.0, 0.15))
        child.send_signal(signal.SIGKILL)
        acknowledged |= {line.strip() for line in child.stdout if line.endswith("\n")}
        child.wait()
        child.stdout.close()
        check_copy(state / "collection.db")
        with open_collection(state / "collection.db") as collection:
            people = collection.people()
            for person in people[-5:]:
                assert collection.consent_of(person.id) is not None
        assert all(sum(person.references.values()) == 5 for person in people)
        assert acknowledged <= {person.name for person in people}
    return len(people)


def test_enrolments_that_are_killed_are_there_whole_or_not_at_all(tmp_path: Path, networks: Installed) -> None:
    assert storm(tmp_path, networks, kills=3) >= 3


@pytest.mark.slow
@pytest.mark.skipif("LINTEL_FULL" not in os.environ, reason="takes minutes; set LINTEL_FULL=1")
def test_two_hundred_enrolments_that_are_killed_are_there_whole_or_not_at_all(
    tmp_path: Path, networks: Installed
) -> None:
    enrolled = storm(tmp_path, networks, kills=200)
    sys.stderr.write(f"200 processes killed, {enrolled} people enrolled whole\n")
