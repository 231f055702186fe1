"""A chat in the terminal whose gateway is gone without a word, in virtual time."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from attrs import define, field
from trio.testing import MockClock
from trio_websocket import WebSocketConnection, wrap_server_stream

from eyeclaw_trio.client.chat import SILENCE, Lines, chat
from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.client.display import Shown
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import Endpoint, read_endpoint
from eyeclaw_trio.wire.connect import ClientStream


@define
class Screen:
    """A display that remembers."""

    text: str = ""
    shown: list[Shown] = field(factory=list)

    def show(self, shown: Shown) -> None:
        self.text += shown.text

    def close(self) -> None:
        pass


async def chat_with(
    gateway: Callable[[WebSocketConnection], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> Screen:
    """One question to this gateway, and what came of it."""
    screen, (ours, theirs) = Screen(), os.pipe()
    os.write(theirs, "你好\n".encode())
    os.close(theirs)

    async def serve(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as served:
            request = await wrap_server_stream(served, stream)
            socket = await request.accept()
            await socket.get_message()
            await gateway(socket)
            served.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:

        async def open_stream(_: Endpoint, _context: object) -> ClientStream:
            await trio.lowlevel.checkpoint()
            client, server = trio.testing.memory_stream_pair()
            nursery.start_soon(serve, server)
            return ClientStream(client)

        monkeypatch.setattr("eyeclaw_trio.client.chat.open_stream", open_stream)
        try:
            target = ChatTarget(read_endpoint("http://127.0.0.1:8001"), "s", "ak_a-key")
            await chat(target, screen, Lines(ours), is_patient=False)
        finally:
            os.close(ours)
            nursery.cancel_scope.cancel()
    return screen


async def test_a_gateway_that_is_gone_without_a_word_is_given_up(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async def vanish(_: WebSocketConnection) -> None:
        await trio.sleep_forever()

    with trio.fail_after(10 * SILENCE), pytest.RaisesGroup(EyeclawError, flatten_subgroups=True):
        await chat_with(vanish, monkeypatch)
    assert trio.current_time() == pytest.approx(SILENCE, abs=1)


async def test_a_bot_that_thinks_for_long_is_waited_for_while_its_gateway_pings(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async def think(socket: WebSocketConnection) -> None:
        for _ in range(20):
            await trio.sleep(15)
            await socket.ping()
        await socket.send_message('{"type":"chunk","content":"好"}')
        await socket.send_message('{"type":"done"}')
        await trio.sleep(1)

    with trio.fail_after(1_000):
        assert (await chat_with(think, monkeypatch)).text == "好"
