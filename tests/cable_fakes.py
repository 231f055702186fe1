"""A gateway with `/cable`, and a bot as the EyeClaw SDK is one, over memory streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from attrs import define, field
from fakes import TOKEN, Gateway, Pair
from trio_websocket import WebSocketConnection

from eyeclaw_trio.relay.turn_log import TurnLogs
from eyeclaw_trio.server.cable_door import CableDoor, LiveLink
from eyeclaw_trio.server.cable_socket import cable_kind
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.stream_channel import StreamChannel, WorkerLink

IDENTIFIER = '{"channel":"BotChannel","bot_id":"1"}'


@define
class Sessions:
    """Remembers what would be written into the store."""

    log: list[str] = field(factory=list)

    def session_opened(self, bot_id: int, session_id: str, metadata: dict[str, object]) -> None:
        self.log.append(f"opened {bot_id}")

    def session_heard(self, session_id: str, at: float) -> None:
        self.log.append("heard")

    def session_closed(self, session_id: str) -> None:
        self.log.append("closed")


@define(eq=False)
class CableGateway(Gateway):
    """A gateway with `/cable`."""

    sessions: Sessions = field(factory=Sessions)
    links: LiveSet[LiveLink] = field(factory=LiveSet)
    turns: TurnLogs = field(factory=TurnLogs)
    workers: LiveSet[WorkerLink] = field(factory=LiveSet)
    has_shortcut: bool = True
    cable: CableDoor = field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.cable = CableDoor(
            gate=self.gate,
            origins=self.origins,
            switchboard=self.switchboard,
            sessions=self.sessions,
            links=self.links,
            is_draining=lambda: self.is_draining,
            kind=cable_kind(
                self.services,
                self.limits,
                lambda: int(1_700_000_000 + trio.current_time()),
                has_shortcut=self.has_shortcut,
            ),
            stream_channel=StreamChannel(self.gate, self.turns, self.workers, lambda _: None),
        )
        self.open_doors({"/cable": {"GET": self.cable.serve}})

    @asynccontextmanager
    async def sdk(
        self,
        query: str = f"?sdk_token={TOKEN}&bot_id=1",
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        subprotocols: list[str] | None = None,
        pair: Callable[[], Pair] = trio.testing.memory_stream_pair,
    ) -> AsyncIterator[Sdk]:
        """A client on /cable, over a memory stream where no other pair is given."""
        link = self.websocket(
            f"/cable{query}", headers=headers, subprotocols=subprotocols, pair=pair
        )
        async with link as (socket, _):
            yield Sdk(socket)


@define(eq=False)
class Sdk:
    """A bot as the EyeClaw SDK is one."""

    socket: WebSocketConnection

    async def send(self, frame: object) -> None:
        await self.socket.send_message(frame if isinstance(frame, str) else json.dumps(frame))

    async def subscribe(self, identifier: str = IDENTIFIER) -> None:
        await self.send({"command": "subscribe", "identifier": identifier})

    async def say(self, data: Any, identifier: str = IDENTIFIER) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        await self.send({"command": "message", "identifier": identifier, "data": text})

    async def receive(self) -> Any:
        """The next frame that is no ping."""
        while True:
            frame = json.loads(await self.socket.get_message())
            if frame.get("type") != "ping":
                return frame

    async def link(self) -> None:
        """Everything up to the confirmed subscription."""
        assert await self.receive() == {"type": "welcome"}
        await self.subscribe()
        confirmation = await self.receive()
        assert confirmation == {"identifier": IDENTIFIER, "type": "confirm_subscription"}
        connected = await self.receive()
        assert connected["message"]["type"] == "connected"

    async def receive_command(self) -> dict[str, Any]:
        frame = await self.receive()
        assert frame["identifier"] == IDENTIFIER
        message: dict[str, Any] = frame["message"]
        assert message["type"] == "execute_command", message
        return message
