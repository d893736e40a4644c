"""What can be asked over the control socket, each with the least role that needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from device.audit.chain import Broken
from device.audit.evidence import verify_log
from device.audit.kinds import AuditKind
from device.audit.log import AuditLog, reading_audit
from device.audit.sign import PUBLIC_KEY_FILE, read_public_key
from device.collection.snapshot import discard_snapshots
from device.collection.store import open_collection
from device.config import Settings
from device.control import ControlServer, Role, Verb, Verbs
from device.lending import CameraLease
from device.policy.lockout import Lockout
from device.registry import Registry
from device.types import PersonId

EVENTS_AT_MOST = 1000


def build_verbs(settings: Settings, audit: AuditLog, lockout: Lockout, lease: CameraLease | None = None) -> Verbs:
    """The verbs of a running door; without a lease those that lend its camera are missing.

    Each opens the collection for itself, so none shares a connection with the loop.
    """
    work = Work(settings, audit, lockout)
    operator, enroller, auditor = ({role} for role in (Role.OPERATOR, Role.ENROLLER, Role.AUDITOR))
    table: dict[str, tuple[set[Role], Any, bool]] = {
        "status": (operator | enroller | auditor, work.status, False),
        "lockout.clear": (operator, work.clear_lockout, True),
        "people.list": (enroller, work.list_people, False),
        "people.suspend": (enroller, work.suspend, True),
        "people.resume": (enroller, work.resume, True),
        "audit.tail": (auditor, work.tail, False),
        "audit.verify": (auditor, work.verify, False),
        "site.revoke_templates": (set(), work.revoke_templates, True),
        "site.rotate_key": (set(), work.rotate_key, True),
    }
    if lease is not None:
        lending = Lending(lease)
        table["camera.lend"] = (enroller, lending.lend, True)
        table["camera.keep"] = (enroller, lending.keep, False)
        table["camera.return"] = (enroller, lending.give_back, True)
    return {name: Verb(frozenset(roles), run, changes) for name, (roles, run, changes) in table.items()}


@contextlib.contextmanager
def answering(
    settings: Settings, audit: AuditLog, lockout: Lockout, lease: CameraLease | None = None
) -> Iterator[None]:
    """Answer on the control socket while the block runs; on none where the configuration names none.

    Raises ControlError when the socket cannot be made.
    """
    if not settings.control.socket:
        yield
        return
    server = ControlServer(Path(settings.control.socket), build_verbs(settings, audit, lockout, lease), audit)
    try:
        yield
    finally:
        server.close()


class Lending:
    """Does what the verbs say that lend the camera. Raises ControlError, and ValueError for arguments that are none."""

    def __init__(self, lease: CameraLease) -> None:
        self._lease = lease

    def lend(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Pause the door and let its camera go; the token renews and ends that."""
        return {"token": self._lease.lend()}

    def keep(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Renew, and show a word by the lamps."""
        self._lease.keep(request.get("token"), request.get("show"))
        return {}

    def give_back(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Let the door go on."""
        self._lease.give_back(request.get("token"))
        return {}


class Work:
    """Does what the verbs say. Raises DeviceError, and ValueError for arguments that are none."""

    def __init__(self, settings: Settings, audit: AuditLog, lockout: Lockout) -> None:
        self._settings = settings
        self._audit = audit
        self._lockout = lockout

    def status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """How many people there are, and where the audit ends."""
        with open_collection(self._settings.collection_file) as collection:
            people = len(collection.facts())
        return {"door": self._settings.site.name, "people": people, "audit_head": str(self._audit.head())}

    def clear_lockout(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """End a pause of the door."""
        self._lockout.clear()
        return {}

    def list_people(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Everyone by name, never a template."""
        with open_collection(self._settings.collection_file) as collection:
            people = collection.people()
        return {
            "people": [
                {
                    "id": one.id,
                    "name": one.name,
                    "suspended": one.facts.is_suspended,
                    "retired": one.retired_at is not None,
                    "groups": list(one.facts.groups),
                }
                for one in people
            ]
        }

    def suspend(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Let a person in no more."""
        with self._changing(request) as (registry, person):
            registry.suspend(person)
        return {"id": person}

    def resume(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Let a suspended or retired person in again."""
        with self._changing(request) as (registry, person):
            registry.resume(person)
        return {"id": person}

    def tail(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The newest events."""
        count = request.get("last", 20)
        if not isinstance(count, int) or not 1 <= count <= EVENTS_AT_MOST:
            raise ValueError(f"last is a number from 1 to {EVENTS_AT_MOST}")
        with reading_audit(self._audit.path) as reader:
            return {"events": [event.as_object() for event in reader.last(count)]}

    def verify(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Whether the log can be believed."""
        public = read_public_key(self._audit.path.with_name(PUBLIC_KEY_FILE))
        verdict = verify_log(self._audit.path, public=public)
        if isinstance(verdict, Broken):
            return {"intact": False, "first_bad": verdict.sequence, "why": verdict.why}
        return {"intact": True, "head": str(verdict.head)}

    def revoke_templates(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """A new secret matrix."""
        with open_collection(self._settings.collection_file) as collection:
            people = collection.revoke_templates()
        self._audit.append(AuditKind.SITE_TEMPLATES_REVOKED, {"people": people})
        return {"people": people}

    def rotate_key(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """A new site key. Snapshots of before are worthless and go."""
        with open_collection(self._settings.collection_file) as collection:
            old = collection.seal_in_use().key_id
            people = collection.rotate_key()
            new = collection.seal_in_use().key_id
        discard_snapshots(self._settings.collection_file)
        self._audit.append(AuditKind.SITE_KEY_ROTATED, {"people": people, "from": old, "to": new})
        return {"people": people, "site_key": new}

    @contextlib.contextmanager
    def _changing(self, request: Mapping[str, Any]) -> Iterator[tuple[Registry, PersonId]]:
        """The registry, and whom the request is about."""
        word = request.get("person")
        if not isinstance(word, str):
            raise ValueError("person is a name or an id")  # noqa: TRY004 (an argument of somebody else)
        with open_collection(self._settings.collection_file) as collection:
            registry = Registry(collection, self._audit, self._audit.clock)
            yield registry, collection.find(word).id
