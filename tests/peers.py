"""Peers over real sockets: a gateway in this process, an EyeClaw SDK, a reader, a model."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio
from attrs import define, field
from cable_fakes import CableGateway
from fakes import BUSY, FAILED, KEY, OFFLINE, SILENT, Glasses, read_events, spoken
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.providers.provider import ProviderQuestion
from eyeclaw_trio.wire.accepting import accept_connections

HOST = "127.0.0.1"


@asynccontextmanager
async def open_gateway(gateway: CableGateway) -> AsyncIterator[int]:
    """Serve this gateway on a real port; leaving ends all its connections."""
    async with gateway.services_running(), trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=HOST)
        await nursery.start(accept_connections, gateway.front_door.serve_connection, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def open_files() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


# ---- a reader -----------------------------------------------------------------------------------


async def ask(port: int, body: dict[str, Any], *, key: str = KEY) -> list[str]:
    """Ask over a connection of its own; returns all blocks of a complete response."""
    stream = await trio.open_tcp_stream(HOST, port)
    async with stream:
        glasses = Glasses(stream)
        await glasses.send(body, key=key)
        response = await glasses.receive_head()
        assert response.status_code == 200, await glasses.receive_body()
        return await glasses.receive_answer()


APOLOGIES = (OFFLINE, SILENT, BUSY, FAILED)


def split_apology(blocks: Sequence[str]) -> tuple[str, str]:
    """The answer's text and the apology behind it, if there is one; checks the form of both."""
    events = read_events(blocks)
    names = [name for name, _ in events]
    assert names.count("done") == 1, names
    assert names[-1] == "done", names
    assert "answer_stream" not in events[-1][1]
    messages = [data for name, data in events if name == "message"]
    assert [data["is_finish"] for data in messages] == [False] * (len(messages) - 1) + [True]
    last = messages[-1]["answer_stream"]
    assert last == "" or last.startswith(APOLOGIES), last
    return spoken(blocks).removesuffix(last), last


# ---- an EyeClaw SDK -----------------------------------------------------------------------------

MakeAnswer = Callable[[str], Sequence[str]]


@define(eq=False)
class SdkPeer:
    """A bot as the EyeClaw SDK is one, with its habits after a broken link (PROTOCOL 2).

    One command at a time. What is produced while the link is down is dropped, the sequence goes
    on, and the end and the summary of a turn that has ended meanwhile are the first words on the
    new link, before its subscription.
    """

    port: int
    bot_id: int
    token: str
    make_answer: MakeAnswer
    pause: Callable[[], float] = lambda: 0.002
    retry: float = 0.05
    ack_patience: float = 2.0
    max_links: float = float("inf")
    links: int = 0
    acknowledged: set[tuple[str, int]] = field(factory=set)
    disconnects: list[dict[str, Any]] = field(factory=list)
    _socket: WebSocketConnection | None = None
    _unsaid: list[dict[str, Any]] = field(factory=list)
    _linked: trio.Event = field(factory=trio.Event)

    @property
    def identifier(self) -> str:
        return json.dumps({"channel": "BotChannel", "bot_id": str(self.bot_id)})

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Link, and come back for ever; started once the first subscription is confirmed."""
        async with trio.open_nursery() as nursery:
            while self.links < self.max_links:
                with suppress(OSError):
                    await self._live(nursery, task_status)
                self._socket = None
                if any(not each.get("reconnect") for each in self.disconnects):
                    return
                await trio.sleep(self.retry)

    async def wait_until_linked(self) -> None:
        """Return when a subscription has been confirmed."""
        await self._linked.wait()

    async def _live(self, nursery: trio.Nursery, task_status: trio.TaskStatus[None]) -> None:
        # A transport of our own: the library leaves its own one open after a broken end.
        stream = await trio.open_tcp_stream(HOST, self.port)
        try:
            async with trio.open_nursery() as link:
                resource = f"/cable?sdk_token={self.token}&bot_id={self.bot_id}"
                with trio.fail_after(3):
                    socket = await wrap_client_stream(link, stream, HOST, resource)
                await self._talk(socket, nursery, task_status)
        except* (ConnectionClosed, HandshakeError, trio.TooSlowError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(
        self,
        socket: WebSocketConnection,
        nursery: trio.Nursery,
        task_status: trio.TaskStatus[None],
    ) -> None:
        self.links += 1
        unsaid, self._unsaid = self._unsaid, []
        for data in unsaid:
            await self._say_on(socket, data)
        subscribe = {"command": "subscribe", "identifier": self.identifier}
        await socket.send_message(json.dumps(subscribe))
        while True:
            frame = json.loads(await socket.get_message())
            if frame.get("type") == "confirm_subscription":
                self._socket = socket
                if not self._linked.is_set():
                    self._linked.set()
                    task_status.started()
            elif frame.get("type") == "disconnect":
                self.disconnects.append(frame)
            elif frame.get("type") == "ping":
                await socket.send_message('{"type":"pong"}')
            self._hear(frame.get("message"), nursery)

    def _hear(self, message: object, nursery: trio.Nursery) -> None:
        match message:
            case {"type": "execute_command", "metadata": {"session_id": turn}, "params": params}:
                nursery.start_soon(self._answer, turn, params["message"])
            case {"type": "chunk_received", "session_id": turn, "sequence": sequence}:
                self.acknowledged.add((turn, sequence))

    async def _answer(self, turn: str, question: str) -> None:
        pieces = list(self.make_answer(question))
        for sequence, piece in enumerate(pieces):
            await trio.sleep(self.pause())
            chunk = {"type": "stream_chunk", "content": piece, "sequence": sequence}
            await self._say({**chunk, "session_id": turn})  # lost where there is no link
        with trio.move_on_after(self.ack_patience):
            while self._socket and any(
                (turn, n) not in self.acknowledged for n in range(len(pieces))
            ):
                await trio.sleep(0.005)
        text = "".join(pieces)
        summary = {
            "type": "stream_summary",
            "session_id": turn,
            "total_content": text,
            "total_chunks": len(pieces),
            "content_hash": hash_content(text),
        }
        for data in ({"type": "stream_end", "session_id": turn}, summary):
            if not await self._say(data):
                self._unsaid.append(data)

    async def _say(self, data: dict[str, Any]) -> bool:
        if self._socket is None:
            return False
        try:
            await self._say_on(self._socket, data)
        except ConnectionClosed:
            return False
        return True

    async def _say_on(self, socket: WebSocketConnection, data: dict[str, Any]) -> None:
        frame = {"command": "message", "identifier": self.identifier, "data": json.dumps(data)}
        await socket.send_message(json.dumps(frame))


# ---- a model ------------------------------------------------------------------------------------


class Pieces:
    """The pieces of one answer, with pauses; fails behind them when told to."""

    def __init__(self, pieces: Sequence[str], pause: Callable[[], float], fails: bool) -> None:
        self._pieces = iter(pieces)
        self._pause = pause
        self._fails = fails

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str:
        await trio.sleep(self._pause())
        for piece in self._pieces:
            return piece
        if self._fails:
            raise ProviderFailed(Reason.MODEL_ERROR, "told to fail")
        raise StopAsyncIteration


@define(eq=False)
class FakeModel:
    """A provider that knows every answer; a question that says `fail` makes it fail at the end."""

    make_answer: MakeAnswer
    pause: Callable[[], float] = lambda: 0.002
    name: str = "fake"
    conversation: Conversation = "shared"
    asked: int = 0
    open_answers: int = 0

    @asynccontextmanager
    async def answer(self, question: ProviderQuestion) -> AsyncIterator[AsyncIterator[str]]:
        self.asked += 1
        self.open_answers += 1
        try:
            fails = "fail" in question.text
            yield Pieces(self.make_answer(question.text), self.pause, fails)
        finally:
            self.open_answers -= 1

    async def warm_up(self) -> None:
        pass

    async def keep_warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass
