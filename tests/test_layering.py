"""The import table of the design, and what no file of ours may contain. Each rule is shown to see a violation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from source_tree import SourceTree, forget, is_foreign, root_of

TREE = SourceTree.of(Path(__file__).resolve().parents[1])

LINES_AT_MOST, FUNCTION_LINES_AT_MOST = 350, 50

# Our packages, and which others of ours each may import.
PACKAGES = {
    "models": set[str](),
    "firmware_bridge": set[str](),
    "device": {"models", "firmware_bridge"},
    "enroll": {"device", "models", "firmware_bridge"},
}
# Of the door daemon, others see its client and the words that it speaks, never what drives a pin.
BRIDGE = {
    "device": {"client", "protocol", "errors", "types"},
    "enroll": {"client", "protocol", "errors", "types", "child"},
}
# Within the appliance: what each part may import of the other parts. A part that is not named here may import any part
# but those that put everything together.
LEAVES = {"types", "errors", "clock", "stopwatch", "health", "threads", "secret_file", "memory"}
PARTS = {
    **{leaf: set[str]() for leaf in LEAVES},
    "config": {"errors"},
    "ports": {"types"},
    "bystander": {"ports"},
    "policy": {"types", "errors"},
    "collection": {"types", "errors", "policy", "secret_file"},
    "audit": {"types", "errors", "clock", "collection", "secret_file"},
    "camera": {"types", "errors", "config", "clock", "ports"},
    "vision": {"types", "errors", "config", "ports", "stopwatch"},
    "liveness": {"types", "errors", "config", "ports", "vision", "camera"},
}
COMPOSITION = {"app", "service", "__main__", "loop", "measure"}
MAY_COMPOSE = {"app", "service", "__main__", "measure"}

# Libraries, and the only modules or packages of ours that may import them.
LIBRARIES = {
    "ai_edge_litert": ["models.runtimes.litert"],
    "click": ["enroll"],
    "cryptography": [
        "device.audit.sign",
        "device.collection.authority",
        "device.collection.seal",
        "device.collection.sealed_stream",
        "device.sync.record",
        "enroll.bundle_seal",
    ],
    "cv2": ["device.camera", "device.vision", "device.liveness", "device.measure", "device.threads"],
    "dlib": ["device.measure.peer"],
    "faiss": ["device.collection.sketch", "device.measure.search"],
    "gpiod": ["firmware_bridge.gpiod_lines"],
    "gpiozero": ["firmware_bridge.gpio"],
    "lgpio": ["firmware_bridge.wiegand_lines"],
    "matplotlib": ["device.measure.simulate.portraits"],
    "msgspec": ["device", "enroll", "firmware_bridge", "models"],
    "numpy": ["device", "enroll.calibration", "models"],
    "onnx": ["models.convert.graph", "models.quantize"],
    "onnxruntime": ["models.runtimes.onnx", "models.quantize"],
    "osdp_sys": ["firmware_bridge.osdp"],
    "paho": ["device.sync.mqtt"],
    "pillow_heif": ["device.vision.photo"],
    "PIL": ["device.vision.photo", "enroll.calibration"],
    "rich": ["enroll"],
    "skimage": ["device.measure.simulate.portraits"],
    "sqlite3": ["device.audit", "device.collection"],
    "sqlite_utils": ["device.collection"],
    "tflite_runtime": ["models.runtimes.litert"],
}
# What costs so much to import that only the command that needs it may.
HEAVY = {
    "cv2",
    "onnxruntime",
    "ai_edge_litert",
    "sqlite_utils",
    "PIL",
    "onnx",
    "matplotlib",
    "skimage",
    "faiss",
    "dlib",
}

CLOCK_READERS = {
    "time.time": {"device.clock"},
    "time.time_ns": set[str](),
    "time.monotonic": {"device.clock", "firmware_bridge.clock", "firmware_bridge.client", "firmware_bridge.gpio"},
    "time.monotonic_ns": set[str](),
    "time.sleep": {"device.clock", "firmware_bridge.client"},
    "time.perf_counter": {"device.stopwatch", "device.measure", "models.benchmark"},
    "datetime.now": {"device.clock", "firmware_bridge.clock"},
    "datetime.utcnow": set[str](),
    "datetime.today": set[str](),
    "date.today": set[str](),
}


@pytest.fixture(scope="module", autouse=True)
def _forget_syntax_trees() -> Iterator[None]:
    yield
    forget()


def lies_in(module: str, places: Iterable[str]) -> bool:
    """Whether `module` is one of `places` or inside one."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def part_of(module: str) -> str:
    """`vision` of `device.vision.align`, `app` of `device.app`."""
    return module.split(".")[1] if "." in module else ""


def against_packages(tree: SourceTree) -> list[str]:
    return [
        f"{one.module} imports {one.target}"
        for one in tree.imports()
        if root_of(one.target) in PACKAGES
        and root_of(one.target) != root_of(one.module)
        and root_of(one.target) not in PACKAGES[root_of(one.module)]
    ]


def against_the_bridge(tree: SourceTree) -> list[str]:
    return [
        f"{one.module} imports {one.target}"
        for one in tree.imports()
        if root_of(one.target) == "firmware_bridge"
        and root_of(one.module) in BRIDGE
        and part_of(one.target) not in BRIDGE[root_of(one.module)]
    ]


def against_parts(tree: SourceTree) -> list[str]:
    complaints = []
    for one in tree.imports():
        if root_of(one.module) != "device" or root_of(one.target) != "device":
            continue
        importer, imported = part_of(one.module), part_of(one.target)
        if importer == imported or importer in MAY_COMPOSE:
            continue
        is_allowed = imported in PARTS[importer] if importer in PARTS else imported not in COMPOSITION
        if not is_allowed:
            complaints.append(f"{one.module} imports {one.target}")
    return complaints


def against_the_appliance(tree: SourceTree) -> list[str]:
    """Simulators and measurements are no part of a door."""
    return [
        f"{one.module} imports {one.target}"
        for one in tree.imports()
        if lies_in(one.target, ["device.measure"]) and not lies_in(one.module, ["device.measure", "enroll"])
    ]


def against_libraries(tree: SourceTree) -> list[str]:
    return [
        f"{one.module} imports {one.target}"
        for one in tree.imports()
        if (is_foreign(one.target) or root_of(one.target) in LIBRARIES)
        and not lies_in(one.module, LIBRARIES.get(root_of(one.target), []))
    ]


def against_policy(tree: SourceTree) -> list[str]:
    """Rules are pure Python: whoever reviews them needs no other page."""
    return [
        f"{one.module} imports {one.target}"
        for one in tree.imports()
        if lies_in(one.module, ["device.policy"]) and is_foreign(one.target)
    ]


def against_relative_imports(tree: SourceTree) -> list[str]:
    return [f"{one.module} imports {one.target}" for one in tree.imports() if one.target.startswith(".")]


def against_cycles(tree: SourceTree) -> list[str]:
    cycle = tree.cycle()
    return [] if cycle is None else [" imports ".join(reversed(cycle))]


def against_long_files(tree: SourceTree) -> list[str]:
    lengths = {module: source.count("\n") for module, source in tree.sources.items()}
    return [f"{module} has {lines} lines" for module, lines in lengths.items() if lines > LINES_AT_MOST]


def against_long_functions(tree: SourceTree) -> list[str]:
    return [
        f"{module}.{name} has {lines} lines"
        for module, name, lines in tree.functions()
        if lines > FUNCTION_LINES_AT_MOST
    ]


def against_swallowing(tree: SourceTree) -> list[str]:
    return [f"{module} line {line} swallows any exception" for module, line in tree.swallowing_handlers()]


def against_print(tree: SourceTree) -> list[str]:
    return [f"{module} prints" for module, name in tree.calls() if name == "print"]


def against_other_clocks(tree: SourceTree) -> list[str]:
    return [
        f"{module} reads {name}"
        for module, name in tree.calls()
        if name in CLOCK_READERS and not lies_in(module, CLOCK_READERS[name])
    ]


Rule = Callable[[SourceTree], list[str]]

# Each rule, and plants in which it must see something.
RULES: list[tuple[Rule, list[tuple[str, str]]]] = [
    (
        against_packages,
        [
            ("models.store", "from device.errors import DeviceError"),
            ("firmware_bridge.door", "def f():\n    import device.types"),
            ("device.loop", "from enroll.console import out"),
            ("models.card", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import firmware_bridge.types"),
        ],
    ),
    (
        against_the_bridge,
        [
            ("device.loop", "from firmware_bridge.gpio import GpioLock"),
            ("device.loop", "from firmware_bridge import gpio"),
            ("device.service", "from firmware_bridge.child import mock_door"),
            ("enroll.demo", "import firmware_bridge.server"),
        ],
    ),
    (
        against_parts,
        [
            ("device.policy.rules", "from device.config import Settings"),
            ("device.types", "from device.clock import Clock"),
            ("device.vision.align", "def f():\n    from device.collection.store import Collection"),
            ("device.camera.feed", "import device.loop"),
            ("device.newcomer", "from device.app import Appliance"),
        ],
    ),
    (against_the_appliance, [("device.app", "import device.measure.simulate.puppet")]),
    (
        against_libraries,
        [
            ("device.loop", "import cv2"),
            ("device.loop", "def f():\n    from onnxruntime.quantization import x"),
            ("firmware_bridge.server", "import gpiozero"),
            ("firmware_bridge.server", "import importlib\nimportlib.import_module('gpiozero')"),
            ("enroll.people", "import sqlite3"),
            ("enroll.people", "import a_library_nobody_has_heard_of"),
            ("models.convert.minifasnet", "import torch"),
        ],
    ),
    (against_policy, [("device.policy.decide", "import numpy")]),
    (against_relative_imports, [("device.loop", "from .types import Box"), ("models.card", "from . import store")]),
    (
        against_cycles,
        [("device.types", "import device.loop"), ("models.errors", "def f():\n    from models import store")],
    ),
    (against_long_files, [("device.newcomer", "x = 1\n" * 350)]),
    (against_long_functions, [("device.newcomer", "def f():\n" + "    x = 1\n" * 50)]),
    (
        against_swallowing,
        [
            ("device.newcomer", "try:\n    x = 1\nexcept:\n    pass"),
            ("device.newcomer", "try:\n    x = 1\nexcept Exception as error:\n    raise ValueError from error"),
            ("device.newcomer", "try:\n    x = 1\nexcept (OSError, BaseException):\n    x = 2"),
        ],
    ),
    (against_print, [("enroll.people", "print('hello')")]),
    (
        against_other_clocks,
        [
            ("device.loop", "import time\nx = time.monotonic()"),
            ("device.policy.rules", "from datetime import datetime\nnow = datetime.now"),
            ("models.install", "import time\ntime.sleep(1)"),
            ("device.loop", "import time\nx = time.perf_counter()"),
        ],
    ),
]


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=lambda rule: rule.__name__)
def test_nothing_of_ours_goes(rule: Rule) -> None:
    assert rule(TREE) == []


@pytest.mark.parametrize(("rule", "plants"), RULES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_violation_is_seen(rule: Rule, plants: list[tuple[str, str]]) -> None:
    for module, source in plants:
        assert rule(TREE.planted(module, source)) != [], (module, source)


def test_a_handler_that_cleans_up_and_raises_again_swallows_nothing() -> None:
    planted = TREE.planted("device.newcomer", "try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise")
    assert against_swallowing(planted) == []


def test_the_tree_is_all_of_ours() -> None:
    assert {root_of(module) for module in TREE.sources} == set(PACKAGES)
    assert {"device.loop", "device.vision.align", "models", "enroll.cli", "firmware_bridge.door"} <= set(TREE.sources)
    assert len(list(TREE.imports())) > 500


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_row_for_a_library_that_we_use_is_needed(library: str) -> None:
    """A place that no longer imports it must not stay allowed. Rows of what is still to come have no import at all."""
    importers = [one.module for one in TREE.imports() if root_of(one.target) == library]
    if importers:
        unused = [place for place in LIBRARIES[library] if not any(lies_in(module, [place]) for module in importers)]
        assert [place for place in unused if place in TREE.sources] == []


@pytest.mark.parametrize(
    "module", ["enroll.cli", "device", "device.app", "device.config", "models.store", "firmware_bridge.client"]
)
def test_what_every_start_loads_is_light(module: str) -> None:
    """OpenCV alone costs more time than all that `lintel --help` needs."""
    assert {root_of(name) for name in TREE.loaded_with(module)} & HEAVY == set()


def test_a_heavy_import_at_the_start_is_seen() -> None:
    planted = TREE.planted("device.errors", "import cv2")
    assert "cv2" in planted.loaded_with("enroll.cli")
    assert "cv2" not in TREE.planted("device.errors", "def f():\n    import cv2").loaded_with("enroll.cli")
