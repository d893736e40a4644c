"""Who is on the other end of the socket, and what that peer may ask."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import DoorConfigError
from firmware_bridge.peers import PERMISSIONS, AccessList, Peer, RateLimit, Role, identify, resolve
from firmware_bridge.protocol import Acknowledge, ReleaseLock, Request, SecureLock, SetPanelKey
from firmware_bridge.sections import AccessSection

ROOT = Peer(1, 0, frozenset({0}))
VISION = Peer(2, 990, frozenset({990}))
GUARD = Peer(3, 1000, frozenset({1000, 27}))
ACCESS = AccessList(frozenset({990}), frozenset({1001}), frozenset({27}))


def test_the_kernel_vouches_for_a_peer() -> None:
    near, far = socket.socketpair()
    with near, far:
        peer = identify(near)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert os.getgid() in peer.gids
    assert set(os.getgroups()) <= peer.gids


def test_every_request_has_its_permission() -> None:
    assert set(PERMISSIONS) == set(get_args(Request))


def test_roles_follow_users_and_groups_supplementary_ones_too() -> None:
    assert ACCESS.roles(VISION) == {Role.VISION}
    assert ACCESS.roles(GUARD) == {Role.OPERATOR}
    assert ACCESS.roles(Peer(4, 1001, frozenset({5}))) == {Role.OPERATOR}


def test_root_is_nobody_unless_named() -> None:
    assert ACCESS.roles(ROOT) == frozenset()


def test_vision_may_release_and_acknowledge_and_no_more_than_it_needs() -> None:
    assert Role.VISION in PERMISSIONS[ReleaseLock]
    assert PERMISSIONS[Acknowledge] == {Role.VISION}, "an operator who looks must not take events from the audit"
    assert Role.VISION not in PERMISSIONS[SecureLock] | PERMISSIONS[SetPanelKey]


def test_names_are_looked_up_and_numbers_taken_as_they_are() -> None:
    own = pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(os.getgid()).gr_name
    access = resolve(AccessSection(vision_users=(own,), operator_users=("4242",), operator_groups=(group, "77")))
    assert access == AccessList(frozenset({os.getuid()}), frozenset({4242}), frozenset({os.getgid(), 77}))


@pytest.mark.parametrize("section", [
    AccessSection(vision_users=("nobody-of-that-name",)),
    AccessSection(operator_users=("nobody-of-that-name",)),
    AccessSection(operator_groups=("nobody-of-that-name",)),
])  # fmt: skip
def test_an_unknown_name_is_refused(section: AccessSection) -> None:
    with pytest.raises(DoorConfigError, match="nobody-of-that-name"):
        resolve(section)


def test_with_nobody_named_the_daemon_s_own_user_may_do_everything() -> None:
    own = Peer(1, os.getuid(), frozenset())
    assert resolve(AccessSection()).roles(own) == set(Role)
    assert resolve(AccessSection()).roles(Peer(1, os.getuid() + 1, frozenset())) == frozenset()


def test_as_soon_as_anybody_is_named_the_daemon_s_own_user_is_not_special() -> None:
    named = AccessSection(vision_users=(str(os.getuid() + 1),))
    assert resolve(named).roles(Peer(1, os.getuid(), frozenset())) == frozenset()


def test_patience_saves_up_one_burst_and_no_more() -> None:
    limit = RateLimit(10.0, now=0.0)
    assert sum(limit.admits(1000.0) for _ in range(100)) == 20


@given(st.lists(st.floats(0.0, 1.0), max_size=300))
def test_no_rhythm_gets_more_than_the_rate_and_one_burst(waits: list[float]) -> None:
    limit, now, admitted = RateLimit(10.0, now=0.0), 0.0, 0
    for wait_s in waits:
        now += wait_s
        admitted += limit.admits(now)
    assert admitted <= 20 + 10.0 * now + 1e-6
