"""What docs/door.md and docs/wiring.md say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from firmware_bridge import commands, server
from firmware_bridge.door import TRANSITIONS, Move
from firmware_bridge.peers import PERMISSIONS, Role
from firmware_bridge.protocol import Request
from firmware_bridge.sections import AdcSection, PatternsSection
from firmware_bridge.supervision import Loop
from firmware_bridge.types import OWN_INDICATIONS, Cause, DoorState, EventKind, Indication, Mode
from firmware_bridge.wiegand import FORMATS, declare

ROOT = Path(__file__).parents[2]
DOOR = (ROOT / "docs" / "door.md").read_text(encoding="utf-8")
WIRING = (ROOT / "docs" / "wiring.md").read_text(encoding="utf-8")


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The table whose header begins with `heading`: first cell -> the others."""
    body = text.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body]
    return {first: rest for first, *rest in cells}


def test_the_states_are_those_of_the_table() -> None:
    told = rows(DOOR, "state")
    real = {state: [TRANSITIONS[state].get(move, "") for move in Move] for state in DoorState}
    assert told == real
    assert "| state | " + " | ".join(Move) + " |" in DOOR


def test_every_indication_is_shown_with_its_pattern() -> None:
    assert rows(DOOR, "indication") == {name: [getattr(PatternsSection(), name)] for name in Indication}
    assert list(Indication)[-len(OWN_INDICATIONS) :] == [name for name in Indication if name in OWN_INDICATIONS]


def test_every_request_is_listed_with_who_may_ask_it() -> None:
    real = {
        kind.__struct_config__.tag: [
            "yes" if role in PERMISSIONS[kind] else "" for role in (Role.VISION, Role.OPERATOR)
        ]
        for kind in get_args(Request)
    }
    assert rows(DOOR, "request") == real


def test_every_event_is_explained() -> None:
    assert list(rows(DOOR, "event")) == list(EventKind)


def test_every_format_is_shown_as_it_can_be_declared() -> None:
    told = rows(DOOR, "format")
    assert set(told) == set(FORMATS)
    for name, (layout, masks) in told.items():
        assert declare(layout, masks.split(" · ")) == FORMATS[name]


@pytest.mark.parametrize("word", [*Cause, *Mode])
def test_every_cause_and_mode_is_named(word: str) -> None:
    assert f"`{word}`" in DOOR


def test_every_refusal_has_its_reason_on_the_page() -> None:
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (commands, server)]
    admission = (ROOT / "firmware_bridge" / "admission.py").read_text(encoding="utf-8")
    used = set(re.findall(r'(?:Refusal\(|reason=)"(\w+)"', "\n".join([*sources, admission]))) | {"lockdown"}
    told = set(re.findall(r"`(\w+)`", DOOR.partition("Refusals name a reason:")[2].partition(". ")[0]))
    assert told == used


def test_the_resistances_of_a_supervised_line_are_those_of_the_defaults() -> None:
    adc = AdcSection()
    loop = Loop(adc.pull_up_ohm, adc.series_ohm, adc.parallel_ohm, adc.tolerance)
    told = {line: share for line, (_, share) in rows(WIRING, "line").items()}
    low, high = loop.closed_within
    assert told["contact closed"] == f"{low:.2f} to {high:.2f}"
    low, high = loop.open_within
    assert told["contact open"] == f"{low:.2f} to {high:.2f}"
    assert told["shorted"] == f"below {loop.short_below:.3f}"
    assert told["cut"] == f"above {loop.cut_above:.2f}"


def test_the_wiring_page_says_first_that_fire_release_must_also_be_in_hardware() -> None:
    assert WIRING.partition("\n\n")[2].startswith("**Fire release must also be in hardware.**")


@pytest.mark.parametrize(
    "what", ["strike", "magnetic lock", "REX", "DPS", "Fire panel", "RS-485", "Wiegand", "MCP3008"]
)
def test_every_wire_has_its_diagram(what: str) -> None:
    assert what in WIRING
    assert WIRING.count("```") >= 22
