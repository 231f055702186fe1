"""Turns that a worker began, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import trio
from attrs import define
from fakes import question
from peers import SdkPeer
from running_gateway import Gateway
from trio_websocket import wrap_client_stream
from worker_fakes import WorkerPeer, trigger


@define(eq=False)
class BusySdk(SdkPeer):
    """An SDK that answers many commands side by side."""

    @property
    def identifier(self) -> str:
        named = {"channel": "BotChannel", "bot_id": str(self.bot_id), "max_concurrency": 1_000}
        return json.dumps(named)


@asynccontextmanager
async def connect_worker(
    gateway: Gateway, query: str = "", *, message_queue_size: int = 1
) -> AsyncIterator[WorkerPeer]:
    """The worker's WebSocket, welcomed by nobody yet."""
    stream = await gateway.open_stream()
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, stream),
            f"{gateway.host}:{gateway.port}",
            f"/cable{query}",
            message_queue_size=message_queue_size,
            max_message_size=10_000_000,
        )
        try:
            yield WorkerPeer(socket)
        finally:
            await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


async def begin(gateway: Gateway, text: str = "你好", *, key: str = "", **fields: Any) -> str:
    """Trigger a turn; its session id."""
    async with gateway.glasses() as glasses:
        body = question(text, **fields)
        status, told = await trigger(glasses, body, key=key or gateway.key)
        assert (status, told["status"]) == (200, "triggered"), told
        session_id: str = told["session_id"]
        return session_id
