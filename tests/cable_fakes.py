"""A gateway with `/cable`, and a bot as the EyeClaw SDK is one, over memory streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import trio
import trio.testing
from attrs import define, field
from fakes import TOKEN, Gateway
from trio_websocket import WebSocketConnection, wrap_client_stream

from eyeclaw_trio.relay.turn_log import TurnLogs
from eyeclaw_trio.server.cable_door import CableDoor, LinkedBots
from eyeclaw_trio.server.cable_socket import cable_kind
from eyeclaw_trio.server.front_door import FrontDoor
from eyeclaw_trio.server.glasses import PATHS
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.stream_channel import StreamChannel, WorkerLink

IDENTIFIER = '{"channel":"BotChannel","bot_id":"1"}'


@define
class Sessions:
    """Remembers what would be written into the store."""

    log: list[str] = field(factory=list)

    def session_opened(self, bot_id: int, session_id: str, metadata: dict[str, object]) -> None:
        self.log.append(f"opened {bot_id}")

    def session_heard(self, session_id: str) -> None:
        self.log.append("heard")

    def session_closed(self, session_id: str) -> None:
        self.log.append("closed")


@define(eq=False)
class CableGateway(Gateway):
    """A gateway with `/cable`."""

    sessions: Sessions = field(factory=Sessions)
    links: LinkedBots = field(factory=LinkedBots)
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
        routes = {path: {"POST": self.rokid.answer} for path in PATHS}
        self.front_door = FrontDoor(
            {**routes, "/cable": {"GET": self.cable.serve}},
            self.origins,
            self.patience,
            self.limits,
            self.services.poller,
        )

    @asynccontextmanager
    async def sdk(
        self,
        query: str = f"?sdk_token={TOKEN}&bot_id=1",
        *,
        headers: list[tuple[bytes, bytes]] | None = None,
        subprotocols: list[str] | None = None,
    ) -> AsyncIterator[Sdk]:
        """A client on /cable, over a memory stream."""
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.front_door.serve_connection, theirs)
            nursery.start_soon(self.run_services)
            socket = await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, ours),  # any stream will do
                "gateway.example",
                f"/cable{query}",
                extra_headers=headers,
                subprotocols=subprotocols,
                max_message_size=10_000_000,
            )
            try:
                yield Sdk(socket)
            finally:
                await trio.aclose_forcefully(ours)
                nursery.cancel_scope.cancel()


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
