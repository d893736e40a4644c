"""What `systemd/lintel.toml` must hold: every key at its default, with the comments of `device/config.py`.

`python tests/settings_file.py` writes it anew after a key has come, gone or changed.
"""

from __future__ import annotations

import ast
import io
import json
import textwrap
import tokenize
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from device import config
from device.config import Section, Settings

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "systemd" / "lintel.toml"
HEAD = """\
Every key of Lintel at its default; installed as /etc/lintel/lintel.toml.
A key that is left out keeps its default, and one that is misspelt is refused.
"""
WIDTH = 118  # of a comment's text; ruff's 120 less "# "


def expected_text() -> str:
    """The whole file."""
    blocks = [_commented(HEAD.strip().replace("\n", " "))]
    for name in Settings.__struct_fields__:
        section: Section = getattr(Settings(), name)
        blocks.append("\n".join([_commented(_summary(section)), f"[{name}]", *_keys(section)]))
    return "\n".join(f"{block}\n" for block in blocks)


def comments() -> dict[str, dict[str, str]]:
    """By class and key, what the comment beside the key says."""
    source = Path(str(config.__file__)).read_text(encoding="utf-8")
    beside: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            beside[token.start[0]] = token.string.lstrip("# ")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_comments_of(node, beside)) for node in classes}


def _comments_of(node: ast.ClassDef, beside: dict[int, str]) -> Iterator[tuple[str, str]]:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            lines = range(line.lineno, (line.end_lineno or line.lineno) + 1)
            yield line.target.id, " ".join(beside[number] for number in lines if number in beside)


def _summary(section: Section) -> str:
    """The docstring's text after the section's name."""
    _, _, text = " ".join((type(section).__doc__ or "").split()).partition(": ")
    return f"{text[:1].upper()}{text[1:]}"


def _keys(section: Section) -> Iterator[str]:
    said = comments()[type(section).__name__]
    for key in section.__struct_fields__:
        if said.get(key):
            yield _commented(said[key])
        yield f"{key} = {_toml(getattr(section, key))}"


def _toml(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)  # strings, numbers, booleans and arrays are written as in JSON


def _commented(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, WIDTH))


if __name__ == "__main__":
    FILE.write_text(expected_text(), encoding="utf-8")
