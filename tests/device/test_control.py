from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer

from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.config import Settings, SiteSettings
from device.control import Caller, ControlServer, Role, ask
from device.errors import ControlError
from device.policy.lockout import Lockout, LockoutSettings
from device.types import DenyReason, ModelId, Template, TrackId
from device.verbs import build_verbs

ROLES = {
    "status": {Role.OPERATOR, Role.ENROLLER, Role.AUDITOR},
    "lockout.clear": {Role.OPERATOR},
    "people.list": {Role.ENROLLER},
    "people.suspend": {Role.ENROLLER},
    "people.resume": {Role.ENROLLER},
    "audit.tail": {Role.AUDITOR},
    "audit.verify": {Role.AUDITOR},
    "site.revoke_templates": set(),
    "site.rotate_key": set(),
}


class Door:
    """A control server over real files."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(site=SiteSettings(state_folder=str(folder / "state")))
        with open_collection(self.settings.collection_file) as collection:
            vector = np.eye(1, 128, dtype=np.float32)[0]
            template = Template(vector, ModelId("model-a"))
            collection.add_person(make_newcomer("Ada Lovelace", [Reference(template)]), at=FakeClock().now())
        self.audit = AuditLog(self.settings.audit_file, clock=FakeClock())
        self.lockout = Lockout(LockoutSettings(max_denials=1))
        self.socket = folder / "control.sock"
        self.server = ControlServer(self.socket, build_verbs(self.settings, self.audit, self.lockout), self.audit)

    def as_role(self, role: Role | None, verb: str, **arguments: object) -> dict[str, object]:
        caller = Caller(1234, "somebody", frozenset() if role is None else frozenset({role}))
        return self.server.answer(caller, json.dumps({"verb": verb, **arguments}).encode())

    def kinds(self) -> list[str]:
        with reading_audit(self.settings.audit_file) as reader:
            return [event.kind for event in reader.events()]


@pytest.fixture
def door() -> Iterator[Door]:
    folder = Path(tempfile.mkdtemp(prefix="lintel-control-"))  # short: a socket's path has 108 bytes at most
    folder.chmod(0o755)
    made = Door(folder)
    yield made
    made.server.close()
    made.audit.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize("verb", sorted(ROLES))
@pytest.mark.parametrize("role", [*Role, None])
def test_each_role_may_do_what_it_needs_and_nothing_else(door: Door, verb: str, role: Role | None) -> None:
    answer = door.as_role(role, verb, person="Ada Lovelace")
    if role in {*ROLES[verb], Role.ADMINISTRATOR}:
        assert answer["ok"] is True, answer
    else:
        assert answer["error"] == "forbidden"
        assert door.kinds() == ["control.refused"]


def test_every_verb_is_in_the_table_of_roles(door: Door) -> None:
    assert set(build_verbs(door.settings, door.audit, door.lockout)) == set(ROLES)


def test_only_enrollers_see_names_and_nobody_sees_templates(door: Door) -> None:
    for role in Role:
        for verb in ("status", "audit.tail", "people.list"):
            said = json.dumps(door.as_role(role, verb))
            assert ("Lovelace" in said) == (verb == "people.list" and role in {Role.ENROLLER, Role.ADMINISTRATOR})
            assert "vector" not in said


def test_what_changes_something_is_recorded_with_who_and_what(door: Door) -> None:
    assert door.as_role(Role.ENROLLER, "people.suspend", person="ada lovelace")["ok"] is True
    assert door.kinds() == ["control.used", "person.changed"]
    with open_collection(door.settings.collection_file) as collection:
        assert collection.find("Ada Lovelace").facts.is_suspended
    assert door.as_role(Role.ENROLLER, "people.resume", person="Nobody")["error"] == "UnknownPersonError"


def test_an_operator_ends_a_pause(door: Door) -> None:
    for at in (0.0, 1.0):
        door.lockout.note_denial(TrackId(1), DenyReason.NOT_ENROLLED, at=at)
    assert door.lockout.is_paused(2.0)
    door.as_role(Role.OPERATOR, "lockout.clear")
    assert not door.lockout.is_paused(2.0)


@pytest.mark.parametrize("line", [b"", b"x", b"[]", b"{}", b'{"verb": 3}', b"[" * 5000, b"\xff", b'{"verb":"no.such"}'])
def test_a_request_that_is_none_is_one_sentence(door: Door, line: bytes) -> None:
    answer = door.server.answer(Caller(0, "root", frozenset(Role)), line)
    assert answer["ok"] is False
    assert answer["error"] in {"malformed", "unknown"}


def test_the_socket_answers_and_a_second_door_does_not_take_it(door: Door) -> None:
    if os.geteuid() == 0:
        assert ask(door.socket, "status")["people"] == 1
    with pytest.raises(ControlError, match="there is no verb"):
        ask(door.socket, "open.sesame")
    with pytest.raises(ControlError, match="its own socket"):
        ControlServer(door.socket, {}, door.audit)
    with pytest.raises(ControlError, match="does not answer"):
        ask(door.socket.with_name("nobody.sock"), "status")


def test_a_client_that_sends_without_end_is_let_go(door: Door) -> None:
    with socket.socket(socket.AF_UNIX) as flood:
        flood.connect(str(door.socket))
        flood.settimeout(10)
        with pytest.raises(OSError):  # noqa: PT011 (any way of being cut off)
            flood.sendall(b"x" * 65_536_000)


AS_USER = """
import json, os, sys
from pathlib import Path
from device.control import ask
from device.errors import ControlError
os.initgroups(sys.argv[1], int(sys.argv[3])); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
for verb in json.loads(sys.argv[5]):
    try:
        ask(Path(sys.argv[4]), verb, person="Ada Lovelace")
        print(verb, "done", flush=True)
    except ControlError as error:
        print(verb, "refused" if "may not" in str(error) else error, flush=True)
"""


@pytest.fixture
def users() -> Iterator[dict[str, str]]:
    """A real user for each role, and one without any."""
    if os.geteuid() != 0 or not (shutil.which("useradd") and shutil.which("groupadd")):
        pytest.skip("only root may create users")
    made: dict[str, str] = {}
    groups: list[str] = []
    try:
        for role in [*(role.value for role in Role), "nobody"]:
            name = f"lt-{role[:8]}-{os.getpid() % 10_000}"
            command = ["useradd", "--no-create-home", name]
            if role != "nobody":
                group = f"lintel-{role}"
                if subprocess.run(["groupadd", group], capture_output=True, check=False).returncode == 0:
                    groups.append(group)
                command[1:1] = ["--groups", group]
            subprocess.run(command, check=True, capture_output=True)
            made[role] = name
        yield made
    finally:
        for name in made.values():
            subprocess.run(["userdel", name], check=False, capture_output=True)
        for group in groups:
            subprocess.run(["groupdel", group], check=False, capture_output=True)


def test_real_users_get_what_their_groups_say(door: Door, users: dict[str, str]) -> None:
    import pwd

    verbs = [verb for verb in ROLES if verb != "site.rotate_key"]
    for role, name in users.items():
        entry = pwd.getpwnam(name)
        command = [sys.executable, "-c", AS_USER, name, str(entry.pw_uid), str(entry.pw_gid), str(door.socket)]
        said = subprocess.run(
            [*command, json.dumps(verbs)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        allowed = {verb for verb in verbs if role == "administrator" or role in ROLES[verb]}
        assert said.stdout.split() == [
            word for verb in verbs for word in (verb, "done" if verb in allowed else "refused")
        ], role
