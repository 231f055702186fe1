"""The real OpenClaw as a child process on loopback, with all its state in one folder.

Its only provider is the model at `model_url`; what would look for updates, catalogues or peers is
off. Its locks it keeps in `/tmp` whatever `TMPDIR` says: its own are removed when it has ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import trio
from attrs import define, field
from children import Child, child
from install import Installation

TOKEN: Final = "loopback-only-token"
READY_TIMEOUT: Final = 90.0  # seconds; in fact 5 s, and 15 s on a busy machine
QUIET: Final = {
    "OPENCLAW_DISABLE_BONJOUR": "1",
    "OPENCLAW_EXEC_SHELL_SNAPSHOT": "0",
    "OPENCLAW_NO_AUTO_UPDATE": "1",
    "OPENCLAW_NO_RESPAWN": "1",
    "OPENCLAW_OFFLINE": "1",
    "OPENCLAW_SKIP_CHANNELS": "1",
}


@define
class OpenClaw:
    """One OpenClaw, always on the same port and state; `running` starts and stops it."""

    installation: Installation
    folder: Path
    model_url: str
    port: int = field(factory=lambda: free_port())

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @asynccontextmanager
    async def running(self, *, endpoint: bool) -> AsyncIterator[Child]:
        """OpenClaw, ready; `endpoint` is whether it has its chat completions switched on."""
        for name in ("home", "tmp", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        config = self.folder / "openclaw.json"
        config.write_text(json.dumps(self._config(endpoint=endpoint), indent=2))
        environment = {
            **QUIET,
            "PATH": os.defpath,
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "NODE_COMPILE_CACHE": str(self.installation.compile_cache),
            "OPENCLAW_CONFIG_PATH": str(config),
            "OPENCLAW_STATE_DIR": str(self.folder / "state"),
        }
        program = (self.installation.node, self.installation.openclaw)
        command = (*program, "gateway", "--port", str(self.port))
        locks = find_locks()
        try:
            async with child("openclaw", command, environment, self.folder) as process:
                await self._wait_until_ready(process)
                yield process
        finally:
            sweep_locks(locks)

    def _config(self, *, endpoint: bool) -> dict[str, Any]:
        words = {"id": "words", "name": "Words", "reasoning": False, "input": ["text"]}
        limits = {"contextWindow": 128_000, "maxTokens": 4_096}
        provider = {
            "baseUrl": self.model_url,
            "apiKey": "unused",
            "api": "openai-completions",
            "models": [{**words, **limits}],
        }
        return {
            "gateway": {
                "mode": "local",
                "bind": "loopback",
                "auth": {"mode": "token", "token": TOKEN},
                "http": {"endpoints": {"chatCompletions": {"enabled": endpoint}}},
                "controlUi": {"enabled": False},
            },
            "agents": {
                "defaults": {"model": {"primary": "scripted/words"}, "heartbeat": {"every": "0m"}}
            },
            "models": {
                "mode": "replace",
                "catalogRefresh": {"enabled": False},
                "providers": {"scripted": provider},
            },
            "logging": {"file": str(self.folder / "openclaw.log")},
            "discovery": {"mdns": {"mode": "off"}},
            "telemetry": {"enabled": False},
            "update": {"checkOnStart": False},
        }

    async def _wait_until_ready(self, process: Child) -> None:
        with trio.move_on_after(READY_TIMEOUT):
            async with httpx2.AsyncClient(trust_env=False) as client:
                while True:
                    process.check_alive()
                    with suppress(httpx2.TransportError):
                        url = f"http://127.0.0.1:{self.port}/readyz"
                        if (await client.get(url)).status_code == httpx2.codes.OK:
                            return
                    await trio.sleep(0.05)
        raise process.failure(f"was not ready within {READY_TIMEOUT:.0f} s")


def find_locks() -> set[Path]:
    return set(Path("/tmp").glob("openclaw-state-locks*/*.sqlite*"))


def sweep_locks(others: set[Path]) -> None:
    """Remove the locks that came since `others` were found, unless a process holds them."""
    for lock in find_locks() - others:
        with suppress(OSError), lock.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as SQLite locks
            lock.unlink()
    for folder in (*Path("/tmp").glob("openclaw-state-locks*"), Path("/tmp/openclaw")):
        with suppress(OSError):
            folder.rmdir()  # only when it is empty


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
