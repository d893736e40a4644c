"""How measurements are shown: as JSON documents and as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from enroll import console

if TYPE_CHECKING:
    from device.measure.accuracy import Accuracy, Acquired
    from device.measure.footprint import Footprint
    from device.measure.latency import Latency
    from device.measure.speed import Quantiles, Speed


def accuracy_document(model: str, acquired: Acquired, results: dict[str, Accuracy]) -> dict[str, Any]:
    """The figures of the build that comes first, and those of every build under `by_precision`."""
    figures = {build: _figures(result) for build, result in results.items()}
    first = next(iter(results))
    return {
        "model": model,
        "precision": first,
        "layout": acquired.layout,
        "identities": acquired.identities,
        "photos": acquired.photos,
        "not_acquired": acquired.not_acquired,
        "unreadable": acquired.unreadable,
        "fta": round(acquired.failure_rate, 6),
        **figures[first],
        "by_precision": figures,
    }


def _figures(result: Accuracy) -> dict[str, Any]:
    return {
        "mated": result.mated,
        "non_mated": result.non_mated,
        "fnmr_at_fmr": {_rate(fmr): round(fnmr, 6) for fmr, fnmr in result.fnmr_at_fmr.items()},
        "threshold_at_fmr": {_rate(fmr): round(score, 6) for fmr, score in result.threshold_at_fmr.items()},
        "false_matches_at_fmr": {_rate(fmr): count for fmr, count in result.false_matches_at_fmr.items()},
        "rank1": None if result.rank1 is None else round(result.rank1, 6),
    }


def _rate(fmr: float) -> str:
    """A false match rate as the key "1e-3"."""
    mantissa, _, exponent = f"{fmr:e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def print_accuracy(title: str, acquired: Acquired, results: dict[str, Accuracy]) -> None:
    """A line of counts and a table of error rates, build by build."""
    from rich.table import Table

    from device.measure.rates import ENOUGH_FALSE_MATCHES

    first = next(iter(results.values()))
    console.out.print(
        f"{acquired.photos:,} photos of {acquired.identities:,} people; {acquired.not_acquired} not acquired "
        f"(FTA {acquired.failure_rate:.4f}), of these {acquired.unreadable} unreadable; "
        f"{first.mated:,} mated and {first.non_mated:,} non-mated comparisons"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("build", "FMR", "FNMR", "threshold", "false matches"):
        table.add_column(heading, justify="left" if heading == "build" else "right")
    for build, result in results.items():
        for fmr, fnmr in result.fnmr_at_fmr.items():
            count = result.false_matches_at_fmr[fmr]
            shown = f"{count}" if count >= ENOUGH_FALSE_MATCHES else f"{count} (few)"
            table.add_row(build, _rate(fmr), f"{fnmr:.4f}", f"{result.threshold_at_fmr[fmr]:.3f}", shown)
        if result.rank1 is not None:
            table.add_row(build, "", f"rank-1 {result.rank1:.4f}", "", "")
        table.add_section()
    console.out.print(table)


def speed_document(speed: Speed, *, source: str, people: int, peer_name: str | None) -> dict[str, Any]:
    """Milliseconds per stage and per frame, beside the peer's where it ran."""
    peer = None if speed.peer is None else {"name": peer_name, "p50_ms": speed.peer.p50_ms}
    return {
        "stages": {stage: _quantiles(times) for stage, times in speed.stages.items()},
        "frame": _quantiles(speed.frame),
        "followed_frame": _quantiles(speed.followed_frame),
        "peer": peer,
        "ratio": None if speed.peer is None else round(speed.peer.p50_ms / speed.frame.p50_ms, 2),
        "ratio_same_work": None if speed.peer is None else round(speed.peer.p50_ms / speed.same_work_ms, 2),
        "source": source,
        "frames": speed.frames,
        "people": people,
    }


def _quantiles(times: Quantiles) -> dict[str, float]:
    return {"p50_ms": times.p50_ms, "p95_ms": times.p95_ms}


def print_speed(document: dict[str, Any]) -> None:
    """A table of stages, and the peer's time beside the frame's."""
    from rich.table import Table

    title = f"{document['source']}: {document['frames']} frames, {document['people']:,} people, one thread"
    table = Table(title=title, title_justify="left")
    for heading in ("stage", "p50 ms", "p95 ms"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, times in document["stages"].items():
        name = {"align": "align (part of template)", "audit": "audit (once per decision)"}.get(stage, stage)
        table.add_row(name, f"{times['p50_ms']:.2f}", f"{times['p95_ms']:.2f}")
    table.add_section()
    for stage, name in (("frame", "frame, every stage"), ("followed_frame", "frame, detection at rest")):
        table.add_row(name, f"{document[stage]['p50_ms']:.2f}", f"{document[stage]['p95_ms']:.2f}", style="bold")
    console.out.print(table)
    if document["peer"] is not None:
        peer = document["peer"]
        console.out.print(
            f"{peer['name']}: {peer['p50_ms']:.1f} ms, {document['ratio']:.1f} times our frame with everything in it, "
            f"{document['ratio_same_work']:.1f} times our detection and template alone"
        )


def latency_document(latency: Latency, *, source: str) -> dict[str, Any]:
    """From the first usable frame to the command to the relay."""
    return {
        "p50_ms": latency.p50_ms,
        "p95_ms": latency.p95_ms,
        "grants": latency.grants,
        "visits": latency.visits,
        "denials": dict(latency.denials),
        "rate_hz": latency.rate_hz,
        "source": source,
    }


def print_latency(document: dict[str, Any]) -> None:
    """One sentence, and one more about visits that ended otherwise."""
    console.out.print(
        f"{document['source']}: from the first usable frame to the relay command {document['p50_ms']:.0f} ms p50, "
        f"{document['p95_ms']:.0f} ms p95, at {document['rate_hz']:g} frames a second, "
        f"over {document['grants']} grants in {document['visits']} visits"
    )
    for reason, count in document["denials"].items():
        console.out.print(f"  {count} denied: {reason}")


def footprint_document(footprint: Footprint) -> dict[str, Any]:
    """Seconds and megabytes of the running appliance."""
    return {
        "import_s": footprint.import_s,
        "ready_s": footprint.ready_s,
        "resident_mb": footprint.resident_mb,
        "peak_mb": footprint.peak_mb,
    }


def print_footprint(document: dict[str, Any]) -> None:
    """One sentence."""
    console.out.print(
        f"`import device` {document['import_s']:.3f} s; start to ready {document['ready_s']:.2f} s; "
        f"resident memory {document['resident_mb']:.0f} MB, {document['peak_mb']:.0f} MB at its peak"
    )


def write_document(document: dict[str, Any], file: Path) -> None:
    """Write `document` as indented JSON, making the folder. Raises click.FileError when that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror) from error
