"""One turn over every way that its bytes can take: with and without the frame shortcut, over
memory, sockets and TLS. The reader and the bot must not be able to tell them apart."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trio
import trio.testing
import trustme
from bot_fakes import summary_of
from cable_fakes import IDENTIFIER, CableGateway, Sdk
from fakes import TOKEN, Glasses, question
from trio_websocket import wrap_client_stream

from eyeclaw_trio.protocol.bot import encode_from_bot

Pair = tuple[trio.abc.Stream, trio.abc.Stream]

# Small ones, one that only the library takes, what a careless framing would break on, and one that
# does not fit into a socket.
PIECES = (
    "你好",
    "，",
    "L" * 70_000,
    "event: done\n\n",
    "",
    "😀",
    "M" * 60_000,
    *map(str, range(40)),
    "N" * 900_000,
    "。",
)


def memory() -> Pair:
    return trio.testing.memory_stream_pair()


def sockets() -> Pair:
    ours, theirs = socket.socketpair()
    return (
        trio.SocketStream(trio.socket.from_stdlib_socket(ours)),
        trio.SocketStream(trio.socket.from_stdlib_socket(theirs)),
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def over_tls(authority: trustme.CA) -> Pair:
    ours, theirs = sockets()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("gateway.example").configure_cert(serving)
    return (
        trio.SSLStream(ours, trusting, server_hostname="gateway.example", https_compatible=True),
        trio.SSLStream(theirs, serving, server_side=True, https_compatible=True),
    )


@asynccontextmanager
async def peers(gateway: CableGateway, pair: Callable[[], Pair]) -> AsyncIterator[Any]:
    """A bot that is linked and glasses, each over a connection of this kind."""
    async with trio.open_nursery() as nursery, gateway.services_running():
        bot, bots_end = pair()
        glasses, glasses_end = pair()
        for end in (bots_end, glasses_end):
            nursery.start_soon(gateway.front_door.serve_connection, end)
        try:
            socket = await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, bot),  # any stream will do
                "gateway.example",
                f"/cable?sdk_token={TOKEN}&bot_id=1",
            )
            sdk = Sdk(socket)
            await sdk.link()
            yield sdk, Glasses(glasses)
        finally:
            for end in (bot, glasses):
                await trio.aclose_forcefully(end)


def event(name: str, **fields: object) -> str:
    data = {"role": "agent", "type": "answer"} | fields
    order = ("role", "type", "answer_stream", "message_id", "agent_id", "is_finish")
    data |= {"message_id": "1021", "agent_id": "1"}
    data = {key: data[key] for key in order if key in data}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n"


@pytest.mark.parametrize("has_shortcut", [True, False], ids=["shortcut", "library"])
@pytest.mark.parametrize("way", ["memory", "sockets", "tls"])
async def test_an_answer_is_the_same_bytes_whichever_way_it_comes(
    way: str, has_shortcut: bool, authority: trustme.CA
) -> None:
    ways = {"memory": memory, "sockets": sockets, "tls": lambda: over_tls(authority)}
    gateway = CableGateway(has_shortcut=has_shortcut)
    heard: list[dict[str, Any]] = []
    body = b""
    async with peers(gateway, ways[way]) as (sdk, glasses):
        await glasses.send(question("若琪"))
        turn = (await sdk.receive_command())["metadata"]["session_id"]

        async def hear() -> None:
            while len(heard) < len(PIECES):
                frame = await sdk.receive()
                assert frame["identifier"] == IDENTIFIER
                heard.append(frame["message"])

        async def read() -> None:
            nonlocal body
            await glasses.receive_head()
            body = await glasses.receive_body()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear)
            nursery.start_soon(read)
            for number, text in enumerate(PIECES):
                chunk = {"type": "stream_chunk", "content": text, "session_id": turn}
                await sdk.say(chunk | {"sequence": number})
            await sdk.say({"type": "stream_end", "session_id": turn})
            await sdk.say(encode_from_bot(summary_of(turn, *PIECES)))
    assert body.decode() == ": connected\n\n" + "".join(
        [
            *[event("message", answer_stream=text, is_finish=False) for text in PIECES if text],
            event("message", answer_stream="", is_finish=True),
            event("done", is_finish=True),
        ]
    )
    assert all(message.pop("timestamp") for message in heard)
    assert heard == [
        {"type": "chunk_received", "sequence": number, "session_id": turn}
        for number in range(len(PIECES))
    ]
