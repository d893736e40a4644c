"""Error rates of presentation attack detection, after ISO/IEC 30107-3.

APCER: attacks of one species that were taken for bona fide; the worst species is the headline. BPCER: bona fide
presentations that were taken for attacks. What stays undecided is neither, and told apart: at the door it is a denial.
IAPAR: attacks of one species that were taken for bona fide and matched an enrolled person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from device.liveness.light import LightCode
from device.measure.attempt import Attempt, Stand
from device.types import Attack, BonaFide, CueReading, Frame, Image, NotChecked, PadVerdict, Undecided

BONA_FIDE = "bona_fide"  # the folder of live people; every other folder is a species of attack
LEVEL = 0.95  # of the intervals, two-sided


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with its exact interval (Clopper and Pearson, 1934)."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share itself; None of nothing."""
        return self.count / self.of if self.of else None


class Basis(StrEnum):
    """What a verdict rests on."""

    JUDGED = "judged"  # here, now
    RECORDED = "recorded"  # at the door when the attempt was captured: a recording cannot answer anew


@dataclass(frozen=True, slots=True)
class Presentation:
    """One person or attack that was shown, and what became of it."""

    species: str  # BONA_FIDE or the attack's
    name: str
    verdict: PadVerdict | None  # None: no usable face was seen
    is_match: bool | None = None  # of the fused template with an enrolled person; None: no matcher
    basis: Basis = Basis.JUDGED


@dataclass(frozen=True, slots=True)
class PadRates:
    """The rates of one mode."""

    mode: str
    bpcer: Share
    undecided_bona_fide: Share
    apcer: dict[str, Share]  # by species
    undecided: dict[str, Share]
    iapar: dict[str, Share]  # empty without a matcher
    recorded: int  # presentations whose outcome was recorded at the door and not judged now

    @property
    def worst_apcer(self) -> float | None:
        """Of the species that was taken for bona fide most often; None without attacks."""
        return max((share.value for share in self.apcer.values() if share.value is not None), default=None)


@dataclass(frozen=True, slots=True)
class Showing:
    """What is shown to the path: pictures with their times, and ways to tell what the door asks and flashes."""

    species: str
    name: str
    frames: Callable[[], Iterator[tuple[float, Image]]]  # seconds, growing, and the picture
    told: Callable[[str | None, float], None] | None = None  # prompt and the time it is seen; None: cannot be asked
    flashed: Callable[[LightCode, float], float] | None = None  # the code and now -> when it began; None: no lamps
    outcome: Callable[[str], Outcome | None] = lambda _: None  # what was recorded at the door in this mode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt when it was captured."""

    verdict: PadVerdict | None
    is_match: bool | None


def exact_share(count: int, of: int, *, level: float = LEVEL) -> Share:
    """`count` of `of` with the exact interval. Raises ValueError when that is no share."""
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    tail = (1.0 - level) / 2
    low = 0.0 if count == 0 else _solve(lambda p: 1.0 - _at_most(count - 1, of, p), tail)
    high = 1.0 if count == of else _solve(lambda p: 1.0 - _at_most(count, of, p), 1.0 - tail)
    return Share(count, of, low, high)


def present(showing: Showing, stand: Stand) -> Presentation:
    """Show it to the path until liveness has decided, or to its end.

    What a door asked or flashed while the attempt was captured cannot be answered anew: then the outcome that was
    recorded in the same mode counts.
    """
    recorded = showing.outcome(stand.liveness.mode)
    if recorded is not None:
        return Presentation(showing.species, showing.name, recorded.verdict, recorded.is_match, Basis.RECORDED)
    attempt = Attempt(stand)
    for number, (at, image) in enumerate(showing.frames()):
        attempt.look(Frame(image, at, number))
        code = attempt.code_to_flash()
        if code is not None and showing.flashed is not None:
            attempt.begin_light(showing.flashed(code, at))
        if showing.told is not None and attempt.is_present:
            showing.told(None if attempt.gesture is None else attempt.gesture.value, at)
        if attempt.is_over:
            break
    return Presentation(showing.species, showing.name, attempt.verdict, attempt.is_match())


def rate(presentations: Sequence[Presentation], *, mode: str) -> PadRates:
    """Count. A presentation in which no face was seen is undecided: at the door nothing happens."""
    live = [one for one in presentations if one.species == BONA_FIDE]
    species = sorted({one.species for one in presentations} - {BONA_FIDE})
    attacks = {name: [one for one in presentations if one.species == name] for name in species}
    has_matcher = any(one.is_match is not None for one in presentations)
    return PadRates(
        mode=mode,
        bpcer=_count(live, lambda one: isinstance(one.verdict, Attack)),
        undecided_bona_fide=_count(live, is_undecided),
        apcer={name: _count(shown, is_accepted) for name, shown in attacks.items()},
        undecided={name: _count(shown, is_undecided) for name, shown in attacks.items()},
        iapar={name: _count(shown, is_let_in) for name, shown in attacks.items()} if has_matcher else {},
        recorded=sum(1 for one in presentations if one.basis is Basis.RECORDED),
    )


def is_accepted(one: Presentation) -> bool:
    """Liveness would let it pass."""
    match one.verdict:
        case BonaFide() | NotChecked():
            return True
        case Attack() | Undecided() | None:
            return False
        case unreachable:
            assert_never(unreachable)


def is_let_in(one: Presentation) -> bool:
    """Liveness would let it pass, and it matches an enrolled person."""
    return is_accepted(one) and one.is_match is True


def is_undecided(one: Presentation) -> bool:
    """Neither bona fide nor attack; also when no usable face was seen."""
    return one.verdict is None or isinstance(one.verdict, Undecided)


def readings(presentations: Iterable[Presentation]) -> dict[str, dict[str, list[CueReading]]]:
    """Per cue and species what was measured in the end."""
    found: dict[str, dict[str, list[CueReading]]] = {}
    for one in presentations:
        cues = () if one.verdict is None or isinstance(one.verdict, NotChecked) else one.verdict.cues
        for cue in cues:
            found.setdefault(cue.name, {}).setdefault(one.species, []).append(cue)
    return found


def _count(shown: Sequence[Presentation], is_counted: Callable[[Presentation], bool]) -> Share:
    return exact_share(sum(1 for one in shown if is_counted(one)), len(shown))


def _at_most(count: int, of: int, p: float) -> float:
    """The binomial probability of at most `count` of `of`."""
    if p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 1.0 if count >= of else 0.0
    logs = [
        math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * math.log(p) + (of - k) * math.log1p(-p)
        for k in range(count + 1)
    ]
    return min(1.0, math.fsum(math.exp(one) for one in logs))


def _solve(rising: Callable[[float], float], target: float) -> float:
    """Where a function that rises from 0 to 1 on [0, 1] reaches `target`, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2
