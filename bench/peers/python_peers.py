"""The Starlette application under uvicorn and under hypercorn, in one virtual environment."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from attrs import field, frozen

from .peer import HERE, HOST, CannotPrepare, Dialect, run

REQUIREMENTS: Final = HERE / "requirements.txt"
# Connections that may wait to be accepted: a thousand readers come at once.
BACKLOG: Final = 2048
# Between two WebSocket pings, as the gateway sends them (seconds).
WS_PING_EVERY: Final = 15


@frozen
class PythonPeer:
    """`arguments` makes the command line from the folder of programs and the port."""

    name: str
    title: str
    arguments: Callable[[Path, int], Sequence[str]]
    # Distributions to name in `version`, by the names they are shown under.
    shown: Sequence[str]
    dialect: Dialect = field(default="cable", init=False)

    def prepare(self, cache: Path) -> str | None:
        folder = cache / "peers-venv"
        installed = folder / "installed.txt"
        wanted = f"# Python {platform.python_version()}\n{REQUIREMENTS.read_text('utf-8')}"
        if installed.exists() and installed.read_text("utf-8") == wanted:
            return None
        try:
            shutil.rmtree(folder, ignore_errors=True)
            run(sys.executable, "-m", "venv", folder)
            run(
                folder / "bin/python",
                *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-cache-dir", "--requirement", REQUIREMENTS),
            )
        except CannotPrepare as reason:
            return str(reason)
        installed.write_text(wanted, "utf-8")
        return None

    def command(self, port: int, cache: Path) -> Sequence[str]:
        return self.arguments(cache / "peers-venv" / "bin", port)

    def environment(self, port: int) -> Mapping[str, str]:  # noqa: ARG002
        return {"PYTHONDONTWRITEBYTECODE": "1"}

    def version(self, cache: Path) -> str:
        packages = (cache / "peers-venv" / "lib").glob("python*/site-packages")
        versions = {
            found.name.lower(): found.version
            for found in distributions(path=[str(folder) for folder in packages])
        }
        parts = [f"{name} {versions[name.lower()]}" for name in self.shown]
        return ", ".join([*parts, f"Python {platform.python_version()}"])


def _uvicorn(programs: Path, port: int) -> Sequence[str]:
    return [
        *(str(programs / "uvicorn"), "starlette_app:app", "--app-dir", str(HERE)),
        *("--host", HOST, "--port", str(port), "--backlog", str(BACKLOG), "--workers", "1"),
        *("--loop", "uvloop", "--http", "httptools"),
        # What --ws auto takes as well; the older one on the same library costs a sixth more.
        *("--ws", "websockets-sansio", "--ws-per-message-deflate", "false"),
        *("--ws-ping-interval", str(WS_PING_EVERY)),
        *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "1"),
    ]


def _hypercorn(programs: Path, port: int) -> Sequence[str]:
    return [
        *(str(programs / "hypercorn"), f"{HERE / 'starlette_app'}:app"),
        *("--bind", f"{HOST}:{port}", "--backlog", str(BACKLOG)),
        # No supervisor: the one process does the work.
        *("--worker-class", "trio", "--workers", "0"),
        *("--websocket-ping-interval", str(WS_PING_EVERY), "--log-level", "warning"),
    ]


UVICORN: Final = PythonPeer(
    "uvicorn",
    "uvicorn + uvloop, Starlette",
    _uvicorn,
    ("uvicorn", "uvloop", "httptools", "websockets", "Starlette", "orjson"),
)
HYPERCORN: Final = PythonPeer(
    "hypercorn",
    "hypercorn (trio), Starlette",
    _hypercorn,
    ("Hypercorn", "trio", "h11", "wsproto", "Starlette", "orjson"),
)
