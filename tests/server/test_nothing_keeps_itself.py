"""What has ended is freed at once: nothing of it waits for the collector of cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from cable_fakes import CableGateway
from chat_exchange import exchange
from chat_fakes import ChatGateway

from eyeclaw_trio.server.bot_channel import BotLink
from eyeclaw_trio.server.chat import ChatSession
from eyeclaw_trio.wire.websocket import ServerSocket


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_of(*kinds: type) -> list[object]:
    return [each for each in gc.get_objects() if isinstance(each, kinds)]


async def test_a_chat_that_has_ended_keeps_nothing() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            await exchange(client, model, "q", "a")
    assert left_of(ChatSession, ServerSocket) == []


async def test_a_link_that_has_ended_keeps_nothing() -> None:
    async with CableGateway().sdk() as sdk:
        await sdk.link()
    assert left_of(BotLink, ServerSocket) == []
