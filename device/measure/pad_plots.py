"""A page of plots for presentation attack detection: rates with their intervals, and what each cue measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from device.measure.pad import BONA_FIDE, PadRates, Presentation, Share, readings
from device.types import Image

WIDTH, ROW, LEFT, RIGHT = 1000, 26, 280, 60  # pixels
INK, FAINT, LIVE, FAKE = (40, 36, 32), (170, 165, 160), (86, 148, 46), (52, 52, 196)


def write_plots(
    file: Path, rates: Sequence[PadRates], presentations: Sequence[Presentation], *, is_simulated: bool
) -> None:
    """Write the page as PNG. Raises OSError when it cannot be written."""
    blocks = [_title("Presentation attack detection" + (" - SIMULATED people and attacks" if is_simulated else ""))]
    for one in rates:
        blocks.append(_title(f"mode {one.mode}: share of presentations, with 95 % interval"))
        blocks.append(_bar("bona fide called an attack", one.bpcer, LIVE))
        blocks += [_bar(f"{name} accepted", share, FAKE) for name, share in one.apcer.items()]
    for cue, by_species in readings(presentations).items():
        threshold = next(iter(by_species.values()))[0].threshold
        blocks.append(_title(f"{cue}, bound {threshold:g}"))
        top = max(threshold * 1.5, *(one.value for found in by_species.values() for one in found), 1e-6)
        for species, found in sorted(by_species.items()):
            blocks.append(_dots(species, [one.value for one in found], threshold=threshold, top=top))
    is_encoded, content = cv2.imencode(".png", np.vstack(blocks))
    if not is_encoded:
        raise OSError(f"{file}: the plots cannot be encoded")
    file.write_bytes(content.tobytes())


def _blank(height: int = ROW) -> Image:
    return np.full((height, WIDTH, 3), 252, np.uint8)


def _write(row: Image, text: str, x: int, colour: tuple[int, int, int] = INK, *, size: float = 0.45) -> None:
    ascii_only = text.replace("–", "-")
    cv2.putText(row, ascii_only, (x, row.shape[0] - 9), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def _title(text: str) -> Image:
    row = _blank(40)
    _write(row, text, 12, size=0.55)
    return row


def _across(share: float) -> int:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT))


def _bar(label: str, share: Share, colour: tuple[int, int, int]) -> Image:
    row = _blank()
    _write(row, f"{label}, n = {share.of}", 12)
    cv2.line(row, (LEFT, ROW - 1), (WIDTH - RIGHT, ROW - 1), FAINT, 1)
    cv2.rectangle(row, (LEFT, 6), (_across(share.value or 0.0), ROW - 6), colour, -1)
    cv2.line(row, (_across(share.low), ROW // 2), (_across(share.high), ROW // 2), INK, 1)
    _write(row, "-" if share.value is None else f"{share.value:.1%}", WIDTH - RIGHT + 4)
    return row


def _dots(species: str, values: list[float], *, threshold: float, top: float) -> Image:
    row = _blank()
    _write(row, f"{species}, n = {len(values)}", 12)
    colour = LIVE if species == BONA_FIDE else FAKE
    for value in values:
        if np.isfinite(value):
            cv2.circle(row, (_across(min(max(value / top, 0.0), 1.0)), ROW // 2), 4, colour, 1, cv2.LINE_AA)
    cv2.line(row, (_across(threshold / top), 2), (_across(threshold / top), ROW - 2), INK, 1)
    return row
