"""What is written about the code is complete and true."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import click
import pytest
import settings_file
from source_tree import SourceTree, forget, parsed

from device import errors as device_errors
from device.audit.kinds import AuditKind
from device.config import Settings, decode_settings
from enroll.cli import COMMANDS, lintel
from firmware_bridge import errors as bridge_errors
from models import errors as model_errors

ROOT = settings_file.ROOT
TREE = SourceTree.of(ROOT)
ERROR_MODULES = (device_errors, model_errors, bridge_errors)
ROOTS = (device_errors.DeviceError, model_errors.ModelError, bridge_errors.BridgeError)
EX_CONFIG, EX_SOFTWARE = 78, 70

# Methods that Python or a library calls by their names, without a base class that explains them.
EXPLAINED_ELSEWHERE = {("Waker", "fileno"), ("GuardedChannel", "write")}


@dataclass(frozen=True, slots=True)
class Name:
    """A public name of ours and what is said about it."""

    module: str
    name: str
    docstring: str
    is_method: bool


@pytest.fixture(scope="module", autouse=True)
def _forget_syntax_trees() -> Iterator[None]:
    yield
    forget()


def public_names(tree: SourceTree) -> Iterator[Name]:
    """Modules, classes, functions, and methods that are no plain facts (properties) nor a port's."""
    explained = {method for _, owner in classes(tree) if is_port(owner) for method in documented_methods(owner)}
    for module, source in tree.sources.items():
        body = parsed(source)
        yield Name(module, module, ast.get_docstring(body) or "", is_method=False)
        for node in body.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield Name(module, node.name, ast.get_docstring(node) or "", is_method=False)
    for module, owner in classes(tree):
        for method in methods(owner):
            if owner.name.startswith("_") or (owner.name, method.name) in EXPLAINED_ELSEWHERE:
                continue
            if is_port(owner) or (method.name not in explained and not is_property(method)):
                said = ast.get_docstring(method) or inherited_docstring(module, owner.name, method.name)
                yield Name(module, f"{owner.name}.{method.name}", said, is_method=True)


def inherited_docstring(module: str, owner: str, method: str) -> str:
    """What a library's base class says about the method that it lets us write anew, such as logging.Formatter."""
    if importlib.util.find_spec(module) is None:
        return ""
    bases = getattr(importlib.import_module(module), owner).__mro__[1:]
    return next((base.__dict__[method].__doc__ or "said there" for base in bases if method in base.__dict__), "")


def classes(tree: SourceTree) -> Iterator[tuple[str, ast.ClassDef]]:
    for module, source in tree.sources.items():
        for node in parsed(source).body:
            if isinstance(node, ast.ClassDef):
                yield module, node


def methods(owner: ast.ClassDef) -> list[ast.FunctionDef]:
    return [node for node in owner.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def documented_methods(owner: ast.ClassDef) -> set[str]:
    return {method.name for method in methods(owner) if ast.get_docstring(method)}


def is_port(owner: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in owner.bases)


def is_property(method: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "property" for decorator in method.decorator_list)


def undocumented(tree: SourceTree) -> list[str]:
    return [f"{one.module}: {one.name}" for one in public_names(tree) if not one.docstring]


def repeating(tree: SourceTree) -> list[str]:
    """Docstrings that say no more than the name does."""

    def words(text: str) -> set[str]:
        spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
        return set(re.findall(r"[a-z]+", spaced.lower())) - {"a", "an", "the", "of", "this"}

    names = [one for one in public_names(tree) if one.docstring]
    return [f"{one.module}: {one.name}" for one in names if words(one.docstring) <= words(one.name)]


def test_every_public_name_is_documented() -> None:
    assert undocumented(TREE) == []


def test_no_docstring_only_repeats_the_name() -> None:
    assert repeating(TREE) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("def open_gate() -> None: ...", "open_gate"),
        ("class Gate:\n    '''A gate that is kept.'''\n    def swing(self): ...", "Gate.swing"),
        ("class Gate:\n    pass", "Gate"),
    ],
)
def test_a_name_without_a_docstring_is_seen(source: str, name: str) -> None:
    assert undocumented(TREE.planted("device.newcomer", f"'''A new thing in the tree.'''\n{source}")) == [
        f"device.newcomer: {name}"
    ]


def test_a_docstring_that_repeats_the_name_is_seen() -> None:
    planted = "'''A new thing in the tree.'''\ndef open_the_gate():\n    '''Open the gate.'''"
    assert repeating(TREE.planted("device.newcomer", planted)) == ["device.newcomer: open_the_gate"]


def test_the_file_of_settings_shows_every_key_at_its_default() -> None:
    text = settings_file.FILE.read_text(encoding="utf-8")
    assert decode_settings(text.encode()) == Settings()
    shown = {section: set(keys) for section, keys in tomllib.loads(text).items()}
    known = {name: set(getattr(Settings(), name).__struct_fields__) for name in Settings.__struct_fields__}
    assert shown == known


def test_the_file_of_settings_says_what_the_code_says() -> None:
    written = settings_file.FILE.read_text(encoding="utf-8")
    assert written == settings_file.expected_text(), "run `python tests/settings_file.py` to write it anew"


def test_every_comment_beside_a_key_comes_into_the_file() -> None:
    assert settings_file.comments()["SiteSettings"]["state_folder"] == "collection.db and audit.db live here"
    text = " ".join(settings_file.expected_text().replace("\n#", " ").split())
    for name in Settings.__struct_fields__:
        for comment in settings_file.comments()[type(getattr(Settings(), name)).__name__].values():
            assert " ".join(comment.split()) in text


def error_classes(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


ERRORS = [error for root in ROOTS for error in error_classes(root) if error.__module__.endswith(".errors")]


def test_every_error_has_its_own_exit_code() -> None:
    codes: dict[int, list[str]] = {}
    for error in ERRORS:
        codes.setdefault(error.exit_code, []).append(error.__name__)  # type: ignore[attr-defined]
    assert codes.pop(EX_SOFTWARE) == [root.__name__ for root in ROOTS]
    assert all(name.endswith("ConfigError") for name in codes.pop(EX_CONFIG))
    assert {code: names for code, names in codes.items() if len(names) > 1} == {}


def test_exit_codes_mean_nothing_else_to_a_shell() -> None:
    """0 to 2 are click's own, 64 to 78 those of sysexits.h that mean what ours mean, from 126 on the shell's."""
    assert all(3 <= error.exit_code < 126 for error in ERRORS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.__name__)
def test_no_error_is_defined_outside_its_tree(root: type[Exception]) -> None:
    home = root.__module__
    assert [error for error in error_classes(root) if error.__module__ != home] == []


def drawn_tree(docstring: str) -> list[tuple[str, str | None, tuple[str, ...], int | None]]:
    """Name, parent, further bases and exit code of every line of the drawing."""
    drawn = []
    above: list[str] = []
    for line in docstring.splitlines():
        found = re.fullmatch(r"    ([│├└─ ]*)(\w+Error)(?: \((\w+)\))?(?:\s+.*?\s(\d+))?", line)
        if not found:
            continue
        branches, name, base, code = found.groups()
        depth = len(branches) // 4
        above = [*above[:depth], name]
        drawn.append((name, above[depth - 1] if depth else None, (base,) if base else (), int(code) if code else None))
    return drawn


@pytest.mark.parametrize("module", ERROR_MODULES, ids=lambda module: module.__name__)
def test_the_drawn_tree_of_errors_is_the_real_one(module: object) -> None:
    real = []
    for error in error_classes(next(root for root in ROOTS if root.__module__ == module.__name__)):  # type: ignore[attr-defined]
        ours, *further = error.__bases__
        parent = None if ours is Exception else ours.__name__
        code = None if parent is None else error.exit_code  # type: ignore[attr-defined]
        real.append((error.__name__, parent, tuple(base.__name__ for base in further), code))
    assert sorted(drawn_tree(module.__doc__ or ""), key=str) == sorted(real, key=str)


def test_every_kind_of_audit_event_is_a_dotted_word() -> None:
    assert all(re.fullmatch(r"[a-z]+(\.[a-z_]+)?", kind.value) for kind in AuditKind)


LISTED = sorted(COMMANDS)


def subcommands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from subcommands(child, f"{path} {name}")


@pytest.mark.parametrize("name", LISTED)
def test_every_command_can_be_asked_what_it_does(name: str) -> None:
    place, summary = COMMANDS[name]
    module, attribute = place.split(":")
    command = getattr(importlib.import_module(module), attribute)
    assert summary.endswith(".")
    for path, one in subcommands(command, name):
        assert one.help, path
        for parameter in one.params:
            if isinstance(parameter, click.Option):
                assert parameter.help or parameter.show_default, f"{path} {parameter.opts}"


def test_every_command_is_listed_with_its_summary() -> None:
    context = click.Context(lintel, terminal_width=200)
    text = " ".join(lintel.get_help(context).split())
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} {summary}" in text


def test_an_unknown_command_is_none() -> None:
    assert lintel.get_command(click.Context(lintel), "dore") is None


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md", "README.md"])
def test_the_repository_says_what_it_is(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) > 100


def test_the_licence_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project["version"] in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
