"""RELIABILITY 35: all connections that one key gets take no more than an attacker may.

Each opens as many as it is allowed, which is what the first refusal says, and keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import trio
import trustme
from fakes import question
from mad_tenant import GROWTH, Mad, gone_mad
from raw_wire import TEXT, frame
from worker_fakes import poll_target, stream_identifier

from eyeclaw_trio.server.stream_channel import SUBSCRIPTIONS

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

# All that one key may have, were it not for what they cost.
MOST = 7_600
AT_A_TIME = 32  # that open one
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
REFUSED = (b" 503 ", b"invalid_request", b"reject_subscription")


class Greedy:
    """One key that opens connections as long as it gets any."""

    def __init__(self, mad: Mad, stack: AsyncExitStack) -> None:
        self.mad = mad
        self.opened = 0
        self.is_refused = False
        self.turn = ""
        self._stack = stack

    async def say(self, sent: str, *wanted: bytes) -> trio.abc.Stream:
        """One more connection that says this, and hears one of these or a refusal."""
        stream = await self.mad.gateway.open_stream()
        self._stack.push_async_callback(trio.aclose_forcefully, stream)
        await stream.send_all(sent.encode())
        await self.hear(stream, *wanted)
        return stream

    async def hear(self, stream: trio.abc.Stream, *wanted: bytes) -> None:
        told = b""
        with trio.move_on_after(20):
            while not any(word in told for word in (*wanted, *REFUSED)):
                with suppress(trio.BrokenResourceError):
                    data = await stream.receive_some(65_536)
                    told += data
                    if data:
                        continue
                break
        self.is_refused |= not any(word in told for word in wanted)

    def get(self, target: str, *lines: str) -> str:
        head = [f"GET {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.mad.key}"]
        return "\r\n".join([*head, *lines, "", ""])

    async def open_all(self, one: Callable[[Greedy], Awaitable[None]], most: int = MOST) -> None:
        async def go_on() -> None:
            while not self.is_refused and self.opened < most:
                self.opened += 1
                await one(self)

        async with trio.open_nursery() as nursery:
            for _ in range(AT_A_TIME):
                nursery.start_soon(go_on)

    async def trigger(self) -> None:
        """A turn of its own bot, which never answers."""
        link = await self.mad.link(self._stack)
        self._stack.push_async_callback(trio.aclose_forcefully, link)
        body = json.dumps(question("x", agent_id=str(self.mad.bot["id"])))
        lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        head = self.get("/api/rokid/trigger", *lines).replace("GET", "POST", 1)
        stream = await self.mad.gateway.open_stream()
        self._stack.push_async_callback(trio.aclose_forcefully, stream)
        await stream.send_all((head + body).encode())
        told = b""
        while b"}" not in told:
            told += await stream.receive_some()
        self.turn = json.loads(told.partition(b"\r\n\r\n")[2])["session_id"]


async def _keep_alive(greedy: Greedy) -> None:
    await greedy.say(greedy.get("/v1/models"), b" 200 ")


async def _half_a_head(greedy: Greedy) -> None:
    stream = await greedy.say(greedy.get("/v1/models"), b" 200 ")
    if not greedy.is_refused:
        await stream.send_all(greedy.get("/v1/models", "X: " + "x" * 15_000)[:-2].encode())


async def _chat(greedy: Greedy) -> None:
    await greedy.say(greedy.get(f"/ws/stream/s{greedy.opened}")[:-2] + UPGRADE, b" 101 ")


async def _half_a_text(greedy: Greedy) -> None:
    head = greedy.get(f"/ws/stream/s{greedy.opened}")[:-2] + UPGRADE
    stream = await greedy.say(head, b" 101 ")
    if not greedy.is_refused:
        await stream.send_all(frame(b"x" * 16_000, TEXT, fin=False))


async def _long_question(greedy: Greedy) -> None:
    stream = await greedy.say(greedy.get(f"/ws/stream/s{greedy.opened}")[:-2] + UPGRADE, b" 101 ")
    asked = {"message": "x" * 900_000, "provider": ""}
    with suppress(trio.BrokenResourceError):
        await stream.send_all(frame(json.dumps(asked).encode()))


async def _poll(greedy: Greedy) -> None:
    target = poll_target(greedy.turn, greedy.mad.bot["id"])
    stream = await greedy.mad.gateway.open_stream()
    greedy._stack.push_async_callback(trio.aclose_forcefully, stream)
    await stream.send_all(greedy.get(target).encode() + b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000)


async def _follow(greedy: Greedy) -> None:
    target = f"/cable?access_key={greedy.mad.key}"
    stream = await greedy.say(greedy.get(target)[:-2] + UPGRADE, b"welcome")
    identifier = stream_identifier(greedy.turn, greedy.mad.bot["id"], None)
    for number in range(SUBSCRIPTIONS):
        if greedy.is_refused:
            return
        subscribed = {"command": "subscribe", "identifier": identifier + " " * number}
        await stream.send_all(frame(json.dumps(subscribed).encode()))
        await greedy.hear(stream, b"confirm_subscription")


KINDS: dict[str, tuple[Callable[[Greedy], Awaitable[None]], int]] = {
    "kept alive": (_keep_alive, MOST),
    "half a head each": (_half_a_head, MOST),
    "chats": (_chat, MOST),
    "chats with half a text": (_half_a_text, MOST),
    "polls with 60 kB behind them": (_poll, 6_500),
    "workers that follow many turns each": (_follow, 1_000),
    "chats with a question of 0.9 MB": (_long_question, 200),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_row_35_all_connections_that_a_key_gets_take_what_an_attacker_may(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await _take_all(kind, tmp_path, capsys)


@pytest.mark.parametrize("kind", ["kept alive", "chats", "half a head each"])
async def test_row_35_all_connections_with_tls_that_a_key_gets_take_what_an_attacker_may(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await _take_all(kind, tmp_path, capsys, has_tls=True)


async def _take_all(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, has_tls: bool = False
) -> None:
    one, most = KINDS[kind]
    what = f"all {kind}" + (", TLS" if has_tls else "")
    async with gone_mad(
        tmp_path, capsys, what, tls=trustme.KeyType.ECDSA if has_tls else None, kept=GROWTH
    ) as mad:
        is_once = has_tls or one in (_poll, _follow)
        for _ in range(1 if is_once else 2):  # what the first ones took is there for the next
            async with AsyncExitStack() as stack:
                greedy = Greedy(mad, stack)
                if one in (_poll, _follow):
                    await greedy.trigger()
                with trio.move_on_after(30):
                    await greedy.open_all(one, most)
                with capsys.disabled():
                    print(f"\n{greedy.opened} of them, refused: {greedy.is_refused}")
                assert greedy.is_refused or greedy.opened >= most
                await trio.sleep(1)
            await trio.sleep(2)
