"""The gateway as a Starlette application: bots on `/cable`, readers on `POST /sse/rokid`.

One file for both servers: uvicorn runs it on asyncio, hypercorn on trio. Tasks and sleeping go
through anyio; the queue of a turn, which every chunk passes, is the event loop's own (anyio's
memory channel costs a tenth to a fifth more under uvicorn). JSON is orjson's. Only the peers'
own interpreter imports this, never the harness.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
import orjson
import sniffio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

Message = dict[str, Any]

# Between two `ping` messages of the protocol (seconds).
PING_EVERY = 3.0
SSE_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


@dataclass
class Bot:
    """A bot's connection; the identifier is known once it has subscribed."""

    bot_id: str
    websocket: WebSocket
    identifier: str = ""

    async def send(self, frame: Message) -> None:
        try:  # noqa: SIM105  (for each chunk: `suppress` would cost)
            await self.websocket.send_text(orjson.dumps(frame).decode())
        except (WebSocketDisconnect, WebSocketDisconnected):
            pass  # a bot that has gone; its turns are told in `cable`

    async def tell(self, message: Message) -> None:
        await self.send({"identifier": self.identifier, "message": message})


@dataclass
class Turn:
    """A question, and what its bot has said and nobody has read yet."""

    bot: Bot
    message_id: Any
    agent_id: Any
    session_id: str
    put: Callable[[Message], None]
    get: Callable[[], Awaitable[Message]]
    next_sequence: int = 0
    early: dict[int, Message] = field(default_factory=dict)

    def take(self, message: Message) -> None:
        """Queue a message of the bot: chunks in their sequence, each once."""
        if message["type"] != "stream_chunk":
            self.put(message)
            return
        sequence = message["sequence"]
        if sequence == self.next_sequence:
            self.put(message)
            self.next_sequence += 1
            while self.next_sequence in self.early:
                self.put(self.early.pop(self.next_sequence))
                self.next_sequence += 1
        elif sequence > self.next_sequence:
            self.early[sequence] = message

    def text(self, text: str, *, is_finish: bool) -> bytes:
        data = {
            "role": "agent",
            "type": "answer",
            "answer_stream": text,
            "message_id": self.message_id,
            "agent_id": self.agent_id,
            "is_finish": is_finish,
        }
        return b"event: message\ndata: " + orjson.dumps(data) + b"\n\n"

    def done(self) -> bytes:
        data = {
            "role": "agent",
            "type": "answer",
            "message_id": self.message_id,
            "agent_id": self.agent_id,
            "is_finish": True,
        }
        return b"event: done\ndata: " + orjson.dumps(data) + b"\n\n"


bots: dict[str, Bot] = {}
turns: dict[str, Turn] = {}


def now() -> str:
    return datetime.now(UTC).isoformat()


def open_queue() -> tuple[Callable[[Message], None], Callable[[], Awaitable[Message]]]:
    """Both ends of an unbounded queue of the event loop that runs us."""
    if sniffio.current_async_library() == "trio":
        import trio  # here, so that uvicorn's process does not carry it

        sender, receiver = trio.open_memory_channel[Message](math.inf)
        return sender.send_nowait, receiver.receive
    queue = asyncio.Queue[Message]()
    return queue.put_nowait, queue.get


# --- readers --------------------------------------------------------------------------------------


async def ask(request: Request) -> Response:
    """`POST /sse/rokid`: a question, answered by the bot that `agent_id` names."""
    body = orjson.loads(await request.body())
    bot = bots.get(str(body["agent_id"]))
    if bot is None:
        return JSONResponse({"error": "bot offline"}, status_code=503)
    turn = Turn(bot, body["message_id"], body["agent_id"], uuid.uuid4().hex, *open_queue())
    return StreamingResponse(
        answer(turn, body["message"][-1]["text"]),
        media_type="text/event-stream",
        headers=SSE_HEADERS,
    )


async def answer(turn: Turn, question: str) -> AsyncIterator[bytes]:
    """The events of an answer. A chunk is acknowledged once the server has taken its event."""
    yield b": connected\n\n"
    turns[turn.session_id] = turn
    try:
        await turn.bot.tell(command(turn, question))
        while True:
            message = await turn.get()
            if message["type"] == "stream_chunk":
                yield turn.text(message["content"], is_finish=False)
                await turn.bot.tell(
                    {
                        "type": "chunk_received",
                        "sequence": message["sequence"],
                        "session_id": turn.session_id,
                        "timestamp": now(),
                    }
                )
            elif message["type"] in ("stream_summary", "stream_error"):
                break
        yield turn.text("", is_finish=True)
        yield turn.done()
    finally:
        del turns[turn.session_id]


def command(turn: Turn, question: str) -> Message:
    return {
        "type": "execute_command",
        "command": "chat",
        "params": {"message": question},
        "metadata": {
            "source": "rokid_lingzhu",
            "agent_id": turn.agent_id,
            "session_id": turn.session_id,
            "openclaw_session_id": f"bot_{turn.bot.bot_id}",
        },
        "timestamp": now(),
    }


# --- bots -----------------------------------------------------------------------------------------


async def cable(websocket: WebSocket) -> None:
    """`GET /cable`: a bot, for as long as it is connected."""
    bot = Bot(websocket.query_params["bot_id"], websocket)
    await websocket.accept()
    await bot.send({"type": "welcome"})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ping, bot)
        async for text in websocket.iter_text():
            frame = orjson.loads(text)
            match frame.get("command"):
                case "message":
                    message = orjson.loads(frame["data"])
                    if turn := turns.get(message.get("session_id")):
                        turn.take(message)
                case "subscribe" if not bot.identifier:
                    await subscribe(bot, frame["identifier"])
        tasks.cancel_scope.cancel()
    if bots.get(bot.bot_id) is bot:
        del bots[bot.bot_id]
    for turn in turns.values():
        if turn.bot is bot:
            turn.take({"type": "stream_error"})


async def subscribe(bot: Bot, identifier: str) -> None:
    bot.identifier = identifier
    bots[bot.bot_id] = bot
    await bot.send({"identifier": identifier, "type": "confirm_subscription"})
    await bot.tell({"type": "connected", "bot_id": bot.bot_id, "session_id": uuid.uuid4().hex})


async def ping(bot: Bot) -> None:
    while True:
        await anyio.sleep(PING_EVERY)
        await bot.send({"type": "ping", "message": int(time.time())})


async def health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


app = Starlette(
    routes=[
        Route("/health", health),
        WebSocketRoute("/cable", cable),
        Route("/sse/rokid", ask, methods=["POST"]),
    ]
)
