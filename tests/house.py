"""The program as its users run it: real processes, real sockets, a folder of its own for each.

`House` is that folder: `eyeclaw.toml` in it, `data` in it, and what runs on them.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import trio
import trustme
from attrs import define, field
from processes import (
    COMMAND_WITHIN,
    LIFETIME,
    READY_WITHIN,
    Child,
    Finished,
    environ_of,
    open_child,
    open_shared,
)
from running_gateway import Gateway, Model

from eyeclaw_trio.store import bots
from eyeclaw_trio.store.database import open_database

# Another program of ours can be tested with the same tests: EYECLAW=dist/eyeclaw.
PROGRAM: Final = (
    (str(Path(os.environ["EYECLAW"]).resolve()),)
    if "EYECLAW" in os.environ
    else (sys.executable, "-m", "eyeclaw_trio")
)
MODEL: Final = (sys.executable, str(Path(__file__).with_name("scripted_model.py")))


@define
class House:
    """A folder with settings and data; `key` is the one that the first start has shown, and
    `lifetime` the seconds that a gateway on it has."""

    folder: Path
    key: str = field(default="", repr=False)
    lifetime: float = LIFETIME

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def configure(self, settings: str) -> None:
        (self.folder / "eyeclaw.toml").write_text(settings, "utf-8")

    def add_bot(self, name: str) -> dict[str, Any]:
        """A bot that links, made without a process for it: its id and token. Blocks shortly."""
        with closing(open_database(self.data)) as db:
            bot, token = bots.add_bot(db, name, None, now=datetime.now(UTC))
        return {"id": bot.id, "token": token}

    async def command(self, *arguments: str, **environ: str) -> Finished:
        """Run one command to its end."""
        return await trio.to_thread.run_sync(lambda: self.command_now(*arguments, **environ))

    def set_password(self, password: str) -> Finished:
        """`eyeclaw admin password`, as a script uses it; blocks."""
        return self.command_now("admin", "password", stdin=f"{password}\n")

    def command_now(self, *arguments: str, stdin: str | None = None, **environ: str) -> Finished:
        """Run one command to its end; blocks."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            self._command(arguments),
            env=environ_of(self.folder, environ),
            cwd=self.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=COMMAND_WITHIN,
            **given,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    async def result(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        return (await self.command(*arguments, "--json")).result

    @asynccontextmanager
    async def run(self, name: str, *arguments: str, **environ: str) -> AsyncIterator[Child]:
        """One of our own commands, for as long as the block lasts."""
        async with open_child(self.folder, name, self._command(arguments), environ) as child:
            yield child

    @asynccontextmanager
    async def serve(
        self, *arguments: str, scheme: str = "http", **environ: str
    ) -> AsyncIterator[Gateway]:
        """A gateway that is ready; it and everything in the block have the house's lifetime."""
        with trio.fail_after(self.lifetime):
            async with self.run("serve", *_serve(arguments), **environ) as child:
                with trio.fail_after(READY_WITHIN):
                    ready = await child.line()
                self._note_key(child.log)
                yield Gateway.of(ready, self.key, scheme=scheme, child=child)

    @asynccontextmanager
    async def connect(
        self, gateway: Gateway, bot: dict[str, Any], *, provider: str, **environ: str
    ) -> AsyncIterator[Child]:
        """A connector whose bot is linked."""
        arguments = ["--server", gateway.url, "--bot", str(bot["id"]), "--provider", provider]
        environ = {"EYECLAW_TOKEN": bot["token"], **environ}
        async with self.run("connect", "connect", *arguments, **environ) as child:
            with trio.fail_after(READY_WITHIN):
                assert (await child.line())["event"] == "connected"
            yield child

    @asynccontextmanager
    async def model(
        self, script: str = "pieces", *, tls: trustme.CA | None = None, name: str = "model"
    ) -> AsyncIterator[Model]:
        """A scripted model in a process of its own; with TLS by a certificate of this
        authority."""
        command = [*MODEL, "--script", script]
        trusted: ssl.SSLContext | None = None
        if tls is not None:
            pem = self.folder / f"{name}.pem"
            certificate = tls.issue_cert("localhost")
            certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))
            command += ["--certificate", str(pem)]
            trusted = ssl.create_default_context()
            tls.configure_trust(trusted)
        async with open_child(self.folder, name, command, {}) as child:
            with trio.fail_after(READY_WITHIN):
                port = (await child.line())["port"]
            yield Model(port, trusted)

    # ---- for fixtures that several tests share, which cannot be asynchronous ---------------------

    @contextmanager
    def serve_shared(self) -> Iterator[Gateway]:
        """A gateway that is ready, without a Child to handle it."""
        with open_shared(self.folder, "serve", self._command(_serve(())), {}) as ready:
            self._note_key((self.folder / "serve.stderr").read_text("utf-8"))
            yield Gateway.of(ready, self.key)

    @contextmanager
    def connect_shared(
        self, gateway: Gateway, bot: dict[str, Any], *, provider: str
    ) -> Iterator[None]:
        """A connector whose bot is linked."""
        arguments = ["--server", gateway.url, "--bot", str(bot["id"]), "--provider", provider]
        command = self._command(["connect", *arguments])
        with open_shared(self.folder, "connect", command, {"EYECLAW_TOKEN": bot["token"]}) as line:
            assert line["event"] == "connected"
            yield

    @contextmanager
    def model_shared(self) -> Iterator[Model]:
        """A scripted model in a process of its own."""
        with open_shared(self.folder, "model", MODEL, {}) as ready:
            yield Model(ready["port"])

    # ---- inside ----------------------------------------------------------------------------------

    def _note_key(self, log: str) -> None:
        self.key = next((word for word in log.split() if word.startswith("ak_")), self.key)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [*PROGRAM, "--data", str(self.data), *arguments]


def _serve(arguments: Sequence[str]) -> list[str]:
    return ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *arguments]
