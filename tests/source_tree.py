"""Our packages as source text: who imports what, and what stands in the functions. For the tests of the layering."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGES = ("device", "enroll", "firmware_bridge", "models")


@dataclass(frozen=True, slots=True)
class Import:
    """One import of `module`: of what, and whether importing `module` alone causes it."""

    module: str
    target: str
    is_at_start: bool  # neither inside a function nor for the type checker only
    is_for_types: bool  # under `if TYPE_CHECKING:`


@dataclass(frozen=True)
class SourceTree:
    """Module names and their source."""

    sources: dict[str, str]

    @classmethod
    def of(cls, root: Path) -> SourceTree:
        """The packages below `root` as they are now."""
        files = [file for package in PACKAGES for file in sorted((root / package).rglob("*.py"))]
        return cls({_module_name(file.relative_to(root)): file.read_text(encoding="utf-8") for file in files})

    def planted(self, module: str, source: str) -> SourceTree:
        """The same tree with `source` added to the end of `module`, which may be new."""
        return SourceTree({**self.sources, module: f"{self.sources.get(module, '')}\n{source}\n"})

    def imports(self) -> Iterator[Import]:
        """Every import of every module; `from a import b` of a module b is an import of a.b."""
        for module, source in self.sources.items():
            for names, is_inside, is_for_types in _imports(source):
                for base, full in names:
                    target = full if full in self.sources else base
                    yield Import(module, target, not (is_inside or is_for_types), is_for_types)

    def cycle(self) -> list[str] | None:
        """Modules that import each other in a ring, or None. What is only for the type checker does not count."""
        graph: dict[str, set[str]] = {module: set() for module in self.sources}
        for one in self.imports():
            if one.target in graph and not one.is_for_types and one.target != one.module:
                graph[one.module].add(one.target)
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            return list(error.args[1])
        return None

    def loaded_with(self, module: str) -> set[str]:
        """Everything that importing `module` loads, ours and others'."""
        wanted: dict[str, set[str]] = {}
        for one in self.imports():
            if one.is_at_start:
                wanted.setdefault(one.module, set()).add(one.target)
        loaded, waiting = set(), [module]
        while waiting:
            name = waiting.pop()
            if name not in loaded:
                loaded.add(name)
                waiting += wanted.get(name, set())
        return loaded

    def functions(self) -> Iterator[tuple[str, str, int]]:
        """Every function as (module, name, lines)."""
        for module, source in self.sources.items():
            for node in _nodes(source):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield module, node.name, (node.end_lineno or node.lineno) - node.lineno + 1

    def calls(self) -> Iterator[tuple[str, str]]:
        """Every name that is called or taken, such as `time.monotonic` or `print`, as (module, name)."""
        for module, source in self.sources.items():
            for node in _nodes(source):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    yield module, f"{node.value.id}.{node.attr}"
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    yield module, node.func.id

    def swallowing_handlers(self) -> Iterator[tuple[str, int]]:
        """Handlers of any exception that do not raise it again, as (module, line)."""
        for module, source in self.sources.items():
            for node in _nodes(source):
                if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _raises_again(node):
                    yield module, node.lineno


def forget() -> None:
    """Let the syntax trees go: a million nodes make every garbage collection of the tests that follow slow."""
    for remembered in (parsed, _nodes, _imports):
        remembered.cache_clear()


def root_of(target: str) -> str:
    """The distribution's top package: `onnxruntime` of `onnxruntime.quantization`."""
    return target.partition(".")[0]


def is_foreign(target: str) -> bool:
    """Neither ours nor Python's own."""
    return root_of(target) not in PACKAGES and root_of(target) not in sys.stdlib_module_names


@cache
def parsed(source: str) -> ast.Module:
    """The syntax tree of `source`, which nobody changes."""
    return ast.parse(source)


@cache
def _nodes(source: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(source)))


@cache
def _imports(source: str) -> tuple[tuple[list[tuple[str, str]], bool, bool], ...]:
    """Of each import: what may be meant (a module, or a name in it), whether in a function, whether for types only."""
    return tuple((found, inside, types) for node, inside, types in _walk(parsed(source)) if (found := _targets(node)))


def _module_name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _walk(
    node: ast.AST, *, is_inside: bool = False, is_for_types: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Every node below, with whether it stands in a function and whether it is for the type checker only."""
    yield node, is_inside, is_for_types
    deeper = is_inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for child in node.body:
            yield from _walk(child, is_inside=deeper, is_for_types=True)
        for child in node.orelse:
            yield from _walk(child, is_inside=deeper, is_for_types=is_for_types)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, is_inside=deeper, is_for_types=is_for_types)


def _targets(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        return [(alias.name, alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        return [(base, f"{base}.{alias.name}") for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"importlib.import_module", "__import__"}:
        return [(a.value, a.value) for a in node.args[:1] if isinstance(a, ast.Constant)]
    return []


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in caught)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
