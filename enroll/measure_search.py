"""`lintel measure search`: how fast a gallery of any size is searched, and that it answers rightly."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from enroll import console


@click.command()
@click.option("--people", type=click.IntRange(min=2, max=2_000_000), default=1_000_000, show_default=True)
@click.option("--probes", type=click.IntRange(min=1, max=100_000), default=10_000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def search(*, people: int, probes: int, as_json: bool) -> None:
    """Search a gallery of random PEOPLE, on one thread, beside the plain product and faiss.

    A million people need 1.5 GB of memory and some minutes: every probe is also compared with everyone.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # numpy and faiss read these when they are first imported
    from device.measure.search import measure_search

    figures = measure_search(people=people, probes=probes)
    if as_json:
        console.print_json(asdict(figures))
        return
    say = console.out.print
    say(f"{figures.people} people, {figures.references} references, {figures.bytes_per_reference:.0f} bytes each")
    for name, times in (
        ("search, mated", figures.mated),
        ("search, non-mated", figures.non_mated),
        ("numpy product", figures.product),
        ("faiss IndexFlatIP", figures.faiss_flat),
    ):
        if times is not None:
            say(f"{name:20} p50 {times.p50_ms:7.3f} ms   p95 {times.p95_ms:7.3f} ms", markup=False)
    say(f"same nearest person  {figures.same_top} of {figures.mated_probes} mated probes")
    say(f"same decision        {figures.same_decision} of {figures.non_mated_probes} non-mated probes")
