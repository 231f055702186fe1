"""Hundreds of answers of one key and its mad bot, all of which can be told the same in one go."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import trio
from attrs import define
from crowd import Crowd, crowd
from fakes import question
from mad_tenant import Mad

from eyeclaw_trio.server.worker import TRIGGER_PATH

MANY = 900


@define(eq=False)
class Answers:
    """Answers that are waited for, and the link that their questions have come over."""

    mad: Mad
    link: trio.SocketStream
    turns: list[str]
    readers: Crowd

    async def say(self, kind: str, **fields: object) -> None:
        """The bot says this of each of them, in one go."""
        said = [self.mad.say(kind, session_id=turn, **fields) for turn in self.turns]
        await self.link.send_all(b"".join(said))

    async def end(self) -> None:
        """The bot ends each of them, in one go."""
        said = b"".join(
            self.mad.say("stream_end", session_id=turn)
            + self.mad.say("stream_summary", session_id=turn, total_content="", total_chunks=0)
            for turn in self.turns
        )
        await self.link.send_all(said)

    async def all_end(self) -> None:
        """Each reader hears the end of his."""
        assert all(b"event: done" in heard for heard in await self.readers.hear(b"event: done"))


@asynccontextmanager
async def answers(mad: Mad, path: str = "/sse/rokid", count: int = MANY) -> AsyncIterator[Answers]:
    """So many questions have come to the bot, and are not answered."""

    def ask(number: int) -> bytes:
        body = json.dumps(question(agent_id=str(mad.bot["id"]), message_id=str(number))).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {mad.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    until = b'"triggered"' if path == TRIGGER_PATH else b": connected"
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        link = await mad.link(stack)
        async with crowd(mad.gateway, count, ask, until) as readers:
            turns = await read_turns(link, count)
            nursery.start_soon(_swallow, link)
            yield Answers(mad, link, turns, readers)
        nursery.cancel_scope.cancel()


async def read_turns(link: trio.SocketStream, count: int) -> list[str]:
    """The turns of so many questions that come over a link."""
    received, turns = b"", list[bytes]()
    with trio.fail_after(20):
        while len(turns) < count:
            received += await link.receive_some()
            found = re.findall(rb'"session_id\\*":\\*"(\w{32})', received)
            turns = list(dict.fromkeys(found))
    return [each.decode() for each in turns[-count:]]


async def _swallow(link: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await link.receive_some():
            pass


def upgrade(target: str) -> bytes:
    """What begins a WebSocket there."""
    head = (
        f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return head.encode()


def chat(mad: Mad) -> Callable[[int], bytes]:
    """What begins a chat, each in a session of its own."""
    return lambda number: upgrade(f"/ws/stream/s{number}?access_key={mad.key}")


def get(mad: Mad, target: str) -> bytes:
    """A request that shows the key."""
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {mad.key}\r\n\r\n"
    return head.encode()
