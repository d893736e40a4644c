"""What the door made of an attempt while it was captured, and the bytes that remember it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import msgspec

from device.measure.pad import Outcome
from device.types import Attack, AttackReason, BonaFide, CueReading, MissingCue, NotChecked, PadVerdict, Undecided


@dataclass(frozen=True, slots=True)
class Live:
    """What the door made of an attempt while it was captured."""

    species: str
    mode: str
    verdict: PadVerdict | None  # None: no usable face was seen
    decided_after_s: float | None  # from the first frame; None: it stayed undecided
    asked: tuple[tuple[float, str], ...]  # seconds from the first frame, and the door's word
    is_match: bool | None  # with somebody enrolled; None: nobody was enrolled, or no usable face
    is_repeatable: bool  # false: something was asked or flashed, or the stream itself was at fault

    def outcome(self, mode: str) -> Outcome | None:
        """What counts when the recording is judged in `mode`; None: it can be judged anew."""
        return Outcome(self.verdict, self.is_match) if mode == self.mode and not self.is_repeatable else None


def encode_live(live: Live) -> bytes:
    """As it lies in the file. Raises ValueError with liveness off."""
    return msgspec.msgpack.encode(_Row.of(live))


def decode_live(content: bytes) -> Live:
    """The reverse of `encode_live`. Raises ValueError for bytes of another form or of words not known here."""
    try:
        row = msgspec.msgpack.decode(content, type=_Row)
        verdict = _VERDICTS[row.verdict](row)
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise ValueError("what came of the attempt was written by another version of Lintel") from error
    return Live(row.species, row.mode, verdict, row.decided_after_s, row.asked, row.is_match, row.is_repeatable)


class _Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What lies in the file. Fields are only ever added, at the end and with a default."""

    species: str
    mode: str
    verdict: str
    reason: str
    missing: tuple[str, ...]
    cues: tuple[tuple[str, float, float], ...]
    decided_after_s: float | None
    asked: tuple[tuple[float, str], ...]
    is_match: bool | None
    is_repeatable: bool

    @classmethod
    def of(cls, live: Live) -> _Row:
        kind, reason, missing, cues = _words(live.verdict)
        told = tuple((one.name, float(one.value), float(one.threshold)) for one in cues)
        return cls(
            live.species,
            live.mode,
            kind,
            reason,
            missing,
            told,
            live.decided_after_s,
            live.asked,
            live.is_match,
            live.is_repeatable,
        )


def _words(verdict: PadVerdict | None) -> tuple[str, str, tuple[str, ...], tuple[CueReading, ...]]:
    match verdict:
        case BonaFide(cues=cues):
            return "bona_fide", "", (), cues
        case Attack(reason=reason, cues=cues):
            return "attack", reason.value, (), cues
        case Undecided(missing=missing, cues=cues):
            return "undecided", "", tuple(one.value for one in missing), cues
        case None:
            return "none", "", (), ()
        case NotChecked():
            raise ValueError("with liveness off there is nothing to record")
        case unreachable:
            assert_never(unreachable)


def _cues(row: _Row) -> tuple[CueReading, ...]:
    return tuple(CueReading(*cue) for cue in row.cues)


_VERDICTS: dict[str, Callable[[_Row], PadVerdict | None]] = {
    "bona_fide": lambda row: BonaFide(_cues(row)),
    "attack": lambda row: Attack(AttackReason(row.reason), _cues(row)),
    "undecided": lambda row: Undecided(tuple(MissingCue(one) for one in row.missing), _cues(row)),
    "none": lambda _: None,
}
