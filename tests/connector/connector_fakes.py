"""Stand-ins for the connector's tests: a provider that obeys, a gateway that follows a script."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

import trio
import trio.testing
import trustme
from attrs import define, field
from trio_websocket import (
    WebSocketConnection,
    WebSocketRequest,
    serve_websocket,
    wrap_server_stream,
)
from trio_websocket import WebSocketServer as Server

from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.errors import LinkBroken
from eyeclaw_trio.protocol.bot import FromBot, StreamChunk, decode_from_bot
from eyeclaw_trio.protocol.cable import (
    SUBPROTOCOL,
    WELCOME,
    ChannelData,
    ChannelFraming,
    DisconnectReason,
    Subscribe,
    decode_from_client,
    encode_confirmation,
    encode_disconnect,
    encode_ping,
)
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.protocol.to_bot import (
    ChunkReceived,
    CommandMetadata,
    CommandParams,
    ExecuteCommand,
    ToBot,
    encode_to_bot,
)
from eyeclaw_trio.providers.provider import ProviderQuestion
from eyeclaw_trio.wire.connect import ClientStream

TOKEN = "bt_a-secret-of-the-tests"


def command(session_id: str = "t1", text: str = "你好", **metadata: Any) -> ExecuteCommand:
    """A question for a bot."""
    return ExecuteCommand(
        CommandParams(text),
        CommandMetadata(
            agent_id="1",
            session_id=session_id,
            openclaw_session_id="bot_1",
            trace_id="trace_1",
            **metadata,
        ),
        "2026-01-01T00:00:00.000+00:00",
    )


class Dictated:
    """A provider whose pieces the test hands out one by one, for each question text."""

    name = "dictated"

    def __init__(self, conversation: Conversation = "shared") -> None:
        self.conversation: Conversation = conversation
        self.questions: list[ProviderQuestion] = []
        self.closed: list[str] = []
        self._channels: dict[
            str, tuple[trio.MemorySendChannel[Any], trio.MemoryReceiveChannel[Any]]
        ] = {}
        self._changed = trio.Event()

    def dictate(self, text: str, *pieces: str | BaseException) -> None:
        """Give these pieces as (more of) the answer to a question; an exception is raised."""
        for piece in pieces:
            self._channel(text)[0].send_nowait(piece)

    def finish(self, text: str) -> None:
        """That was the answer."""
        self._channel(text)[0].close()

    def waiting(self, text: str) -> int:
        """Pieces that were handed out and not yet asked for."""
        return self._channel(text)[0].statistics().current_buffer_used

    async def asked(self, count: int = 1) -> None:
        """Return when so many questions have been asked."""
        await self._wait_for(lambda: len(self.questions) >= count)

    async def let_go(self, text: str) -> None:
        """Return when the request of this question has been closed."""
        await self._wait_for(lambda: text in self.closed)

    @asynccontextmanager
    async def answer(self, question: ProviderQuestion) -> AsyncIterator[AsyncIterator[str]]:
        """As a provider."""
        self.questions.append(question)
        self._notify()
        try:
            async with aclosing(self._pieces(question.text)) as pieces:
                yield pieces
        finally:
            self.closed.append(question.text)
            self._notify()

    async def warm_up(self) -> None:
        """As a provider."""

    async def keep_warm(self) -> None:
        pass

    async def aclose(self) -> None:
        """As a provider."""

    async def _pieces(self, text: str) -> AsyncGenerator[str, None]:
        async for piece in self._channel(text)[1]:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def _channel(
        self, text: str
    ) -> tuple[trio.MemorySendChannel[Any], trio.MemoryReceiveChannel[Any]]:
        if text not in self._channels:
            self._channels[text] = trio.open_memory_channel[Any](10_000)
        return self._channels[text]

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@define(eq=False)
class GatewayLink:
    """The gateway's end of one link."""

    request: WebSocketRequest
    websocket: WebSocketConnection
    ended: trio.Event = field(factory=trio.Event)
    identifier: str = ""
    subscriptions: int = 0

    async def send(self, *frames: bytes) -> None:
        """Send raw frames."""
        for frame in frames:
            await self.websocket.send_message(frame.decode())

    async def subscribed(self) -> None:
        """Welcome the bot and wait until it subscribes, without a confirmation."""
        await self.send(WELCOME)
        await self.hear_subscribe()

    async def hear_subscribe(self) -> None:
        """Wait for the next `subscribe`."""
        frame = decode_from_client(await self.websocket.get_message())
        assert isinstance(frame, Subscribe)
        self.identifier = frame.identifier
        self.subscriptions += 1

    async def let_in(self) -> None:
        """Welcome, subscription, confirmation."""
        await self.subscribed()
        await self.send(encode_confirmation(self.identifier))

    async def say(self, message: ToBot) -> None:
        """Say something on the bot's channel."""
        framing = ChannelFraming.of(self.identifier)
        await self.send(framing.message(encode_to_bot(message)))

    async def ping(self) -> None:
        """The cable's ping."""
        await self.send(encode_ping(1))

    async def hear(self) -> FromBot:
        """The next thing that the bot says on its channel; a subscription repeated is skipped."""
        while True:
            frame = decode_from_client(await self.websocket.get_message())
            if isinstance(frame, ChannelData):
                assert frame.identifier == self.identifier
                return decode_from_bot(frame.data)

    async def hear_many(self, count: int, *, acknowledge: bool = True) -> list[FromBot]:
        """The next messages, each chunk acknowledged as it comes."""
        heard: list[FromBot] = []
        while len(heard) < count:
            message = await self.hear()
            heard.append(message)
            if acknowledge and isinstance(message, StreamChunk):
                await self.acknowledge(message)
        return heard

    async def acknowledge(self, chunk: StreamChunk) -> None:
        """Say `chunk_received`."""
        assert chunk.sequence is not None
        await self.say(ChunkReceived(chunk.session_id, chunk.sequence))

    async def disconnect(self, reason: DisconnectReason, *, reconnect: bool) -> None:
        """Say `disconnect` and end the link."""
        await self.send(encode_disconnect(reason, reconnect=reconnect))
        self.ended.set()

    def cut(self) -> None:
        """End the connection without a word."""
        self.ended.set()


class Gateway:
    """Takes links and hands them to the test, in order."""

    def __init__(self) -> None:
        self.port = 8001
        self.refuses = False
        self.on_write: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        """Is awaited behind each write of the connector's, in memory."""
        self._links, self._come = trio.open_memory_channel[GatewayLink](100)
        self._nursery: trio.Nursery | None = None

    async def link(self) -> GatewayLink:
        """The next link that was opened."""
        return await self._come.receive()

    def address(self, bot_id: int = 1) -> LinkTarget:
        """Where it is."""
        return LinkTarget(f"http://127.0.0.1:{self.port}", bot_id, TOKEN)

    async def serve(
        self,
        certificate: trustme.LeafCert | None = None,
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        """On a real port."""
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            certificate.configure_cert(context)
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(
                partial(serve_websocket, self._handle, "127.0.0.1", 0, ssl_context=context)
            )
            self.port = server.port
            task_status.started()

    async def serve_in_memory(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Without sockets, for virtual time; to be opened by `open_stream`."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    async def open_stream(self, _: Endpoint, _context: ssl.SSLContext | None) -> ClientStream:
        """What the connector opens instead of a connection."""
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise LinkBroken("refused")
        ours, theirs = trio.testing.memory_stream_pair()
        carry_over = ours.send_stream.send_all_hook

        async def write() -> None:
            if carry_over is not None:
                await carry_over()
            await self.on_write()

        ours.send_stream.send_all_hook = write
        assert self._nursery is not None
        self._nursery.start_soon(self._serve_stream, theirs)
        return ClientStream(ours)

    async def _serve_stream(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            await self._handle(request, stream)
            nursery.cancel_scope.cancel()

    async def _handle(
        self, request: WebSocketRequest, stream: trio.abc.Stream | None = None
    ) -> None:
        websocket = await request.accept(subprotocol=SUBPROTOCOL)
        link = GatewayLink(request, websocket)
        self._links.send_nowait(link)
        await link.ended.wait()
        # Below the WebSocket, so that the bot sees a connection that breaks.
        with trio.CancelScope() as scope:
            scope.cancel()
            await (stream or websocket).aclose()


@define
class Announcements:
    """What the connector says of itself."""

    events: list[dict[str, object]] = field(factory=list)

    def __call__(self, event: dict[str, object]) -> None:
        self.events.append(event)

    def of(self, name: str) -> Sequence[dict[str, object]]:
        """Those of one name."""
        return [event for event in self.events if event["event"] == name]


__all__ = ["TOKEN", "Announcements", "Dictated", "Gateway", "command"]
