"""RELIABILITY 35 and 36: whatever one peer sends over a WebSocket, nobody else waits for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from attrs import define
from house import House
from raw_wire import BINARY, CONTINUATION, TEXT, frame
from running_gateway import Gateway
from stall_meter import BEHIND_ONE_PROXY, MEBIBYTE, PATIENCE, StallMeter, attacked

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

GROWTH = 64 * MEBIBYTE
KEPT = 32 * MEBIBYTE
PING = 9


@define(eq=False)
class Attacked:
    """A gateway that is attacked, and what shows what becomes of the others."""

    meter: StallMeter
    gateway: Gateway
    token: str

    def upgrade(self, target: str) -> bytes:
        head = (
            f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        return head.encode()

    @property
    def targets(self) -> dict[str, str]:
        return {
            "nobody": "/cable",
            "bad token": "/cable?sdk_token=bt_wrong&bot_id=2",
            "bot": f"/cable?sdk_token={self.token}",
            "chat": f"/ws/stream/s?access_key={self.gateway.key}",
        }

    async def links(self, who: str, count: int) -> list[trio.SocketStream]:
        """So many sockets of this kind of peer, open."""
        streams = []
        for _ in range(count):
            stream = await trio.open_tcp_stream(self.gateway.host, self.gateway.port)
            await stream.send_all(self.upgrade(self.targets[who]))
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
            streams.append(stream)
        return streams

    async def flood(
        self, who: str, count: int, sent: bytes, *, seconds: float = 2.0, times: int = 10**6
    ) -> None:
        """Send these bytes on so many sockets, again and again, as fast as they are taken."""
        streams = await self.links(who, count)
        try:
            with trio.move_on_after(seconds):
                async with trio.open_nursery() as nursery:
                    for stream in streams:
                        nursery.start_soon(_send, stream, sent, times)
                    await trio.sleep(seconds)
        finally:
            for stream in streams:
                await trio.aclose_forcefully(stream)


async def _send(stream: trio.SocketStream, sent: bytes, times: int) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_receive, stream)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for _ in range(times):
                await stream.send_all(sent)


async def _receive(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await stream.receive_some():
            pass


@asynccontextmanager
async def attack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> AsyncIterator[Attacked]:
    """The attack goes into the block."""
    house = House(tmp_path)
    async with attacked(house) as meter:
        bot = house.add_bot("linked")
        await trio.sleep(2)  # until the gateway has seen that there is one more
        yield Attacked(meter, meter.gateway, bot["token"])
    with capsys.disabled():
        print(f"\n{what}: {meter}")
    assert meter.turns >= 1
    assert meter.worst < PATIENCE
    assert max(meter.near) < BEHIND_ONE_PROXY
    assert meter.growth < GROWTH
    assert meter.kept < KEPT


EMPTY = frame(b"x", TEXT, fin=False) + frame(b"", CONTINUATION, fin=False) * 10_900
FLOODS = {
    "empty parts": ("nobody", 100, EMPTY, 1),
    "empty parts without end": ("bot", 1, frame(b"", CONTINUATION, fin=False) * 10_900, 10**6),
    "parts of a byte": (
        "bot",
        16,
        frame(b"x", TEXT, fin=False) + frame(b"x", CONTINUATION, fin=False) * 9_000,
        10**6,
    ),
    "pings": ("nobody", 50, frame(b"", PING) * 10_000, 10**6),
    "pings of a chat client": ("chat", 50, frame(b"", PING) * 10_000, 10**6),
    "objects without a name": ("nobody", 8, frame(b"{}") * 8_000, 10**6),
    "objects of a bad token": ("bad token", 8, frame(b"{}") * 8_000, 10**6),
    "unknown names of a bot": ("bot", 8, frame(b'{"type":"x"}') * 4_000, 10**6),
    "small ones behind large ones": (
        "bot",
        8,
        frame(b'{"type":"x","y":"%s"}' % (b"y" * 60_000)) * 16 + frame(b'{"type":"x"}') * 8_000,
        10**6,
    ),
    "unknown names of a chat client": ("chat", 8, frame(b'{"type":"x"}') * 4_000, 10**6),
    "binaries of a chat client": ("chat", 8, frame(b"", BINARY) * 8_000, 10**6),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_row_35_no_flood_of_frames_stops_the_others(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who, count, sent, times = FLOODS[name]
    async with attack(tmp_path, capsys, name) as attacked_:
        await attacked_.flood(who, count, sent, times=times)


async def test_row_35_what_is_never_finished_by_nobody_is_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ("满😀" * 140_000).encode()
    async with attack(tmp_path, capsys, "300 unfinished texts of nobody") as attacked_:
        sent = frame(text, TEXT, fin=False)
        await attacked_.flood("nobody", 300, sent, times=1)


async def test_row_35_what_is_never_finished_by_chat_clients_is_bounded_of_all_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ("x" * 1_000 + "😀").encode()
    sent = frame(text, TEXT, fin=False) + frame(text, CONTINUATION, fin=False) * 900
    async with attack(tmp_path, capsys, "60 unfinished texts of a key") as attacked_:
        await attacked_.flood("chat", 60, sent, times=1)


async def test_row_35_an_endless_identifier_is_not_said_again_and_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identifier = '{"channel":"BotChannel","bot_id":"2"}' + " " * 1_000_000
    subscribe = json.dumps({"command": "subscribe", "identifier": identifier}).encode()
    ping = {"command": "message", "identifier": identifier[:37], "data": '{"type":"ping"}'}
    pings = frame(json.dumps(ping).encode()) * 600
    async with attack(tmp_path, capsys, "an endless identifier, and pings") as attacked_:
        await attacked_.flood("bot", 1, frame(subscribe) + pings)


async def test_row_36_subscribing_in_a_loop_is_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"identifier": '{"channel":"BotChannel","bot_id":"2"}'}
    again = [json.dumps({"command": each, **named}) for each in ("subscribe", "unsubscribe")]
    sent = b"".join(frame(each.encode()) for each in again) * 500
    async with attack(tmp_path, capsys, "subscribing in a loop") as attacked_:
        for _ in range(3):
            await attacked_.flood("bot", 4, sent, seconds=1)
