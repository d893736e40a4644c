"""Which build of a network runs on this machine, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.manifest import Network, Precision

FASTER_BY = 0.97  # a build that gains less than 3 % gains less than the timing's own noise


@dataclass(frozen=True, slots=True)
class Choice:
    """The build that runs."""

    precision: Precision
    reason: str  # one sentence


def choose_build(network: Network, *, times_ms: Mapping[Precision, float], agreement: float | None) -> Choice:
    """Keep the faster build, as long as int8 stays inside the manifest's accuracy bound and works on this processor.

    `times_ms` and `agreement` are this machine's; `agreement` is None where there is no int8 build.
    """
    int8 = network.int8_build
    if int8 is None:
        return Choice(Precision.FLOAT, network.float_only_because or "There is no int8 build.")
    if not int8.is_allowed:
        return Choice(
            Precision.FLOAT,
            f"int8 loses {int8.loss:g} ({int8.loss_of}), which is more than the bound of {int8.max_loss:g}.",
        )
    if agreement is None or not agreement >= int8.min_agreement:  # written so that NaN is no agreement
        return Choice(
            Precision.FLOAT,
            f"int8 does not agree with float on this processor: cosine {agreement}, needed {int8.min_agreement:g}.",
        )
    slow, fast = times_ms[Precision.FLOAT], times_ms[Precision.INT8]
    if fast > slow * FASTER_BY:
        return Choice(Precision.FLOAT, f"int8 is not faster on this machine: {fast:.2f} ms against {slow:.2f} ms.")
    return Choice(
        Precision.INT8,
        f"int8 is {slow / fast:.1f} times faster on this machine, and its loss of {int8.loss:g} ({int8.loss_of}) "
        f"is inside the bound of {int8.max_loss:g}.",
    )
