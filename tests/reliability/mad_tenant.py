"""Somebody with a key and a bot of his own who has gone mad, beside the healthy turns of the meter,
which are asked with the owner's key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from attrs import define, field
from fakes import Glasses, question
from house import House
from own_certificate import make_certificate
from raw_wire import frame
from running_gateway import Gateway
from stall_meter import MEBIBYTE, PATIENCE, StallMeter, attacked

GROWTH = 64 * MEBIBYTE
KEPT = 32 * MEBIBYTE
SMALL = 4_096  # bytes that the system keeps for who does not read: the gateway has to keep the rest
SETTLED = 2  # seconds until the gateway has seen a new key or bot


@define(eq=False)
class Mad:
    """The one, and what shows what becomes of the others."""

    house: House
    meter: StallMeter
    gateway: Gateway
    key: str
    key_id: int
    bot: dict[str, Any]
    identifier: str = ""
    refused: list[bytes] = field(factory=list)
    """What links were told that were not let in."""

    async def flood(self, stack: AsyncExitStack, text: str = "你好", **fields: Any) -> Glasses:
        """One more connection that asks, and does not read."""
        connection = trio.socket.socket()
        connection.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, SMALL)
        await connection.connect((self.gateway.host, self.gateway.port))
        stream = trio.SocketStream(connection)
        stack.push_async_callback(trio.aclose_forcefully, stream)
        glasses = Glasses(stream)
        await glasses.send(question(text, **fields), key=self.key)
        return glasses

    async def status(self, stack: AsyncExitStack, **fields: Any) -> int:
        """The status that one more connection gets."""
        return (await (await self.flood(stack, **fields)).receive_head()).status_code

    async def link(self, stack: AsyncExitStack, *, subscribes: bool = True) -> trio.SocketStream:
        """A link of the bot that takes a thousand commands, or is refused; whatever it is told
        behind that is not read."""
        identifier = {
            "channel": "BotChannel",
            "bot_id": str(self.bot["id"]),
            "max_concurrency": 1_000,
        }
        stream = await trio.open_tcp_stream(self.gateway.host, self.gateway.port)
        stack.push_async_callback(trio.aclose_forcefully, stream)
        target = f"/cable?sdk_token={self.bot['token']}&bot_id={self.bot['id']}"
        head = (
            f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await stream.send_all(head.encode())
        self.identifier = json.dumps(identifier)
        subscribe = {"command": "subscribe", "identifier": self.identifier}
        told = b""
        with trio.fail_after(10), suppress(trio.BrokenResourceError):
            if subscribes:
                await stream.send_all(frame(json.dumps(subscribe).encode()))
            wanted = b'"connected"' if subscribes else b'"welcome"'
            while wanted not in told and b'"disconnect"' not in told:
                told += await stream.receive_some() or b'"disconnect" without a word'
        if b"disconnect" in told:
            self.refused.append(told)
        return stream

    def say(self, kind: str, **fields: Any) -> bytes:
        """One message of the bot, as a frame."""
        data = json.dumps({"type": kind, **fields})
        said = {"command": "message", "identifier": self.identifier, "data": data}
        return frame(json.dumps(said).encode())


@asynccontextmanager
async def gone_mad(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    what: str,
    settings: str = "",
    tls: trustme.KeyType | None = None,
    kept: int = KEPT,
) -> AsyncIterator[Mad]:
    """The attack goes into the block. With a kind of key all of it is TLS. Of memory no more than
    is `kept` is left behind, in bytes."""
    house, authority = House(tmp_path), None
    if tls is not None:
        authority, named = make_certificate(tmp_path, tls)
        settings = named + settings
    house.configure(settings)
    async with attacked(house, authority=authority) as meter:
        key = await house.result("key", "create", "mad")
        bot = house.add_bot("mad")
        await trio.sleep(SETTLED)
        yield Mad(house, meter, meter.gateway, key["key"], key["id"], bot)
    with capsys.disabled():
        print(f"\n{what}: {meter}")
    assert meter.turns >= 1
    assert meter.worst < PATIENCE
    assert meter.growth < GROWTH
    assert meter.kept < kept
