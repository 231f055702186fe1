"""A gateway with `/ws/stream/`, and a chat client, over memory streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from attrs import define, field
from bot_fakes import FakeBot
from fakes import KEY, Gateway
from trio_websocket import WebSocketConnection

from eyeclaw_trio.core.routing import ChatChoice
from eyeclaw_trio.server.chat import PATH, ChatDoor, chat_kind

DONE = {"type": "done"}
CANCELLED = {"type": "cancelled"}


@define(eq=False)
class ChatGateway(Gateway):
    """A gateway with `/ws/stream/`, whose providers are `one` (the default) and `two`."""

    choice: ChatChoice = field(default=ChatChoice(("one", "two"), "one"))
    has_shortcut: bool = True
    chat: ChatDoor = field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        kind = chat_kind(self.services, self.limits, self.patience, has_shortcut=self.has_shortcut)
        self.chat = ChatDoor(self.reception, self.origins, self.choice, kind)
        self.open_doors({PATH: {"GET": self.chat.serve}})

    def provider(self, name: str = "one", **fields: Any) -> FakeBot:
        """A provider's answering end, to be attached to its station."""
        fields = {"capacity": 64, "can_cancel": True, **fields}
        return FakeBot(self.switchboard.provider_station(name), **fields)

    @asynccontextmanager
    async def client(
        self,
        session: str = "s",
        query: str = "",
        *,
        key: str | None = KEY,
        headers: dict[str, str] | None = None,
        lockstep: bool = False,
    ) -> AsyncIterator[ChatClient]:
        """A client that is connected; leaving hangs up and waits for the gateway's side."""
        pair = trio.testing.lockstep_stream_pair if lockstep else trio.testing.memory_stream_pair
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
        target = f"{PATH}{session}{query}"
        async with self.websocket(target, headers=encoded, pair=pair) as (socket, stream):
            yield ChatClient(socket, stream)


@define(eq=False)
class ChatClient:
    """What a user's program does on its WebSocket."""

    socket: WebSocketConnection
    stream: trio.abc.Stream

    async def send(self, frame: object) -> None:
        await self.socket.send_message(frame if isinstance(frame, str) else json.dumps(frame))

    async def ask(self, message: str, **fields: Any) -> None:
        await self.send({"message": message, **fields})

    async def frame(self) -> str:
        """The next frame, as it came; never an empty one."""
        frame = await self.socket.get_message()
        assert isinstance(frame, str)
        assert frame
        return frame

    async def signal(self) -> dict[str, Any]:
        """The next frame, which has to be an object."""
        value: dict[str, Any] = json.loads(await self.frame())
        return value

    async def error(self, code: str) -> str:
        """The words of the next frame, which has to be this error."""
        frame = await self.signal()
        assert (frame["type"], frame["code"]) == ("error", code), frame
        words: str = frame["message"]
        return words

    async def answer(self) -> tuple[list[str], dict[str, Any]]:
        """All frames of one answer, and the signal that ended it."""
        pieces: list[str] = []
        while True:
            frame = await self.frame()
            try:
                value = json.loads(frame)
            except ValueError:
                value = None
            if isinstance(value, dict):
                return pieces, value
            pieces.append(frame)
