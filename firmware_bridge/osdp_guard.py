"""A gate in front of libosdp: only whole, addressed, checked packets of known commands come through. Pure.

libosdp is C that runs in the process which must never die: in 3.2.9 one plain-text packet with a command number that
has no name ends it (a null pointer in `osdp_cmd_name`), whoever holds the key. What is checked here is what SIA OSDP
2.2 says about a packet from a control panel: start, address, length, control byte, security block, command, CRC-16.
"""

from __future__ import annotations

START = 0x53
MARK = 0xFF  # may precede the start, to wake a line
HEADER_BYTES = 5  # start, address, two of length, control
CRC_BYTES = 2
MAC_BYTES = 4
MAX_PACKET_BYTES = 256  # libosdp's buffer
SILENCE_S = 0.1  # inside a packet, after which the rest will not come: OSDP asks for 20 ms between two bytes

SEQUENCE_BITS, CRC_BIT, SECURITY_BIT = 0x03, 0x04, 0x08
HANDSHAKE_BLOCKS = {0x11: 0x76, 0x13: 0x77}  # security block type -> the only command that may carry it
SESSION_BLOCKS = {0x15, 0x17}  # authenticated, authenticated and encrypted
CIPHER_BLOCK_BYTES = 16

COMMAND_BYTES: dict[int, tuple[int, int]] = {  # command -> least and most bytes of data
    0x60: (0, 0),  # POLL
    0x61: (1, 1),  # ID
    0x62: (1, 1),  # CAP
    0x64: (0, 0),  # LSTAT
    0x65: (0, 0),  # ISTAT
    0x66: (0, 0),  # OSTAT
    0x67: (0, 0),  # RSTAT
    0x68: (4, 4),  # OUT
    0x69: (14, 14),  # LED
    0x6A: (5, 5),  # BUZ
    0x6B: (6, 38),  # TEXT
    0x6E: (5, 5),  # COMSET
    0x75: (18, 18),  # KEYSET
    0x76: (8, 8),  # CHLNG
    0x77: (16, 16),  # SCRYPT
    0x7B: (2, 2),  # ACURXSIZE
    0xA2: (0, 0),  # ABORT
    0xA7: (2, 2),  # KEEPACTIVE
}


class OsdpGuard:
    """Takes whatever the line brings and gives whole packets for `address`, oldest first."""

    def __init__(self, address: int) -> None:
        self._address = address
        self._line = bytearray()
        self._fed_at = 0.0
        self._passed = bytearray()
        self.dropped = 0  # bytes that were no packet of ours

    def feed(self, data: bytes, now: float) -> None:
        """What the line brought, now in monotonic seconds."""
        if self._line and now - self._fed_at > SILENCE_S:
            self.dropped += len(self._line)
            self._line.clear()
        if data:
            self._line += data
            self._fed_at = now
        while self._line and self._scan():
            pass

    def take(self, max_bytes: int) -> bytes:
        """At most `max_bytes` of the packets that came through."""
        taken = bytes(self._passed[:max_bytes])
        del self._passed[:max_bytes]
        return taken

    def forget(self) -> None:
        """Drop everything that has not been taken."""
        self._line.clear()
        self._passed.clear()

    def _scan(self) -> bool:
        """Look at the beginning of what there is; false: more bytes are needed to tell."""
        marks = 1 if self._line[0] == MARK else 0
        head = self._line[marks : marks + HEADER_BYTES]
        if head and head[0] != START:
            return self._drop(1)
        if len(head) < HEADER_BYTES:
            return False
        length = head[2] | head[3] << 8
        if not HEADER_BYTES + 1 + CRC_BYTES <= length <= MAX_PACKET_BYTES or head[1] != self._address:
            return self._drop(marks + 1)
        packet = bytes(self._line[marks : marks + length])
        if len(packet) < length:
            return False
        if not is_sound(packet):
            return self._drop(marks + 1)
        self._passed += self._line[: marks + length]
        del self._line[: marks + length]
        return True

    def _drop(self, count: int) -> bool:
        self.dropped += count
        del self._line[:count]
        return True


def is_sound(packet: bytes) -> bool:
    """Whether a packet of the length that it claims is one that a control panel may send."""
    control = packet[4]
    if (
        control & ~(SEQUENCE_BITS | SECURITY_BIT) != CRC_BIT
        or crc16(packet[:-CRC_BYTES]) != packet[-2] | packet[-1] << 8
    ):
        return False
    body = packet[HEADER_BYTES:-CRC_BYTES]
    if not control & SECURITY_BIT:
        return _has_known_length(body[0], len(body) - 1)
    if len(body) < 3 or len(body) <= body[0]:
        return False
    block_bytes, kind, command = body[0], body[1], body[body[0]]
    data_bytes = len(body) - block_bytes - 1
    if kind in HANDSHAKE_BLOCKS:
        is_shaped = block_bytes == 3 and command == HANDSHAKE_BLOCKS[kind]
        return is_shaped and body[2] in (0, 1) and _has_known_length(command, data_bytes)
    if kind not in SESSION_BLOCKS or block_bytes != 2 or data_bytes < MAC_BYTES:
        return False
    if kind == 0x15:
        return _has_known_length(command, data_bytes - MAC_BYTES)
    # What is encrypted is padded: one byte at least, up to a whole block.
    return command in COMMAND_BYTES and (data_bytes - MAC_BYTES) % CIPHER_BLOCK_BYTES == 0


def crc16(data: bytes) -> int:
    """CRC-16 of OSDP: polynomial 0x1021, initial value 0x1D0F (SIA OSDP 2.2, annex C)."""
    crc = 0x1D0F
    for byte in data:
        crc = _TABLE[crc >> 8 ^ byte] ^ crc << 8 & 0xFFFF
    return crc


def _has_known_length(command: int, data_bytes: int) -> bool:
    least, most = COMMAND_BYTES.get(command, (1, 0))
    return least <= data_bytes <= most


def _table_entry(index: int) -> int:
    crc = index << 8
    for _ in range(8):
        crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


_TABLE = tuple(_table_entry(index) for index in range(256))
