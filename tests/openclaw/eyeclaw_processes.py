"""Our own program as its users run it: `eyeclaw serve`, and `eyeclaw connect` beside it.

Two gateways, each with one bot `home` that asks OpenClaw: in one the bot is embedded, in the other
it is linked over `/cable` by a connector. Their data folders outlive a restart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define, field
from children import ChildFailed, child
from openclaw_process import TOKEN

READY_TIMEOUT: Final = 30.0  # seconds
COMMAND_TIMEOUT: Final = 30.0
FIRST_TOKEN_TIMEOUT: Final = 8.0  # OpenClaw, once warm, takes a fraction of a second
EYECLAW: Final = (sys.executable, "-m", "eyeclaw_trio")

LISTEN: Final = """\
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
"""
PROVIDER: Final = """\
[providers.openclaw]
base_url = "{base_url}"
api_key_env = "OPENCLAW_GATEWAY_TOKEN"
model = "openclaw/main"
first_token_timeout = {first_token_timeout}
"""
EMBEDDED_BOT: Final = """\
[[bots]]
name = "home"
provider = "openclaw"
default = true
"""


@define
class Gateway:
    """One `eyeclaw serve` with its data folder, its key and its bot."""

    name: str
    folder: Path
    openclaw_url: str
    is_linked: bool
    key: str = field(default="", repr=False)
    bot: dict[str, Any] = field(factory=dict, repr=False)

    def prepare(self) -> None:
        """Write the settings, make the key and, for a link, the bot. Blocks."""
        self.folder.mkdir()
        provider = PROVIDER.format(
            base_url=self.openclaw_url, first_token_timeout=FIRST_TOKEN_TIMEOUT
        )
        serve = LISTEN if self.is_linked else LISTEN + provider + EMBEDDED_BOT
        self._file("serve.toml").write_text(serve)
        self._file("connect.toml").write_text(provider)
        self.key = self._run("key", "create", "check")["key"]
        if self.is_linked:
            self.bot = self._run("bot", "add", "home")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The gateway's address, once its bot is there too."""
        serve = [*EYECLAW, "serve", "--config", str(self._file("serve.toml")), *self._data()]
        async with child(f"{self.name}-serve", serve, self._environment(), self.folder) as process:
            ready = json.loads(await process.first_line(READY_TIMEOUT))
            address = f"http://{ready['listen']}"
            if not self.is_linked:
                yield address
                return
            connect = [*EYECLAW, "connect", "--server", address, "--bot", str(self.bot["id"])]
            connect += ["--provider", "openclaw", "--config", str(self._file("connect.toml"))]
            environment = {**self._environment(), "EYECLAW_TOKEN": self.bot["token"]}
            async with child(f"{self.name}-connect", connect, environment, self.folder) as link:
                await link.first_line(READY_TIMEOUT)
                yield address

    def _run(self, *command: str) -> dict[str, Any]:
        """The result of one command on the data folder."""
        done = subprocess.run(
            [*EYECLAW, *command, "--json", *self._data()],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
        )
        if done.returncode != 0:
            raise ChildFailed(f"eyeclaw {' '.join(command)}: {done.stderr.strip()}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def _data(self) -> list[str]:
        return ["--data", str(self._file("data"))]

    def _file(self, name: str) -> Path:
        return self.folder / name

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "OPENCLAW_GATEWAY_TOKEN": TOKEN,
        }


async def prepare_all(gateways: list[Gateway]) -> None:
    for gateway in gateways:
        await trio.to_thread.run_sync(gateway.prepare)
