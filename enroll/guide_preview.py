"""A camera's picture as half-block characters, and whether a terminal can show one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device.types import Image

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

COLUMNS, ROWS = 48, 18  # of characters; each shows two picture elements, one above the other
NEEDED_COLUMNS, NEEDED_ROWS = 60, 26


def why_no_preview(console: Console) -> str | None:
    """The sentence why `console` cannot show a picture; None when it can."""
    if not console.is_terminal:
        return "There is no preview, because this is not a terminal."
    if console.no_color or console.color_system not in {"256", "truecolor"}:
        return "There is no preview, because this terminal shows no colours, or NO_COLOR is set."
    if console.width < NEEDED_COLUMNS or console.height < NEEDED_ROWS:
        return f"There is no preview, because it takes a terminal of {NEEDED_COLUMNS} columns and {NEEDED_ROWS} rows."
    return None


def half_blocks(image: Image) -> Text:
    """`image` in `ROWS` lines of at most `COLUMNS` characters, mirrored as people know themselves."""
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    height, width = image.shape[:2]
    step = max(1, -(-width // COLUMNS), -(-height // (2 * ROWS)))
    small = image[step // 2 :: step, step // 2 :: step][:, ::-1]
    text = Text(no_wrap=True)
    for row in range(0, len(small) - 1, 2):
        for upper, lower in zip(small[row].tolist(), small[row + 1].tolist(), strict=True):
            style = Style(color=Color.from_rgb(*upper[::-1]), bgcolor=Color.from_rgb(*lower[::-1]))
            text.append("▀", style)
        text.append("\n")
    return text
