"""The gateways of a self-test: their folder, their processes, and how they are asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import orjson
import trio
from attrs import define, field, frozen

from eyeclaw_trio.app.data_folder import changing
from eyeclaw_trio.client.ask import AskedQuestion, ask
from eyeclaw_trio.client.chat import Lines, chat
from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.client.display import Shown
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.keys import create_key
from eyeclaw_trio.trust import trust_only

# Seconds: a program in one file unpacks itself first; a gateway without answers ends at once.
_READY_WITHIN: Final = 30.0
_STOP_WITHIN: Final = 15.0
_QUESTION: Final = "你好，若琪。This one asks itself."
# Settings of the user's, and what is not for a child: none of it reaches these processes.
_KEPT_BACK: Final = ("EYECLAW_", "OPENCLAW_", "NOTIFY_", "WATCHDOG_")


def own_program() -> Sequence[str]:
    """What starts this very program once more."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    return (sys.executable, "-m", "eyeclaw_trio")


def address_of(listen: str) -> Endpoint:
    """Where a gateway is that says so in its ready line."""
    host, _, port = listen.rpartition(":")
    return Endpoint(host.strip("[]"), int(port), is_secure=False)


def expect(is_so: bool, otherwise: str) -> None:
    """Raises EyeclawError with these words where it is not so."""
    if not is_so:
        raise EyeclawError(otherwise)


@frozen
class SelftestHouse:
    """A folder, and the program that runs on it."""

    folder: Path
    program: Sequence[str]

    @property
    def environ(self) -> Mapping[str, str]:
        """Of its processes: a home and a temporary folder of their own. A program in one file
        unpacks itself anew, as it does for a user."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_KEPT_BACK) and not name.endswith("_API_KEY")
        }
        home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(self.folder))
        return {**kept, **home, "TMPDIR": str(self.temporary), "PYINSTALLER_RESET_ENVIRONMENT": "1"}

    @property
    def temporary(self) -> Path:
        """Where its processes put what is to be gone when they end."""
        return self.folder / "tmp"

    async def ask_program(self, *words: str) -> str:
        """What a command prints. Raises EyeclawError where it fails. Cancelled, it is killed."""
        done = await trio.run_process(
            [*self.program, *words], capture_stdout=True, env=self.environ, check=False
        )
        expect(done.returncode == 0, f"{' '.join(words)} ended with status {done.returncode}")
        return done.stdout.decode().strip()


@define
class _Heard:
    """A display that shows nothing: the words of an answer."""

    text: str = ""

    def show(self, shown: Shown) -> None:
        self.text += shown.text

    def close(self) -> None:
        pass

    def expect_echo(self) -> None:
        expect(self.text == _QUESTION, f"the answer was {self.text!r}")


@define(eq=False)
class SelftestGateway:
    """A gateway on a data folder of its own, with a key that opens it; `certificate` is a file
    with its key."""

    house: SelftestHouse
    folder: Path
    certificate: Path | None = None
    _key: str = field(init=False, repr=False)

    @_key.default
    def _make_key(self) -> str:
        with closing(open_database(self.folder / "data")) as db:
            return create_key(db, "selftest", now=read_clock())[1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[dict[str, Any]]:
        """The gateway while the block lasts; yields its ready line. Raises EyeclawError where it
        does not start or does not end with status 0. Cancelled, it is ended too."""
        serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        pem = str(self.certificate or "")
        tls = {"EYECLAW_TLS_CERTIFICATE": pem, "EYECLAW_TLS_KEY": pem} if pem else {}
        async with self._process(serve, tls) as ready:
            yield ready

    async def ask(self, endpoint: Endpoint, agent: str) -> str:
        """As glasses do; the echo has to come back whole. Raises EyeclawError; cancelled, it
        hangs up."""
        heard = _Heard()
        question = AskedQuestion(endpoint, self._key, _QUESTION, agent_id=agent)
        context = None if self.certificate is None else trust_only(self.certificate)
        await ask(question, heard, context=context)
        heard.expect_echo()
        return "a question like that of glasses is answered"

    async def chat(self, endpoint: Endpoint) -> str:
        """As a chat client does. Raises EyeclawError; cancelled, it hangs up."""
        heard, (ours, theirs) = _Heard(), os.pipe()
        os.write(theirs, f"{_QUESTION}\n".encode())
        os.close(theirs)
        try:
            target = ChatTarget(endpoint, "selftest", self._key)
            await chat(target, heard, Lines(ours), is_patient=False)
        finally:
            os.close(ours)
        heard.expect_echo()
        return "a question over a WebSocket is answered"

    async def connect(self, endpoint: Endpoint) -> str:
        """A bot that links from a process of its own. Raises EyeclawError; cancelled, that
        process is ended."""
        with changing(self.folder / "data") as db:
            bot, token = add_bot(db, "linked", now=read_clock())
        words = ["connect", "--server", endpoint.url, "--bot", str(bot.id), "--provider", "echo"]
        async with self._process(words, {"EYECLAW_TOKEN": token or ""}) as event:
            expect(event.get("event") == "connected", f"it said {event!r}")
            await self.ask(endpoint, "linked")
        return "a bot that links over a WebSocket answers"

    @asynccontextmanager
    async def _process(
        self, words: Sequence[str], environ: Mapping[str, str]
    ) -> AsyncIterator[dict[str, Any]]:
        """A process for the length of the block, told to end behind it; yields its first line."""
        log = self.folder / f"{words[0]}.log"
        with log.open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                [*self.house.program, "--json", "--data", str(self.folder / "data"), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**self.house.environ, **environ},
                cwd=self.folder,
            )
        try:
            line = b""
            with trio.move_on_after(_READY_WITHIN):
                line = await _read_line(process)
            expect(bool(line), f"{words[0]} did not start: {_last_line(log)}")
            yield _read_event(words[0], line)
            process.send_signal(signal.SIGTERM)
            with trio.move_on_after(_STOP_WITHIN):
                await process.wait()
            status = process.returncode
            expect(status is not None, f"{words[0]} does not end at SIGTERM")
            expect(status == 0, f"{words[0]} ended with status {status}: {_last_line(log)}")
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _STOP_WITHIN):
                process.terminate()
                await process.wait()
            process.kill()
            if process.stdout is not None:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
                    await process.stdout.aclose()


async def _read_line(process: trio.Process) -> bytes:
    read = b""
    while process.stdout is not None and b"\n" not in read:
        piece = await process.stdout.receive_some()
        if not piece:
            break
        read += piece
    return read.partition(b"\n")[0]


def _read_event(command: str, line: bytes) -> dict[str, Any]:
    try:
        event: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise EyeclawError(f"{command} does not say what it should: {line[:100]!r}")
    return event


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return lines[-1] if lines else "it said nothing"
