"""An edge worker as it exists, and a gateway for it over memory streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import trio
from attrs import define, field
from cable_fakes import CableGateway
from fakes import KEY, LIMITED_KEY, Glasses, make_key
from trio_websocket import ConnectionClosed, WebSocketConnection

from eyeclaw_trio.server.worker import POLL_PATH, TRIGGER_PATH, PollDoor, TriggerDoor

OTHER_KEY = "ak_another-key-for-all-bots"
ALL_KEYS = (KEY, LIMITED_KEY, OTHER_KEY)


@define(eq=False)
class WorkerGateway(CableGateway):
    """A gateway with the worker's doors. Key 1 and key 3 are for all bots, key 2 for bot 2."""

    trigger: TriggerDoor = field(init=False)
    poll: PollDoor = field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.directory = attrs.evolve(
            self.directory, keys=(*self.directory.keys, make_key(OTHER_KEY, 3))
        )
        self.trigger = TriggerDoor(self.reception, self.turns)
        self.poll = PollDoor(self.gate, self.turns, lambda _: None)
        self.open_doors(
            {
                TRIGGER_PATH: {"POST": self.trigger.answer},
                POLL_PATH: {"GET": self.poll.answer},
            }
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Turns can be triggered inside; leaving cuts those that still run."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.trigger.run)
            yield
            nursery.cancel_scope.cancel()

    async def turn(self, *, key: str = KEY, **fields: Any) -> str:
        """Trigger a turn over a connection of its own; its session id."""
        async with self.glasses() as glasses:
            status, told = await trigger(glasses, key=key, **fields)
            assert status == 200, told
            session_id: str = told["session_id"]
            return session_id

    def revoke(self, key_id: int) -> None:
        """This key is worth nothing from now on."""
        keys = tuple(
            attrs.evolve(key, is_active=False) if key.id == key_id else key
            for key in self.directory.keys
        )
        self.directory = attrs.evolve(self.directory, keys=keys)


async def trigger(
    glasses: Glasses, body: object = None, *, key: str | None = KEY, **fields: Any
) -> tuple[int, Any]:
    """One trigger: status and what was told."""
    await glasses.send(body, target=TRIGGER_PATH, key=key, **fields)
    response = await glasses.receive_head()
    return response.status_code, json.loads(await glasses.receive_body())


def poll_target(session_id: str, bot_id: object = 1) -> str:
    return f"{POLL_PATH}?bot_id={bot_id}&session_id={session_id}"


async def poll(
    glasses: Glasses,
    session_id: str,
    last_id: object = None,
    *,
    bot_id: object = 1,
    key: str | None = KEY,
) -> tuple[int, Any]:
    """One poll: status and what was told."""
    headers = [] if last_id is None else [("Last-Event-ID", str(last_id))]
    target = poll_target(session_id, bot_id)
    await glasses.send(method="GET", target=target, key=key, headers=headers)
    response = await glasses.receive_head()
    return response.status_code, json.loads(await glasses.receive_body())


def stream_identifier(session_id: str, bot_id: object = 1, key: str | None = KEY) -> str:
    """The identifier as the worker writes it; without a key it is that of the connection."""
    named = {"channel": "RokidStreamChannel", "bot_id": bot_id, "session_id": session_id}
    return json.dumps(named if key is None else named | {"access_key": key})


def text_of(messages: list[dict[str, Any]]) -> str:
    """The answer in these entries of a poll, or messages of a subscription."""
    return "".join(each["content"] for each in messages if each["type"] == "stream_chunk")


@define(eq=False)
class WorkerPeer:
    """The worker's WebSocket: it answers pings with a bare pong."""

    socket: WebSocketConnection

    async def send(self, frame: object) -> None:
        await self.socket.send_message(json.dumps(frame))

    async def subscribe(self, identifier: str) -> None:
        await self.send({"command": "subscribe", "identifier": identifier})

    async def receive(self) -> Any:
        """The next frame that is no ping."""
        while True:
            frame = json.loads(await self.socket.get_message())
            if frame.get("type") != "ping":
                return frame
            with suppress(ConnectionClosed):  # what came before its end is still to be read
                await self.send({"type": "pong"})

    async def expect_confirmation(self, identifier: str) -> dict[str, Any]:
        """The confirmation and, right behind it, what is said of the connection."""
        confirmation = await self.receive()
        assert confirmation == {"identifier": identifier, "type": "confirm_subscription"}
        frame = await self.receive()
        assert frame["identifier"] == identifier
        message: dict[str, Any] = frame["message"]
        assert message["type"] == "connected"
        return message

    async def expect_rejection(self, identifier: str) -> None:
        rejection = await self.receive()
        assert rejection == {"identifier": identifier, "type": "reject_subscription"}

    async def follow(self, identifier: str) -> list[dict[str, Any]]:
        """Subscribe and take everything up to the end or the error."""
        assert await self.receive() == {"type": "welcome"}
        await self.subscribe(identifier)
        await self.expect_confirmation(identifier)
        return await self.receive_rest(identifier)

    async def receive_rest(self, identifier: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while not messages or messages[-1]["type"] == "stream_chunk":
            frame = await self.receive()
            assert frame["identifier"] == identifier, frame
            messages.append(frame["message"])
        chunks = [each for each in messages if each["type"] == "stream_chunk"]
        assert [each["sequence"] for each in chunks] == list(range(len(chunks)))
        return messages
