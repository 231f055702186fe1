"""One turn over every way that its bytes can take: with and without the frame shortcut, over
memory, sockets and TLS. The reader and the bot must not be able to tell them apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from bot_fakes import summary_of
from byte_ways import WAYS, ways
from cable_fakes import IDENTIFIER, CableGateway
from fakes import question

from eyeclaw_trio.protocol.bot import encode_from_bot

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


def event(name: str, **fields: object) -> str:
    data = {"role": "agent", "type": "answer"} | fields
    order = ("role", "type", "answer_stream", "message_id", "agent_id", "is_finish")
    data |= {"message_id": "1021", "agent_id": "1"}
    data = {key: data[key] for key in order if key in data}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n"


@pytest.mark.parametrize("has_shortcut", [True, False], ids=["shortcut", "library"])
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_is_the_same_bytes_whichever_way_it_comes(
    way: str, has_shortcut: bool
) -> None:
    gateway = CableGateway(has_shortcut=has_shortcut, services=ways.services(way))
    heard: list[dict[str, Any]] = []
    body = b""
    async with ways.peers(gateway, way) as (sdk, glasses):
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
