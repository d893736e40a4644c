"""Who is on the other end of the socket, what that peer may ask, and how often."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from firmware_bridge.errors import DoorConfigError
from firmware_bridge.protocol import (
    Acknowledge,
    BeginFreePassage,
    BeginLockdown,
    CloseInstallMode,
    DriveInput,
    EmitLight,
    FetchEvents,
    FetchPinLevels,
    Indicate,
    OpenInstallMode,
    PresentCard,
    QueryStatus,
    ReleaseLock,
    Request,
    SecureLock,
    SetPanelKey,
    StopFreePassage,
    StopLockdown,
    TakeReaderInputs,
    Watch,
)
from firmware_bridge.sections import AccessSection

SO_PEERGROUPS = 59  # linux/asm-generic/socket.h; Python's socket module does not name it
GROUPS_BYTES = 1024  # the most that Python asks for: 256 groups


class Role(StrEnum):
    """What a peer may ask for."""

    VISION = "vision"
    OPERATOR = "operator"


EVERYBODY_NAMED = frozenset(Role)
PERMISSIONS: dict[type[Request], frozenset[Role]] = {
    ReleaseLock: EVERYBODY_NAMED,
    Indicate: EVERYBODY_NAMED,
    EmitLight: EVERYBODY_NAMED,
    PresentCard: EVERYBODY_NAMED,
    TakeReaderInputs: frozenset({Role.VISION}),
    SetPanelKey: frozenset({Role.OPERATOR}),
    OpenInstallMode: frozenset({Role.OPERATOR}),
    CloseInstallMode: frozenset({Role.OPERATOR}),
    QueryStatus: EVERYBODY_NAMED,
    FetchEvents: EVERYBODY_NAMED,
    Watch: EVERYBODY_NAMED,
    Acknowledge: frozenset({Role.VISION}),  # an operator who looks must not take events from the audit
    SecureLock: frozenset({Role.OPERATOR}),
    BeginLockdown: frozenset({Role.OPERATOR}),
    StopLockdown: frozenset({Role.OPERATOR}),
    BeginFreePassage: frozenset({Role.OPERATOR}),
    StopFreePassage: frozenset({Role.OPERATOR}),
    FetchPinLevels: frozenset({Role.OPERATOR}),
    DriveInput: frozenset({Role.OPERATOR}),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A connected process, as the kernel vouches for it."""

    pid: int
    uid: int
    gids: frozenset[int]  # primary and supplementary

    @property
    def actor(self) -> str:
        """How events name this peer."""
        return f"uid {self.uid}"


def identify(connection: socket.socket) -> Peer:
    """The process that connected, by SO_PEERCRED and SO_PEERGROUPS (unix(7)). Raises OSError where they say nothing."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", credentials)
    groups = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES)
    return Peer(pid, uid, frozenset({gid, *struct.unpack(f"{len(groups) // 4}I", groups)}))


@dataclass(frozen=True, slots=True)
class AccessList:
    """Which users and groups have which role."""

    vision_uids: frozenset[int]
    operator_uids: frozenset[int]
    operator_gids: frozenset[int]

    def roles(self, peer: Peer) -> frozenset[Role]:
        """The roles of `peer`; empty for everybody who is not named, root included."""
        is_role = {
            Role.VISION: peer.uid in self.vision_uids,
            Role.OPERATOR: peer.uid in self.operator_uids or not self.operator_gids.isdisjoint(peer.gids),
        }
        return frozenset(role for role, holds in is_role.items() if holds)


def resolve(access: AccessSection) -> AccessList:
    """Look the configured names up; numbers are taken as they are. Raises DoorConfigError for an unknown name.

    Where nobody at all is named, the daemon's own user has both roles: a bench and a demo need no system accounts.
    """
    if not (access.vision_users or access.operator_users or access.operator_groups):
        own = frozenset({os.getuid()})
        return AccessList(own, own, frozenset())
    return AccessList(
        frozenset(_uids("vision_users", access.vision_users)),
        frozenset(_uids("operator_users", access.operator_users)),
        frozenset(_gids("operator_groups", access.operator_groups)),
    )


def _uids(key: str, names: Iterable[str]) -> Iterable[int]:
    for name in names:
        try:
            yield int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
        except KeyError as error:
            raise DoorConfigError(f"[access] {key}: there is no user {name!r}") from error


def _gids(key: str, names: Iterable[str]) -> Iterable[int]:
    for name in names:
        try:
            yield int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
        except KeyError as error:
            raise DoorConfigError(f"[access] {key}: there is no group {name!r}") from error


class RateLimit:
    """A token bucket: `rate_hz` requests a second on average, twice that at once."""

    def __init__(self, rate_hz: float, *, now: float) -> None:
        self._rate_hz = rate_hz
        self._burst = 2 * rate_hz
        self._tokens = self._burst
        self._filled_at = now

    def admits(self, now: float) -> bool:
        """Whether one more request fits in now; if so it is counted."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate_hz)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
