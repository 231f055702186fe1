"""Workers on the cable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot_fakes import FakeBot
from worker_fakes import WorkerGateway, WorkerPeer


@asynccontextmanager
async def open_worker(gateway: WorkerGateway, query: str = "") -> AsyncIterator[WorkerPeer]:
    async with gateway.sdk(query) as sdk:
        yield WorkerPeer(sdk.socket)


@asynccontextmanager
async def answering(gateway: WorkerGateway, **fields: Any) -> AsyncIterator[FakeBot]:
    """A gateway that takes triggers, and its bot 1."""
    bot = gateway.bot(**fields)
    with bot.station.attached(bot):
        async with gateway.open():
            yield bot
