"""What the administrator sees while a person is enrolled: one instruction at a time, progress, and a small picture."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from device.types import Frame
from enroll.guide_preview import half_blocks, why_no_preview
from enroll.guide_words import SAID
from enroll.pose_grid import PoseBin
from enroll.session import Session, Word

if TYPE_CHECKING:
    from rich.live import Live

SETTLED_S = 0.3  # an instruction is told when it has lasted so long: a flicker is none
PREVIEW_EVERY_S = 0.2


class Screen:
    """Prints an instruction when it changes. A context manager, because a preview takes part of the terminal."""

    def __init__(self, console: Console, *, preview: bool = False) -> None:
        self._console = console
        self._wants_preview = preview
        self._live: Live | None = None
        self._told: tuple[Word, frozenset[PoseBin]] | None = None
        self._candidate: Word | None = None
        self._since = self._drawn_at = 0.0

    def __enter__(self) -> Screen:
        if self._wants_preview and (sentence := why_no_preview(self._console)) is not None:
            self.say(sentence)
        elif self._wants_preview:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear_preview()

    def clear_preview(self) -> None:
        """Give the whole terminal back, before a question or the end."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, sentence: str) -> None:
        """One sentence on a line of its own."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    def show(self, session: Session, frame: Frame) -> Word | None:
        """Tell what changed; the word to show by the lamps, once it has settled."""
        self._draw(frame)
        if session.word is not self._candidate:
            self._candidate, self._since = session.word, frame.captured_at
        if frame.captured_at - self._since < SETTLED_S:
            return None
        now = (session.word, session.filled)
        if now != self._told:
            self._told = now
            self._console.print(line_of(session.word, session.filled), soft_wrap=True)
        return session.word

    def _draw(self, frame: Frame) -> None:
        if self._live is not None and frame.captured_at - self._drawn_at >= PREVIEW_EVERY_S:
            self._drawn_at = frame.captured_at
            self._live.update(half_blocks(frame.image), refresh=True)


def line_of(word: Word, filled: frozenset[PoseBin]) -> Text:
    """Progress over the grid, then what to do; 80 columns suffice for all but one sentence."""
    done = "".join("■" if name in filled else "□" for name in PoseBin)
    return Text.assemble((f"{done} {len(filled)}/5  ", "cyan"), SAID[word][0])
