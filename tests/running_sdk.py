"""A bot on a real socket, as the EyeClaw SDK is one."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import trio
from attrs import define, field
from processes import LIFETIME
from trio_websocket import WebSocketConnection, wrap_client_stream


@asynccontextmanager
async def open_sdk(
    connect: Callable[[], Awaitable[trio.abc.Stream]], authority: str, bot: dict[str, Any]
) -> AsyncIterator[Sdk]:
    """An SDK of this bot for the length of the block, not yet subscribed."""
    with trio.fail_after(LIFETIME):
        stream = await connect()
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, stream),  # the library takes any stream
            authority,
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
