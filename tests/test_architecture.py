"""Who may import whom, and that no modules import each other in a circle, kept by reading every
import of the package, also those for type checkers only.

    cli -> app -> client | server | connector | admin -> photos
        -> relay | providers | store | wire -> core -> protocol -> errors

Everything may import what is further right; neighbours never import each other. `photos` stands
between: it looks names up through `wire`, and every door of `server` that takes photos uses it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Final

import pytest

import eyeclaw_trio

PACKAGE: Final = "eyeclaw_trio"
ROOT: Final = Path(eyeclaw_trio.__file__).parent

# The parts and how high each stands; those of one height are neighbours.
HEIGHTS: Final = {
    "errors": 0,
    "causes": 0,  # the walker for groups of them
    "protocol": 1,
    "core": 2,
    "relay": 3,
    "providers": 3,
    "store": 3,
    "wire": 3,
    "photos": 4,
    "push": 4,
    "client": 5,
    "server": 5,
    "connector": 5,
    "admin": 5,
    "settings": 6,  # builds the small groups that the parts below define
    "app": 7,
    "cli": 8,
    "__main__": 9,
}
# Beside the tower: used from `relay` upwards, and what they may use themselves.
BESIDE: Final = {
    "logs": {"errors", "protocol"},
    "metrics": {"errors", "protocol", "core"},
    "trust": {"errors"},
    "wakeup": set[str](),
}
FROM_HEIGHT: Final = HEIGHTS["relay"]

SETTINGS_READERS: Final = {"app", "cli"}

# Libraries that a part must not know, by their first name, and why.
_PURE: Final = "it is pure: nothing waits, and the time is an argument"
FORBIDDEN: Final = {
    "protocol": (_PURE, {"trio", "trio_websocket", "hypercorn", "httpx2", "time", "random"}),
    "core": (_PURE, {"trio", "trio_websocket", "hypercorn", "httpx2", "time", "random"}),
    "relay": ("it knows neither sockets nor HTTP", {"socket", "ssl", "h11", "trio_websocket"}),
}
NEVER_IN_PURE: Final = {"asyncio", "socket", "ssl", "threading", "subprocess", "os", "structlog"}
SQLITE_IN: Final = "store"


def part_of(module: str) -> str:
    """The part that a module belongs to: its folder, or its own name."""
    _, _, inside = module.partition(".")
    return inside.split(".")[0]


def imports_of(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Every module that this source imports, wherever in it, with its line.

    `from a.b import c` counts as `a.b.c`, because c may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                keep = len(parents) - node.level + is_package
                base = ".".join([*parents[:keep], *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def fault_of(importer: str, imported: str) -> str | None:
    """What is wrong with this import, or None. Both are names of modules."""
    part = part_of(importer)
    first = imported.split(".")[0]
    if first != PACKAGE:
        return _fault_of_library(part, first)
    target = part_of(imported)
    if target == part or not part:
        return None if part else "the package itself imports nothing of its own"
    if target not in HEIGHTS and target not in BESIDE:
        # `from eyeclaw_trio import __version__`, and nothing else, is for everybody.
        return None if target == "__version__" else f"{target} has no place in the plan"
    if part in BESIDE:
        return None if target in BESIDE[part] else f"{part} must not import {target}"
    if part not in HEIGHTS:
        return f"{part} has no place in the plan"
    if target in BESIDE:
        return None if HEIGHTS[part] >= FROM_HEIGHT else f"{part} must not import {target}"
    if target == "settings" and part not in SETTINGS_READERS:
        return f"{part} must be handed the group of settings that it needs"
    if HEIGHTS[target] >= HEIGHTS[part]:
        kind = "its neighbour" if HEIGHTS[target] == HEIGHTS[part] else "above it"
        return f"{part} must not import {target}, which is {kind}"
    return None


def _fault_of_library(part: str, first: str) -> str | None:
    if first == "sqlite3" and part != SQLITE_IN:
        return f"sqlite3 is used in {SQLITE_IN} only"
    why, names = FORBIDDEN.get(part, ("", set[str]()))
    if first in names or (part in ("protocol", "core") and first in NEVER_IN_PURE):
        return f"{part} must not import {first}: {why}"
    return None


def faults_in(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """The faults of one module, each with its line."""
    return [
        f"{module}:{line}: {fault}"
        for line, imported in imports_of(source, module, is_package=is_package)
        if (fault := fault_of(module, imported)) is not None
    ]


def modules() -> list[tuple[str, Path]]:
    """Every module of the package by its name."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        names = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
        if names[-1] == "__init__":
            names.pop()
        found.append((".".join(names), path))
    return found


def circles_in(imports: Mapping[str, Set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or by way of others (Tarjan)."""
    found: list[list[str]] = []
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for imported in sorted(imports.get(module, ())):
            if imported not in order:
                visit(imported)
                lowest[module] = min(lowest[module], lowest[imported])
            elif imported in stack:
                lowest[module] = min(lowest[module], order[imported])
        if lowest[module] == order[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1 or module in imports.get(module, ()):
                found.append(sorted(circle))

    for module in sorted(imports):
        if module not in order:
            visit(module)
    return found


def module_of(imported: str, names: Set[str]) -> str | None:
    """The module of the package that an import names: itself, or what it is found in."""
    if imported in names:
        return imported
    parent = imported.rpartition(".")[0]
    return parent if parent in names else None


# ---- the package --------------------------------------------------------------------------------


def test_the_modules_are_found_at_all() -> None:
    names = {name for name, _ in modules()}
    assert {f"{PACKAGE}.core.answer", f"{PACKAGE}.protocol.bot", f"{PACKAGE}.relay.turn"} <= names


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_a_module_imports_only_what_its_part_may(module: str, path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert faults_in(source, module, is_package=path.name == "__init__.py") == []


def test_every_folder_and_module_at_the_top_has_its_place_in_the_plan() -> None:
    tops = {part_of(module) for module, _ in modules()} - {""}
    assert tops <= HEIGHTS.keys() | BESIDE.keys()


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {name for name, _ in modules()}
    imports = {}
    for module, path in modules():
        source = path.read_text(encoding="utf-8")
        named = imports_of(source, module, is_package=path.name == "__init__.py")
        # That a package's own `__version__` is looked up in it is no circle.
        found = {module_of(each, names) for _, each in named if each != f"{PACKAGE}.__version__"}
        imports[module] = {each for each in found if each is not None}
    assert circles_in(imports) == []


# ---- the checker itself, with made-up modules ---------------------------------------------------


@pytest.mark.parametrize(
    ("module", "line"),
    [
        # upwards
        ("errors", "from eyeclaw_trio.protocol import bot"),
        ("protocol.bot", "from eyeclaw_trio.core.trace import Trace"),
        ("core.answer", "from eyeclaw_trio.relay.turn import relay_turn"),
        ("relay.turn", "import eyeclaw_trio.server.glasses"),
        ("relay.turn", "from ..server import http"),
        ("relay.turn", "from .. import server"),
        ("store.keys", "from eyeclaw_trio.admin import pages"),
        ("server.glasses", "from eyeclaw_trio.app.compose import App"),
        ("app", "from eyeclaw_trio.cli import main"),
        ("app", "from eyeclaw_trio import cli"),
        # neighbours
        ("server.glasses", "from eyeclaw_trio.connector.link import Link"),
        ("server.glasses", "from eyeclaw_trio.admin import pages"),
        ("connector.link", "from eyeclaw_trio.server import http"),
        ("admin.pages", "from eyeclaw_trio.server.gate import Gate"),
        ("relay.turn", "from eyeclaw_trio.store.traces import Traces"),
        ("relay.turn", "from eyeclaw_trio import providers"),
        ("providers.echo", "from eyeclaw_trio.relay.turn import relay_turn"),
        ("store.keys", "from eyeclaw_trio.providers.provider import Provider"),
        ("client.ask", "from eyeclaw_trio.server.gate import Gate"),
        ("photos.guard", "from eyeclaw_trio.server.gate import Gate"),
        ("wire.look_up", "from eyeclaw_trio.photos.addresses import is_public"),
        # settings are handed down
        ("server.glasses", "from eyeclaw_trio.settings import Settings"),
        ("core.answer", "from eyeclaw_trio.settings import Settings"),
        ("store.keys", "from eyeclaw_trio.settings.lines import lines"),
        ("settings", "from eyeclaw_trio.app.compose import App"),
        # what stands beside
        ("core.answer", "from eyeclaw_trio.logs import log"),
        ("protocol.bot", "from eyeclaw_trio import metrics"),
        ("metrics", "from eyeclaw_trio.relay.turn import relay_turn"),
        ("logs", "from eyeclaw_trio.core.trace import Trace"),
        # libraries
        ("protocol.bot", "import trio"),
        ("core.answer", "import trio.lowlevel"),
        ("core.answer", "from trio import sleep"),
        ("core.answer", "from time import monotonic"),
        ("core.backoff", "import random"),
        ("core.trace", "import structlog"),
        ("protocol.cable", "import trio_websocket"),
        ("relay.turn", "import sqlite3"),
        ("admin.pages", "from sqlite3 import connect"),
        ("core.directory", "import sqlite3"),
        ("relay.switchboard", "import h11"),
        # what nobody has planned, and the package itself
        ("server.glasses", "from eyeclaw_trio.helpers import everything"),
        ("helpers", "from eyeclaw_trio.errors import EyeclawError"),
        ("", "from eyeclaw_trio.errors import EyeclawError"),
    ],
)
def test_a_made_up_violation_is_found_at_the_top_and_inside_of_a_function(
    module: str, line: str
) -> None:
    name = f"{PACKAGE}.{module}" if module else PACKAGE
    assert len(faults_in(line, name, is_package=not module)) == 1
    hidden = f"if TYPE_CHECKING:\n    {line}\ndef f():\n    {line}\n"
    assert len(faults_in(hidden, name, is_package=not module)) == 2


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("cli.serving", "from eyeclaw_trio.app.compose import App"),
        ("cli.serving", "from eyeclaw_trio.client.ask import ask"),
        ("cli.choices", "from eyeclaw_trio.settings import Settings"),
        ("client.ask", "from eyeclaw_trio.wire.connect import open_stream"),
        ("__main__", "from eyeclaw_trio.photos import picture_worker"),
        ("app", "from eyeclaw_trio.app.first_start import make"),
        ("app", "from eyeclaw_trio.settings import Settings"),
        ("app", "from eyeclaw_trio import server, connector, admin, relay, providers, store"),
        ("settings", "from eyeclaw_trio.providers.settings import ProviderSettings"),
        ("settings", "from eyeclaw_trio.settings.lines import lines"),
        ("connector.link", "from eyeclaw_trio.relay.switchboard import Station"),
        ("connector.link", "from eyeclaw_trio.providers.settings import ProviderSettings"),
        ("server.glasses", "from . import http"),
        ("server.reception", "from eyeclaw_trio.photos.guard import PhotoGuard"),
        ("photos.fetch", "from eyeclaw_trio.wire.look_up import Names"),
        ("server.glasses", "from ..core.answer import Answer"),
        ("relay.turn", "from eyeclaw_trio.metrics import Metrics"),
        ("relay.turn", "from eyeclaw_trio.logs import log"),
        ("metrics", "from eyeclaw_trio.core.trace import Trace"),
        ("providers.client", "from eyeclaw_trio import __version__"),
        ("store.database", "import sqlite3"),
        ("relay.turn", "import trio"),
        ("core.answer", "from eyeclaw_trio.errors import BotSilent"),
        ("core.answer", "import math"),
    ],
)
def test_what_the_plan_allows_is_no_fault(module: str, line: str) -> None:
    assert faults_in(line, f"{PACKAGE}.{module}") == []


def test_a_relative_import_in_a_packages_own_file_is_counted_from_that_package() -> None:
    name = f"{PACKAGE}.relay"
    assert faults_in("from .turn import relay_turn", name, is_package=True) == []
    assert faults_in("from ..server import http", name, is_package=True) != []
    assert faults_in("from ..core import answer", name, is_package=True) == []


def test_circles_are_found_whatever_leads_into_them() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"d", "e"}, "d": {"b"}, "e": {"f"}, "f": {"f"}}
    assert circles_in(imports) == [["f"], ["b", "c", "d"]]
    assert circles_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_what_is_imported_from_a_module_is_that_module() -> None:
    names = {f"{PACKAGE}.relay", f"{PACKAGE}.relay.turn"}
    assert module_of(f"{PACKAGE}.relay.turn.relay_turn", names) == f"{PACKAGE}.relay.turn"
    assert module_of(f"{PACKAGE}.relay.turn", names) == f"{PACKAGE}.relay.turn"
    assert module_of("trio.lowlevel", names) is None
