"""Node's own HTTP server with the package `ws`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from .peer import HERE, CannotPrepare, Dialect, run

SOURCES: Final = HERE / "node_ws"


@frozen
class NodePeer:
    name: str = field(default="node", init=False)
    title: str = field(default="Node, ws", init=False)
    dialect: Dialect = field(default="cable", init=False)

    def prepare(self, cache: Path) -> str | None:
        folder = cache / "node_ws"
        wanted = json.loads((SOURCES / "package.json").read_text("utf-8"))["dependencies"]["ws"]
        # node looks for packages beside the program, so the program goes where they are.
        folder.mkdir(parents=True, exist_ok=True)
        for source in ("package.json", "server.js"):
            shutil.copyfile(SOURCES / source, folder / source)
        try:
            run("node", "--version")
            if _installed(folder) != wanted:
                run(
                    *("npm", "install", "--omit=dev", "--no-audit", "--no-fund"),
                    *("--no-package-lock", "--no-update-notifier", "--cache", ".npm"),
                    *("--logs-max", "0"),
                    cwd=folder,
                )
        except CannotPrepare as reason:
            return str(reason)
        return None

    def command(self, port: int, cache: Path) -> Sequence[str]:
        return ["node", str(cache / "node_ws" / "server.js"), str(port)]

    def environment(self, port: int) -> Mapping[str, str]:  # noqa: ARG002
        return {"NODE_ENV": "production"}

    def version(self, cache: Path) -> str:
        node = run("node", "--version").strip().removeprefix("v")
        return f"Node {node}, ws {_installed(cache / 'node_ws')}"


def _installed(folder: Path) -> str | None:
    """The version of `ws` in `folder`, None when there is none."""
    try:
        text = (folder / "node_modules" / "ws" / "package.json").read_text("utf-8")
    except FileNotFoundError:
        return None
    version: str = json.loads(text)["version"]
    return version


NODE: Final = NodePeer()
