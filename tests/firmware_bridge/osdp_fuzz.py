"""OSDP packets that are wrong in many ways, most of them right enough to reach libosdp's decoder."""

from __future__ import annotations

import random
from collections.abc import Iterator

from firmware_bridge.osdp_guard import COMMAND_BYTES, crc16

START = 0x53
CRC_FLAG, SECURITY_FLAG = 0x04, 0x08


def framed(address: int, payload: bytes, *, sequence: int, security: bytes = b"") -> bytes:
    """A packet with everything in its place: security block, command, length, checksum."""
    control = sequence & 3 | CRC_FLAG | (SECURITY_FLAG if security else 0)
    length = 5 + len(security) + len(payload) + 2
    head = bytes([START, address, length & 0xFF, length >> 8, control]) + security + payload
    return b"\xff" + head + crc16(head).to_bytes(2, "little")


def random_packets(dice: random.Random, *, count: int, address: int) -> Iterator[bytes]:
    """In turn: bytes of any kind, nonsense in a right frame, the same damaged, and well-formed forgeries."""
    for index in range(count):
        match index % 4:
            case 0:
                yield dice.randbytes(dice.randrange(1, 80))
            case 1:
                yield _nonsense(dice, address)
            case 2:
                yield _damaged(_nonsense(dice, address), dice)
            case _:
                yield _forgery(dice, address)


def _nonsense(dice: random.Random, address: int) -> bytes:
    target = dice.choice((address, address, address, 0x7F, dice.randrange(128)))
    data = dice.randbytes(dice.choice((0, 1, 2, 4, 5, 8, 14, 16, 18, 60, 180)))
    return framed(target, dice.randbytes(1) + data, sequence=dice.randrange(4), security=_security_block(dice))


def _forgery(dice: random.Random, address: int) -> bytes:
    """What a panel without the key can say at best: every length right, every secret guessed."""
    command = dice.choice(sorted(COMMAND_BYTES))
    least, most = COMMAND_BYTES[command]
    data = dice.randbytes(dice.randint(least, most))
    security = b""
    if command in (0x76, 0x77):
        security = bytes([3, 0x11 if command == 0x76 else 0x13, dice.randrange(2)])
    elif dice.random() < 0.7:
        kind = dice.choice((0x15, 0x17))
        security = bytes([2, kind])
        if kind == 0x17:
            data = dice.randbytes(16 * dice.randrange(4))
        data += dice.randbytes(4)
    return framed(address, bytes([command]) + data, sequence=dice.randrange(4), security=security)


def _security_block(dice: random.Random) -> bytes:
    if dice.random() < 0.5:
        return b""
    length = dice.choice((2, 3, 3, 0, 200))
    kind = dice.choice((0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, dice.randrange(256)))
    return bytes([length, kind]) + (bytes([dice.randrange(2)]) if length == 3 else b"")


def _damaged(packet: bytes, dice: random.Random) -> bytes:
    spoiled = bytearray(packet)
    spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
    cut = dice.randrange(1, len(spoiled) + 1) if dice.random() < 0.3 else len(spoiled)
    return bytes(spoiled[:cut])
