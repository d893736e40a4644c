"""What a PIN may be, and the memory-hard hash under which it is kept. Pure but for the salt."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import os
import re
from dataclasses import dataclass, field

from device.errors import WeakPinError

MIN_DIGITS, MAX_DIGITS = 4, 12
SALT_BYTES, HASH_BYTES = 16, 32
MAX_MEMORY_BYTES = 256 * 2**20  # a damaged row must not take a small board's memory
MAX_LANES = 16
PHC = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})")


@dataclass(frozen=True, slots=True)
class Cost:
    """scrypt's parameters (RFC 7914). Raises ValueError for less than 1 MiB or more than 256 MiB."""

    log2_n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        if not (1 <= self.log2_n <= 24 and self.r >= 1 and 1 <= self.p <= MAX_LANES):
            raise ValueError(f"scrypt cannot work with {self}")
        if not 2**20 <= self.memory_bytes <= MAX_MEMORY_BYTES:
            raise ValueError(f"scrypt would need {self.memory_bytes} bytes")

    @property
    def memory_bytes(self) -> int:
        """What one hash needs at once: 128 N r."""
        return 128 * self.r << self.log2_n


# One of the equal settings of OWASP's password storage cheat sheet, the one with 32 MiB: more would not fit beside the
# networks on a board of 1 GiB. It took 0.31 s on one core of an EPYC. Whoever holds the site key, too,
# tries all four-digit PINs in an hour whatever this is, so it buys time and not safety.
COST = Cost(log2_n=15, r=8, p=3)


@dataclass(frozen=True, slots=True)
class PinHash:
    """One PIN as it is kept. Costs are its own, so that they may rise later without asking anybody for a new PIN."""

    cost: Cost
    salt: bytes = field(repr=False)
    value: bytes = field(repr=False)

    def matches(self, digits: str) -> bool:
        """Whether these are the digits. Takes as long whichever they are; lets other threads work meanwhile."""
        return hmac.compare_digest(_scrypt(digits, self.salt, self.cost), self.value)

    def encode(self) -> bytes:
        """The text of the PHC string format, such as `$scrypt$ln=15,r=8,p=3$…$…`."""
        cost = f"ln={self.cost.log2_n},r={self.cost.r},p={self.cost.p}"
        return f"$scrypt${cost}${_base64(self.salt)}${_base64(self.value)}".encode("ascii")


def hash_pin(digits: str, *, cost: Cost = COST) -> PinHash:
    """The hash of new digits under a random salt."""
    salt = os.urandom(SALT_BYTES)
    return PinHash(cost, salt, _scrypt(digits, salt, cost))


def decode_pin_hash(text: bytes) -> PinHash:
    """The reverse of `PinHash.encode`. Raises ValueError for anything else."""
    found = PHC.fullmatch(text.decode("ascii"))
    if found is None:
        raise ValueError("not the hash of a PIN")
    log2_n, r, p, salt, value = found.groups()
    return PinHash(Cost(int(log2_n), int(r), int(p)), base64.b64decode(salt + "=="), base64.b64decode(value + "="))


def is_pin_like(digits: str) -> bool:
    """Whether these could be somebody's PIN at all."""
    return MIN_DIGITS <= len(digits) <= MAX_DIGITS and digits.isascii() and digits.isdigit()


def check_pin(digits: str) -> str:
    """The digits, when they will do for a PIN. Raises WeakPinError with a sentence that does not repeat them.

    Refused are what people choose first: of 3.4 million leaked four-digit PINs nearly a fifth were 1234, 1111 or 0000
    (DataGenetics, 2012). Where tries are limited a short blacklist buys little; one of a tenth of all PINs buys
    more and annoys more (Markert and others, "This PIN Can Be Easily Guessed", IEEE S&P 2020).
    """
    if not is_pin_like(digits):
        raise WeakPinError(f"a PIN has {MIN_DIGITS} to {MAX_DIGITS} digits and nothing else")
    if _is_progression(digits) or _is_repetition(digits) or _is_mirrored_pairs(digits):
        raise WeakPinError("this PIN would be guessed first: no repeated digits or groups, no sequences")
    if _is_year(digits):
        raise WeakPinError("this PIN would be guessed first: years of birth are known")
    return digits


def _is_progression(digits: str) -> bool:
    """1234, 0000, 9876, 2468, 7890: the same step each time, round the clock."""
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(digits)}
    return len(steps) == 1


def _is_repetition(digits: str) -> bool:
    """1212, 123123: some part again and again."""
    return any(
        len(digits) % length == 0 and digits == digits[:length] * (len(digits) // length)
        for length in range(1, len(digits) // 2 + 1)
    )


def _is_mirrored_pairs(digits: str) -> bool:
    """1221, 1122, 110000: two digits and no more than three changes between them."""
    return len(set(digits)) <= 2


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and digits[:2] in {"19", "20"}


def _scrypt(digits: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(
        digits.encode("ascii"),
        salt=salt,
        n=2**cost.log2_n,
        r=cost.r,
        p=cost.p,
        maxmem=cost.memory_bytes + 128 * cost.r * (cost.p + 2) + 2**16,  # OpenSSL counts its other buffers, too
        dklen=HASH_BYTES,
    )


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")
