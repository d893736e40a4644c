"""What happened in the demo: one line as it happens, then a table, a contact sheet and the audit log."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from device.camera.feed import CameraLost, CameraRestored
from device.config import Settings
from device.ports import Camera
from device.types import Attack, Deny, Frame, Grant, Match, NonMatch, Undecided
from enroll.cast import Cast, Expected
from enroll.console import complain, out

if TYPE_CHECKING:
    from device.loop import Decided
    from device.service import ServiceNews
    from firmware_bridge.protocol import DoorEvent

LOCK_LINE = "lock"
AFTERWARDS_S = 0.5  # shorter than the gap between two visitors


@dataclass(slots=True)
class Act:
    """What one visitor brought about."""

    name: str
    expected: Expected
    starts_s: float
    ends_s: float
    decisions: list[Decided] = field(default_factory=list)
    picture: Frame | None = None  # at the first decision
    released_for_s: list[float] = field(default_factory=list)

    @property
    def grants(self) -> int:
        return sum(isinstance(decided.decision, Grant) for decided in self.decisions)

    @property
    def is_as_expected(self) -> bool:
        """Granted with the relay high and low again for each grant; or denied, with the relay low throughout."""
        if self.expected is Expected.GRANT:
            return self.grants >= 1 and len(self.released_for_s) == self.grants
        return bool(self.decisions) and not self.grants and not self.released_for_s


class Playbill:
    """Collects what the loop and the door tell, from their two threads. It is the camera of the play, too."""

    def __init__(self, cast: Cast, camera: Camera, *, rate_hz: float) -> None:
        """`camera` films at `rate_hz`; where the machine is too slow for it, its frames come late."""
        self._cast = cast
        self._camera = camera
        self._frame_s = 1.0 / rate_hz
        self._lock = threading.Lock()
        self._filmed_at: list[float] = []  # monotonic seconds of every frame
        self.acts: list[Act] = []
        self.strays = 0  # releases that nobody in front explains
        starts_s = 0.0
        for visit in cast.visits:
            if (expected := cast.expected.get(visit.name)) is not None:
                self.acts.append(Act(visit.name, expected, starts_s, starts_s + visit.duration_s))
            starts_s += visit.duration_s

    def frames(self) -> Iterator[Frame]:
        """The frames of the play; the first one starts its clock."""
        for frame in self._camera.frames():
            self._filmed_at.append(frame.captured_at)
            yield frame

    def close(self) -> None:
        """End the play."""
        self._camera.close()

    def note_news(self, news: ServiceNews, frame: Frame | None) -> None:
        """A decision of the loop, or news of its camera."""
        if isinstance(news, CameraLost | CameraRestored) or frame is None:
            complain(str(news))
            return
        elapsed_s = self._elapsed(frame.captured_at)
        act = self._act_at(elapsed_s)
        if act is None:
            return
        act.decisions.append(news)
        act.picture = act.picture or frame
        self._print(
            elapsed_s, f"{act.name}: {verdict_of(news)}", "green" if isinstance(news.decision, Grant) else "red"
        )

    def note_door(self, event: DoorEvent) -> None:
        """Something that the door daemon did."""
        if event.kind in {"released", "secured"} and self._filmed_at:
            level = "relay pin high" if event.kind == "released" else "relay pin low"
            self._print(self._elapsed(event.at), f"door {event.kind}, {level}", "cyan")

    def note_levels(self, levels: list[tuple[float, str, bool]]) -> None:
        """The history of the pins, as the daemon's mock recorded it."""
        high_since: float | None = None
        for at, line, is_high in levels:
            if line != LOCK_LINE:
                continue
            if is_high and high_since is None:
                high_since = at
            elif not is_high and high_since is not None:
                self._attribute(self._elapsed(high_since), at - high_since)
                high_since = None

    def report(self, settings: Settings, folder: Path) -> bool:
        """Print the table and write contact sheet and audit log; whether everybody was treated as they should be."""
        from device.audit.export import export_audit

        table = Table("visitor", "should be", "was", "relay high", title="What the door did", title_justify="left")
        for act in self.acts:
            was = "granted" if act.grants else "denied" if act.decisions else "not noticed"
            mark = "[green]✓[/]" if act.is_as_expected else "[bold red]✗[/]"
            high = ", ".join(f"{seconds:.2f} s" for seconds in act.released_for_s) or "never"
            table.add_row(act.name, act.expected.value, f"{mark} {was}", high)
        out.print(table)
        self._write_sheet(folder / "contact-sheet.png")
        export_audit(settings.audit_file, to=folder / "audit.jsonl")
        out.print(f"contact sheet {folder / 'contact-sheet.png'}, audit log {folder / 'audit.jsonl'}")
        return not self.strays and all(act.is_as_expected for act in self.acts)

    def _write_sheet(self, file: Path) -> None:
        """The still that was enrolled, and each visitor at the first decision."""
        from device.measure.report import Tile, Tone, contact_sheet, write_png
        from device.measure.simulate.clip import fit_frame
        from device.measure.simulate.lens import Lens

        tiles = [Tile(fit_frame(self._cast.still, Lens()), "enrolled", ("from this one still photo",))]
        for act in self.acts:
            if act.picture is None:
                continue
            first = act.decisions[0]
            tone = Tone.GOOD if act.is_as_expected else Tone.BAD
            lines = tuple(verdict_of(first).replace("≥", ">=").split(", ", 1))
            tiles.append(Tile(act.picture.image, act.name, lines, tone, first.box))
        write_png(
            contact_sheet(
                tiles,
                title="What the door did",
                notes=("green: treated as they should be, red: not", *self._cast.notes),
                columns=2,
            ),
            file,
        )

    def _attribute(self, elapsed_s: float, duration_s: float) -> None:
        act = self._act_at(elapsed_s)
        if act is None:
            self.strays += 1
            complain(f"the relay was high for {duration_s:.2f} s with nobody in front")
            return
        act.released_for_s.append(duration_s)

    def _act_at(self, elapsed_s: float) -> Act | None:
        """Whose doing it is: a decision on somebody who just left is still theirs."""
        return next((act for act in self.acts if act.starts_s <= elapsed_s < act.ends_s + AFTERWARDS_S), None)

    def _elapsed(self, at: float) -> float:
        """How far the play had come: its frames may be late, and whoever was before the camera then was, too."""
        if not self._filmed_at:
            return 0.0
        newest = max(0, bisect_right(self._filmed_at, at) - 1)
        return newest * self._frame_s + at - self._filmed_at[newest]

    def _print(self, elapsed_s: float, sentence: str, style: str) -> None:
        with self._lock:
            out.print(f"{elapsed_s:6.1f} s  [{style}]{sentence}[/]", soft_wrap=True)


def verdict_of(decided: Decided) -> str:
    """A decision and what it rests on, in a few words."""
    evidence = decided.evidence
    if evidence is None:
        return "denied: fault"
    match evidence.search:
        case Match(score=score, threshold=threshold):
            compared = f"score {score:.2f} ≥ {threshold.score:.2f}"
        case NonMatch(best_score=None):
            compared = "nobody enrolled"
        case NonMatch(best_score=score, threshold=threshold):
            compared = f"score {score:.2f} < {threshold.score:.2f}"
    match decided.decision:
        case Grant():
            waited_s = decided.decided_at - decided.first_usable_at
            return f"granted, {compared}, {evidence.frames} frames, {waited_s * 1000:.0f} ms"
        case Deny(reason=reason):
            seen = ""
            if isinstance(evidence.pad, Attack):
                seen = f" ({evidence.pad.reason.value})"
            elif isinstance(evidence.pad, Undecided):
                seen = f" ({', '.join(evidence.pad.missing)} missing)"
            return f"denied: {reason.value.replace('_', ' ')}{seen}, {compared}, {evidence.frames} frames"
