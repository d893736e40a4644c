"""Malformed messages on the real socket of a real daemon: no crash, no release, memory flat."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

import pytest
from daemon_bench import Daemon, installed, say

from firmware_bridge.types import EventKind

REAL = (
    b'{"type":"release","v":1,"duration_s":5.0,"audit_sequence":1,"captured_at":1e11,"nonce":"0123456789abcdef0123456789abcdef"}\n',
    b'{"type":"status","v":1}\n',
    b'{"type":"lockdown","v":1}\n',
    b'{"type":"free_passage","v":1,"duration_s":-1}\n',
    b'{"type":"watch","v":1,"after":0}\n',
)  # fmt: skip
GROWTH_KB = 2000


def malformed(dice: random.Random) -> bytes:
    """A message that is certainly not one: a mutation of a real one, nonsense, or something huge."""
    kind = dice.randrange(10)
    if kind == 0:
        return dice.randbytes(dice.randrange(1, 200)) + b"\n"
    if kind == 1:
        return b'{"type":' * dice.randrange(1, 400) + b"\n"
    if kind == 2:
        return b"x" * dice.randrange(4097, 9000)
    if kind == 3:
        return dice.choice(REAL)[: dice.randrange(1, 20)] + b"\n"
    line = bytearray(dice.choice(REAL)[:-1])
    line[dice.randrange(len(line))] = dice.choice(b'"{}[],:\\\x00\xff')
    return bytes(line) + b"~\n"  # a valid message does not end like this


def flood(daemon: Daemon, count: int, seed: int) -> None:
    """Each message on a connection of its own, because garbage costs the connection."""
    dice = random.Random(seed)
    path = str(daemon.socket_path)
    for _ in range(count):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20.0)
            client.connect(path)
            try:
                client.sendall(malformed(dice))
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                continue


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with installed() as built:
        yield built.start()


def unharmed(daemon: Daemon, count: int) -> None:
    flood(daemon, 1000, seed=0)  # what is allocated once is not growth
    pid, before = daemon.pid, daemon.memory_kb()
    flood(daemon, count, seed=1)
    assert daemon.process is not None
    assert daemon.process.poll() is None
    assert daemon.pid == pid
    assert daemon.memory_kb() - before < GROWTH_KB
    assert not any(level.is_high for level in daemon.levels())
    status = daemon.client.status()
    assert (status.is_released, status.mode, status.faults) == (False, "normal", ())
    assert {event.kind for event in daemon.client.events(limit=500)} == {EventKind.STARTED, EventKind.COMMAND_REFUSED}
    daemon.client.drive_input("rex", high=False)
    assert b"door_status" in say(daemon.socket_path, REAL[1])


def test_a_few_thousand_malformed_messages_do_no_harm(daemon: Daemon) -> None:
    unharmed(daemon, 3000)


@pytest.mark.slow
def test_a_hundred_thousand_malformed_messages_do_no_harm(daemon: Daemon) -> None:
    unharmed(daemon, 100_000)
