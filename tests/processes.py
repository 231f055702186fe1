"""The program as its users run it: real processes, real sockets, a folder of its own for each.

`House` is that folder: `eyeclaw.toml` in it, `data` in it, and what runs on them. A process ends
with the block that started it, whatever happened inside, and must have left no traceback.
"""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import trio
import trustme
from attrs import define, field, frozen
from fakes import Glasses, question
from trio_websocket import WebSocketConnection, wrap_client_stream

from eyeclaw_trio.store import bots
from eyeclaw_trio.store.database import open_database

PROGRAM: Final = (sys.executable, "-m", "eyeclaw_trio")
MODEL: Final = (sys.executable, str(Path(__file__).with_name("scripted_model.py")))
FIXTURES: Final = Path(__file__).with_name("fixtures")

# Bounds for what takes a moment; a loaded machine may need many times that (seconds).
READY_WITHIN: Final = 20.0
COMMAND_WITHIN: Final = 20.0
STOP_WITHIN: Final = 5.0
# No test of real processes takes longer, whatever it waits for (seconds).
LIFETIME: Final = 20.0
# Between two looks at what cannot tell us that it has changed (seconds).
LOOK_EVERY: Final = 0.02


def read_fixture(name: str) -> list[dict[str, Any]]:
    """The objects of a file in `fixtures`, one a line."""
    return [json.loads(line) for line in (FIXTURES / name).read_text("utf-8").splitlines()]


async def eventually(
    holds: Callable[[], Awaitable[object]], *, seconds: float, every: float = LOOK_EVERY
) -> None:
    """Look again and again. Raises trio.TooSlowError when `holds` is not true in time."""
    with trio.fail_after(seconds):
        while not await holds():
            await trio.sleep(every)


# --- processes ------------------------------------------------------------------------------------


@define(eq=False)
class Child:
    """A running process. Its stdout is read here, its stderr goes to a file."""

    process: trio.Process
    stderr: Path
    _unread: bytes = b""

    async def read(self) -> str:
        """What has come on stdout, at least something; empty at its end."""
        if not self._unread:
            await self._receive()
        text, self._unread = self._unread.decode(), b""
        return text

    async def line(self) -> Any:
        """The next line of stdout, as JSON."""
        while b"\n" not in self._unread:
            assert await self._receive(), f"it has ended: {self.log}"
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    @property
    def log(self) -> str:
        return self.stderr.read_text("utf-8")

    async def status(self, *, within: float = STOP_WITHIN) -> int:
        """The exit status; the process has to end in time."""
        with trio.fail_after(within):
            return await self.process.wait()

    async def _receive(self) -> bytes:
        assert self.process.stdout is not None
        data = bytes(await self.process.stdout.receive_some())
        self._unread += data
        return data


@frozen
class Finished:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def result(self) -> Any:
        """The JSON document of a command that worked."""
        assert self.status == 0, self.stderr
        return json.loads(self.stdout)


@define
class House:
    """A folder with settings and data; `key` is the one that the first start has shown."""

    folder: Path
    key: str = field(default="", repr=False)

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

    def command_now(self, *arguments: str, **environ: str) -> Finished:
        """Run one command to its end; blocks."""
        done = subprocess.run(
            self._command(arguments),
            env=self._environ(environ),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=COMMAND_WITHIN,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    async def result(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        return (await self.command(*arguments, "--json")).result

    @asynccontextmanager
    async def run(self, name: str, *arguments: str, **environ: str) -> AsyncIterator[Child]:
        """One of our own commands, for as long as the block lasts."""
        async with self._child(name, self._command(arguments), environ) as child:
            yield child

    @asynccontextmanager
    async def serve(
        self, *arguments: str, scheme: str = "http", **environ: str
    ) -> AsyncIterator[Gateway]:
        """A gateway that is ready; it and everything in the block have LIFETIME."""
        with trio.fail_after(LIFETIME):
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
        async with self._child(name, command, {}) as child:
            with trio.fail_after(READY_WITHIN):
                yield Model((await child.line())["port"], trusted)

    # ---- for fixtures that several tests share, which cannot be asynchronous ---------------------

    @contextmanager
    def serve_shared(self) -> Iterator[Gateway]:
        """A gateway that is ready, without a Child to handle it."""
        with self._shared("serve", self._command(_serve(()))) as ready:
            self._note_key((self.folder / "serve.stderr").read_text("utf-8"))
            yield Gateway.of(ready, self.key)

    @contextmanager
    def connect_shared(
        self, gateway: Gateway, bot: dict[str, Any], *, provider: str
    ) -> Iterator[None]:
        """A connector whose bot is linked."""
        arguments = ["--server", gateway.url, "--bot", str(bot["id"]), "--provider", provider]
        command = self._command(["connect", *arguments])
        with self._shared("connect", command, EYECLAW_TOKEN=bot["token"]) as line:
            assert line["event"] == "connected"
            yield

    @contextmanager
    def model_shared(self) -> Iterator[Model]:
        """A scripted model in a process of its own."""
        with self._shared("model", MODEL) as ready:
            yield Model(ready["port"])

    # ---- inside ----------------------------------------------------------------------------------

    def _note_key(self, log: str) -> None:
        self.key = next((word for word in log.split() if word.startswith("ak_")), self.key)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [*PROGRAM, "--data", str(self.data), *arguments]

    def _environ(self, environ: dict[str, str]) -> dict[str, str]:
        # Nothing of the environment that the tests run in: no settings, no proxies.
        return {"PATH": os.defpath, "HOME": str(self.folder), **environ}

    @asynccontextmanager
    async def _child(
        self, name: str, command: Sequence[str], environ: dict[str, str]
    ) -> AsyncIterator[Child]:
        log = self.folder / f"{name}.stderr"
        with log.open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                command,
                env=self._environ(environ),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        child = Child(process, log)
        try:
            yield child
        finally:
            with trio.CancelScope(shield=True):
                process.terminate()
                with trio.move_on_after(STOP_WITHIN):
                    await process.wait()
                process.kill()
                await process.wait()
                if process.stdout is not None:
                    await process.stdout.aclose()
        assert "Traceback" not in child.log, child.log

    @contextmanager
    def _shared(self, name: str, command: Sequence[str], **environ: str) -> Iterator[Any]:
        """A process, with its first line as JSON."""
        log = self.folder / f"{name}.stderr"
        with (
            log.open("wb") as stderr,
            subprocess.Popen(
                command,
                env=self._environ(environ),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                ready, _, _ = select.select([process.stdout], [], [], READY_WITHIN)
                line = process.stdout.readline() if ready else b""
                assert line, f"it is not ready: {log.read_text('utf-8')}"
                yield json.loads(line)
            finally:
                process.terminate()
                try:
                    process.wait(STOP_WITHIN)
                finally:
                    process.kill()
        assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")


def _serve(arguments: Sequence[str]) -> list[str]:
    return ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *arguments]


# --- what the processes are to a test -------------------------------------------------------------


@frozen
class Model:
    """A scripted model that runs elsewhere."""

    port: int
    trusted: ssl.SSLContext | None = None

    @property
    def base_url(self) -> str:
        if self.trusted is not None:
            return f"https://localhost:{self.port}/v1"
        return f"http://127.0.0.1:{self.port}/v1"

    async def seen(self) -> dict[str, Any]:
        """What it has counted."""
        stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        if self.trusted is not None:
            stream = trio.SSLStream(
                stream, self.trusted, server_hostname="localhost", https_compatible=True
            )
        async with stream:
            glasses = Glasses(stream)
            await glasses.send(method="GET", target="/seen", key=None)
            await glasses.receive_head()
            seen: dict[str, Any] = json.loads(await glasses.receive_body())
            return seen

    async def wait_for(self, name: str, count: int, *, seconds: float = 5.0) -> None:
        """Wait until it has counted so many (`aborted`, or questions as `completions`)."""

        async def has_come() -> bool:
            value = (await self.seen())[name]
            return bool((len(value) if isinstance(value, list) else value) >= count)

        await eventually(has_come, seconds=seconds)


@frozen
class Gateway:
    """A gateway that runs elsewhere, and a key to it."""

    host: str
    port: int
    key: str = field(repr=False)
    scheme: str = "http"
    child: Child | None = None
    trusted: ssl.SSLContext | None = None
    admin_listen: str = ""

    @classmethod
    def of(
        cls, ready: dict[str, Any], key: str, *, scheme: str = "http", child: Child | None = None
    ) -> Gateway:
        """From the line that it prints when it is ready."""
        assert list(ready) == ["event", "listen", "admin_listen", "pid"]
        assert ready["event"] == "ready"
        host, _, port = ready["listen"].rpartition(":")
        return cls(host, int(port), key, scheme, child, admin_listen=ready["admin_listen"])

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def process(self) -> trio.Process:
        assert self.child is not None
        return self.child.process

    async def open_stream(self) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(self.host, self.port)
        if self.trusted is None:
            return stream
        return trio.SSLStream(
            stream, self.trusted, server_hostname=self.host, https_compatible=True
        )

    @asynccontextmanager
    async def glasses(self) -> AsyncIterator[Glasses]:
        """A connection of the platform's, for at most LIFETIME; leaving hangs up."""
        with trio.fail_after(LIFETIME):
            stream = await self.open_stream()
            try:
                yield Glasses(stream)
            finally:
                await trio.aclose_forcefully(stream)

    async def ask(self, text: str = "你好", **fields: Any) -> list[str]:
        """All blocks of one answer."""
        async with self.glasses() as glasses:
            await self.send(glasses, text, **fields)
            return await glasses.receive_answer()

    async def send(self, glasses: Glasses, text: str = "你好", **fields: Any) -> None:
        """Ask on this connection; returns behind the head and `: connected`."""
        await glasses.send(question(text, **fields), key=self.key)
        response = await glasses.receive_head()
        assert response.status_code == 200, await glasses.receive_body()
        assert await glasses.receive_event() == ": connected"

    async def post(self, body: object = None, *, key: str | None = None) -> int:
        """The status of one question; its answer is not waited for."""
        async with self.glasses() as glasses:
            await glasses.send(body, key=key or self.key)
            return (await glasses.receive_head()).status_code

    async def health(self) -> tuple[int, dict[str, Any]]:
        async with self.glasses() as glasses:
            await glasses.send(method="GET", target="/health", key=None)
            status = (await glasses.receive_head()).status_code
            return status, json.loads(await glasses.receive_body())

    async def wait_for_bots(self, count: int, *, seconds: float = 5.0) -> None:
        """Wait until so many bots are online."""

        async def are_there() -> bool:
            return bool((await self.health())[1]["bots_online"] == count)

        await eventually(are_there, seconds=seconds)

    def sdk(self, bot: dict[str, Any]) -> AbstractAsyncContextManager[Sdk]:
        """An SDK of this bot, not yet subscribed; what it waits for takes at most LIFETIME."""
        return _open_sdk(self, bot)


@asynccontextmanager
async def _open_sdk(gateway: Gateway, bot: dict[str, Any]) -> AsyncIterator[Sdk]:
    with trio.fail_after(LIFETIME):
        stream = await gateway.open_stream()
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, stream),  # the library takes any stream
            f"{gateway.host}:{gateway.port}",
            f"/cable?sdk_token={bot['token']}&bot_id={bot['id']}",
        )
        try:
            yield Sdk(socket, stream, bot["id"])
        finally:
            await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


@define(eq=False)
class Sdk:
    """A bot as the EyeClaw SDK is one: no subprotocol, one command at a time, no `cancel`."""

    socket: WebSocketConnection
    stream: trio.abc.Stream
    bot_id: int
    confirmations: int = 0
    acknowledged: list[tuple[str, int]] = field(factory=list)

    @property
    def identifier(self) -> str:
        return f'{{"channel":"BotChannel","bot_id":"{self.bot_id}"}}'

    async def send(self, frame: object) -> None:
        await self.socket.send_message(json.dumps(frame, ensure_ascii=False))

    async def say(self, kind: str, session_id: str, **fields: Any) -> None:
        """One stream message."""
        data = json.dumps({"type": kind, "session_id": session_id, **fields}, ensure_ascii=False)
        await self.send({"command": "message", "identifier": self.identifier, "data": data})

    async def chunk(self, session_id: str, sequence: int, content: str) -> None:
        await self.say("stream_chunk", session_id, content=content, sequence=sequence)

    async def end(self, session_id: str, text: str, chunks: int) -> None:
        """The end, and right behind it the summary."""
        await self.say("stream_end", session_id)
        await self.summarise(session_id, text, chunks)

    async def summarise(self, session_id: str, text: str, chunks: int) -> None:
        await self.say(
            "stream_summary",
            session_id,
            total_content=text,
            total_chunks=chunks,
            content_hash=hash_of(text),
        )

    async def hear(self) -> Any:
        """The next frame; None for a ping, which is answered, and for an acknowledgement."""
        frame = json.loads(await self.socket.get_message())
        message = frame.get("message")
        if frame.get("type") == "ping":
            assert isinstance(message, int)
            await self.send({"type": "pong"})
            return None
        if isinstance(message, dict) and message.get("type") == "chunk_received":
            assert frame["identifier"] == self.identifier
            self.acknowledged.append((message["session_id"], message["sequence"]))
            return None
        self.confirmations += frame.get("type") == "confirm_subscription"
        return frame

    async def receive(self) -> Any:
        """The next frame that says something."""
        with trio.fail_after(LIFETIME):
            while (frame := await self.hear()) is None:
                pass
        return frame

    async def wait_for_acknowledged(self, count: int) -> None:
        """Wait for so many acknowledgements in all; nothing else may come."""
        with trio.fail_after(LIFETIME):
            while len(self.acknowledged) < count:
                assert await self.hear() is None

    async def link(self) -> None:
        """Subscribe every 500 ms until it is confirmed, as the SDK does."""
        assert await self.receive() == {"type": "welcome"}
        while not self.confirmations:
            await self.send({"command": "subscribe", "identifier": self.identifier})
            with trio.move_on_after(0.5):
                confirmation = await self.receive()
                assert confirmation["identifier"] == self.identifier
        connected = await self.receive()
        assert connected["message"]["type"] == "connected", connected

    async def receive_command(self) -> dict[str, Any]:
        """The next message of the channel, which has to be a question."""
        message: dict[str, Any] = (await self.receive())["message"]
        assert message["type"] == "execute_command", message
        return message

    async def receive_turn(self) -> str:
        """The session id of the next question."""
        turn: str = (await self.receive_command())["metadata"]["session_id"]
        return turn

    def kill(self) -> None:
        """Let the connection end as that of a killed process may: with RST, without a word."""
        assert isinstance(self.stream, trio.SocketStream)
        linger = struct.pack("ii", 1, 0)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.stream.socket.close()


def hash_of(text: str) -> str:
    """`content_hash` as the SDK makes it: 32 bits with wrap-around over UTF-16 code units."""
    units = struct.unpack(f"<{len(text.encode('utf-16-le')) // 2}H", text.encode("utf-16-le"))
    value = 0
    for unit in units:
        value = (value * 31 + unit) & 0xFFFFFFFF
    return f"{value - (1 << 32):x}" if value >> 31 else f"{value:x}"
