"""The control socket of the vision process: JSON lines on a Unix socket, and what each role may ask for.

The kernel says who is asking (SO_PEERCRED); membership in a Unix group is the role. A request is one line
{"verb": NAME, ...}, the answer one line {"ok": true, ...} or {"ok": false, "error": CODE, "sentence": TEXT}. Names of
people are told to enrollers and administrators only; templates and keys to nobody.
"""

from __future__ import annotations

import contextlib
import grp
import json
import logging
import os
import pwd
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from device.audit.kinds import AuditKind
from device.errors import ControlError, DeviceError
from device.ports import Audit

log = logging.getLogger(__name__)

REQUEST_AT_MOST_BYTES = 65_536
PATIENCE_S = 5.0  # for the rest of a request, and for a client that does not read its answer
CLIENTS_AT_ONCE = 8


class Role(StrEnum):
    """What somebody may do, by the Unix group `lintel-ROLE`."""

    OPERATOR = "operator"  # sees how the door is, ends a pause
    ENROLLER = "enroller"  # lists, suspends and resumes people
    AUDITOR = "auditor"  # reads and verifies the audit, and changes nothing
    ADMINISTRATOR = "administrator"  # all of that, and the site's keys


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as the kernel says."""

    uid: int
    user: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be asked for."""

    roles: frozenset[Role]  # any of these; the administrator always
    run: Callable[[Mapping[str, Any]], dict[str, Any]]
    changes: bool = False  # recorded in the audit before it is done


Verbs: TypeAlias = Mapping[str, Verb]


class ControlServer:
    """Serves one socket in threads of its own. Raises ControlError when the socket cannot be made."""

    def __init__(self, path: Path, verbs: Verbs, audit: Audit) -> None:
        self._verbs = verbs
        self._audit = audit
        self._path = path
        self._one_at_a_time = threading.Lock()
        self._free = threading.BoundedSemaphore(CLIENTS_AT_ONCE)
        self._is_closing = False
        self._listener = _listen(path)
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._is_closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._is_closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._free.acquire(blocking=False):
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), name="control-client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(PATIENCE_S)
                caller = identify(client)
                for line in _lines(client):
                    client.sendall(json.dumps(self.answer(caller, line)).encode() + b"\n")
        except OSError:  # it left, or waited too long
            pass
        finally:
            self._free.release()

    def answer(self, caller: Caller, line: bytes) -> dict[str, Any]:
        """The answer to one request of `caller`."""
        try:
            request = json.loads(line)
            name = str(request["verb"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return _refusal("malformed", "a request is one JSON object with a verb")
        verb = self._verbs.get(name)
        if verb is None:
            return _refusal("unknown", f"there is no verb {name[:40]!r}; there are {', '.join(sorted(self._verbs))}")
        with self._one_at_a_time:
            return self._run(caller, name, verb, request)

    def _run(self, caller: Caller, name: str, verb: Verb, request: Mapping[str, Any]) -> dict[str, Any]:
        facts = {"verb": name, "uid": caller.uid, "roles": sorted(caller.roles)}
        try:
            if caller.roles.isdisjoint({*verb.roles, Role.ADMINISTRATOR}):
                self._audit.append(AuditKind.CONTROL_REFUSED, facts)
                return _refusal(
                    "forbidden", f"{caller.user} may not {name}; that takes {' or '.join(sorted(verb.roles))}"
                )
            if verb.changes:
                self._audit.append(AuditKind.CONTROL_USED, facts)
            return {"ok": True, **verb.run(request)}
        except (DeviceError, ValueError) as error:
            return _refusal(type(error).__name__, str(error))


def identify(client: socket.socket) -> Caller:
    """Who is on the other end, and which roles their groups give. Root is an administrator. Raises OSError."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", credentials)
    if uid == 0:
        return Caller(0, "root", frozenset(Role))
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Caller(uid, f"uid {uid}", frozenset())
    groups = {gid, *os.getgrouplist(entry.pw_name, entry.pw_gid)}
    return Caller(uid, entry.pw_name, frozenset(role for role in Role if _gid(role) in groups))


def ask(path: Path, verb: str, **arguments: object) -> dict[str, Any]:
    """Ask the vision process behind `path`. Raises ControlError when it does not answer or refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(60.0)
            channel.connect(str(path))
            channel.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            with channel.makefile("rb") as stream:
                answer: dict[str, Any] = json.loads(stream.readline())
    except (OSError, ValueError) as error:
        raise ControlError(f"{path}: the door's vision process does not answer: {error}") from error
    if not answer.pop("ok", False):
        raise ControlError(str(answer.get("sentence", "refused")))
    return answer


def is_answering(path: Path) -> bool:
    """Whether a process listens on the control socket at `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _gid(role: Role) -> int:
    try:
        return grp.getgrnam(f"lintel-{role.value}").gr_gid
    except KeyError:
        return -1


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _refuse_taken(path)
        path.unlink(missing_ok=True)  # left by a process that was killed
        listener.bind(str(path))
        path.chmod(0o666)  # everybody may ask; the kernel says who it is, and strangers are refused
        listener.listen(CLIENTS_AT_ONCE)
    except ControlError:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        raise ControlError(f"{path}: the control socket cannot be made: {error.strerror or error}") from error
    return listener


def _refuse_taken(path: Path) -> None:
    if is_answering(path):
        raise ControlError(f"{path}: another door of this machine answers there; give this one its own socket")


def _lines(client: socket.socket) -> Iterator[bytes]:
    """Whole lines, as they come; ends at the first one that is too long."""
    pending = b""
    while chunk := client.recv(4096):
        pending += chunk
        *whole, pending = pending.split(b"\n")
        yield from whole
        if len(pending) > REQUEST_AT_MOST_BYTES:
            return


def _refusal(code: str, sentence: str) -> dict[str, Any]:
    return {"ok": False, "error": code, "sentence": sentence}
