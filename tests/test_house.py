"""Sizes, names, sockets and contracts, kept by reading the source: what makes a large file is
found when it grows, and not when somebody has to read it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import eyeclaw_trio

PACKAGE: Final = Path(eyeclaw_trio.__file__).parent
REPOSITORY: Final = PACKAGE.parent
FOLDERS: Final = ("eyeclaw_trio", "tests", "bench")

LONGEST_FILE: Final = 360
LONGEST_FUNCTION: Final = 60
MOST_METHODS: Final = 22
MOST_FIELDS: Final = 14

# Records by another name than `frozen`, and why they may have as many fields as they like.
RECORDS: Final = {
    "Trace": "what a turn leaves, filled in as it goes; `TraceRecord` is the same, frozen",
}

# Words that no function has in its name: they have meant several things each (DESIGN's dictionary
# says `x_nowait`, `enqueue` and `drain`). The names of tests are sentences and may use them.
FORBIDDEN_WORDS: Final = re.compile(r"(?<![a-z])(flush|soon|at_once)(?![a-z])")

# Who makes, holds or probes sockets, beside `wire`: the one opens listeners, the other is below
# the web server of the admin pages.
SOCKET_KEEPERS: Final = ("wire/", "app/listening.py", "admin/listener.py")
SOCKET_MAKERS: Final = re.compile(
    r"open_tcp\w*|serve_tcp|open_unix\w*|(Socket|SSL)(Stream|Listener)"
    r"|get(sock|peer)name|[gs]etsockopt|MSG_PEEK"
)
# Of the WebSocket library the others may name the connection that they are handed, and its end.
NAMES_OF_WEBSOCKETS: Final = {"WebSocketConnection", "ConnectionClosed", "ConnectionRejected"}

# What never waits is never cancelled.
SAYS_CANCELLATION: Final = re.compile(r"cancel|waits for nothing|never waits", re.IGNORECASE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(path: Path) -> ast.Module:
    """A parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """A file's path in the repository."""
    return path.relative_to(REPOSITORY).as_posix()


def sources(*suffixes: str) -> Iterator[Path]:
    """Every file of ours with one of these suffixes."""
    for folder in FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def package_modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def functions_in(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def classes_in(tree: ast.AST) -> Iterator[ast.ClassDef]:
    """Every class, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node


def methods_of(found: ast.ClassDef) -> list[Function]:
    """What a class defines by itself."""
    return [each for each in found.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]


def fields_of(found: ast.ClassDef) -> set[str]:
    """What its objects hold: declared in its body, or set on `self` in a method."""
    fields = {
        node.target.id
        for node in found.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "ClassVar" not in ast.unparse(node.annotation)
    }
    for method in methods_of(found):
        for node in ast.walk(method):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            ):
                fields.add(node.attr)
    return fields


def is_record(found: ast.ClassDef) -> bool:
    """Whether its objects never change, or it is one of RECORDS."""
    decorators = [ast.unparse(each).partition("(")[0] for each in found.decorator_list]
    return "frozen" in decorators or found.name in RECORDS


def oversized_in(tree: ast.AST) -> Iterator[str]:
    """What is too large in a file, by name and size."""
    for function in functions_in(tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > LONGEST_FUNCTION:
            yield f"{function.name} has {lines} lines"
    for found in classes_in(tree):
        if (methods := len(methods_of(found))) > MOST_METHODS:
            yield f"{found.name} has {methods} methods"
        if (fields := len(fields_of(found))) > MOST_FIELDS and not is_record(found):
            yield f"{found.name} has {fields} fields"


def socket_faults_in(tree: ast.AST) -> Iterator[str]:
    """What a module does with sockets that is not its business."""
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    makers = {"trio.socket"} | ({"socket"} & imported)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and SOCKET_MAKERS.fullmatch(node.attr):
            yield f"line {node.lineno}: {node.attr}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if _is_no_import_of_theirs(node.module, alias.name):
                    yield f"line {node.lineno}: {alias.name}"
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) in makers
        ):
            yield f"line {node.lineno}: {ast.unparse(node.func)}"


def _is_no_import_of_theirs(module: str | None, name: str) -> bool:
    if module == "trio_websocket":
        return name not in NAMES_OF_WEBSOCKETS
    is_of_trio = module == "trio" and (name == "socket" or SOCKET_MAKERS.fullmatch(name))
    return module == "socket" or bool(is_of_trio)


def public_coroutines(tree: ast.Module) -> Iterator[tuple[str, str, ast.AsyncFunctionDef]]:
    """The async functions that others call, with their names and what is said of them: of the
    module, and of its public classes. A class may speak for those that say nothing."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in methods_of(node):
                if isinstance(method, ast.AsyncFunctionDef) and not method.name.startswith("_"):
                    said = ast.get_docstring(method) or ast.get_docstring(node) or ""
                    yield f"{node.name}.{method.name}", said, method
        elif isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node) or "", node


def unsaid_in(tree: ast.Module) -> Iterator[str]:
    """What the docstrings of public async functions leave out."""
    for name, said, function in public_coroutines(tree):
        if not SAYS_CANCELLATION.search(said):
            yield f"{name} does not say what its cancellation does"
        raises = any(isinstance(node, ast.Raise) for node in ast.walk(function))
        if raises and not re.search(r"\brais", said, re.IGNORECASE):
            yield f"{name} does not say what it raises"


# ---- the repository -----------------------------------------------------------------------------


def test_no_file_is_longer_than_can_be_kept_in_mind() -> None:
    lines = {name_of(path): len(path.read_bytes().splitlines()) for path in sources(".py", ".c")}
    assert len(lines) > 100
    assert {name: each for name, each in lines.items() if each > LONGEST_FILE} == {}


def test_no_function_and_no_class_is_larger_than_can_be_kept_in_mind() -> None:
    found = {name_of(path): list(oversized_in(tree_of(path))) for path in sources(".py")}
    assert {name: each for name, each in found.items() if each} == {}


def test_what_is_called_a_record_is_there() -> None:
    names = {found.name for path in package_modules() for found in classes_in(tree_of(path))}
    assert RECORDS.keys() <= names


def test_no_two_classes_of_the_package_have_one_name() -> None:
    places = defaultdict(list)
    for path in package_modules():
        for found in classes_in(tree_of(path)):
            places[found.name].append(name_of(path))
    assert {name: each for name, each in places.items() if len(each) > 1} == {}


def test_no_function_is_named_by_a_word_that_has_meant_several_things() -> None:
    assert [
        f"{name_of(path)}: {function.name}"
        for path in sources(".py")
        for function in functions_in(tree_of(path))
        if FORBIDDEN_WORDS.search(function.name) and not function.name.startswith("test_")
    ] == []


def test_sockets_are_made_held_and_probed_in_one_folder() -> None:
    found = {
        inside: list(socket_faults_in(tree_of(path)))
        for path in package_modules()
        if not (inside := path.relative_to(PACKAGE).as_posix()).startswith(SOCKET_KEEPERS)
    }
    assert {name: each for name, each in found.items() if each} == {}


def test_every_public_coroutine_says_what_cancellation_does_and_what_it_raises() -> None:
    found = {name_of(path): list(unsaid_in(tree_of(path))) for path in package_modules()}
    assert {name: each for name, each in found.items() if each} == {}


# ---- the checker itself, with made-up source ----------------------------------------------------


def test_what_is_too_large_is_found() -> None:
    body = "".join(f"        self.x{count} = 0\n" for count in range(MOST_FIELDS + 1))
    methods = "".join(f"    def m{count}(self): ...\n" for count in range(MOST_METHODS))
    long = "def long():\n" + "    pass\n" * LONGEST_FUNCTION
    found = list(oversized_in(ast.parse(f"class A:\n    def __init__(self):\n{body}{methods}\n")))
    assert found == ["A has 23 methods", "A has 15 fields"]
    assert list(oversized_in(ast.parse(long))) == ["long has 61 lines"]
    record = "".join(f"    x{count}: int\n" for count in range(MOST_FIELDS + 1))
    assert list(oversized_in(ast.parse(f"@frozen\nclass A:\n{record}"))) == []
    assert list(oversized_in(ast.parse(f"@define\nclass A:\n{record}"))) == ["A has 15 fields"]


@pytest.mark.parametrize(
    "line",
    [
        "stream = await trio.open_tcp_stream('x', 1)",
        "import trio; trio.socket.socket()",
        "import socket; socket.create_connection(('x', 1))",
        "from trio import socket",
        "from socket import create_connection",
        "from trio_websocket import wrap_server_stream",
        "stream.socket.getpeername()",
        "def f(stream: trio.SocketStream): ...",
        "stream.socket.recv(1, socket.MSG_PEEK)",
    ],
)
def test_a_made_up_use_of_a_socket_is_found(line: str) -> None:
    tree = ast.parse(f"async def f():\n    {line}")
    assert len(list(socket_faults_in(tree))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from trio_websocket import ConnectionClosed, WebSocketConnection",
        "import socket; isinstance(error, socket.gaierror)",
        "link.socket.enqueue([]); socket.close()",
    ],
)
def test_what_others_may_do_with_sockets_is_no_fault(line: str) -> None:
    assert list(socket_faults_in(ast.parse(line))) == []


@pytest.mark.parametrize("name", ["flush", "_flush", "flush_all", "call_soon", "write_at_once"])
def test_a_forbidden_word_is_found_wherever_it_stands_in_a_name(name: str) -> None:
    assert FORBIDDEN_WORDS.search(name)


@pytest.mark.parametrize("name", ["run_flusher", "at_one", "sooner", "once"])
def test_a_word_that_only_holds_a_forbidden_one_is_none(name: str) -> None:
    assert not FORBIDDEN_WORDS.search(name)


def test_what_a_coroutine_does_not_say_is_found() -> None:
    source = '''
class Door:
    async def serve(self):
        """Serve. Cancellation ends it."""
        raise ValueError

    async def _own(self): ...

async def run():
    """Run; raises ValueError."""
    raise ValueError

class _Own:
    async def serve(self): ...
'''
    assert list(unsaid_in(ast.parse(source))) == [
        "Door.serve does not say what it raises",
        "run does not say what its cancellation does",
    ]
