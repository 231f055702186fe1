"""The gateway as a process: its first start, its models, TLS; asked as glasses ask."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from fakes import assert_whole, spoken
from house import House
from processes import read_fixture

REQUESTS: Final = read_fixture("rokid_requests.jsonl")
# Their photos are asked for here instead, where no photo may come from: no test asks strangers.
ELSEWHERE: Final = "https://images.example/"
HERE: Final = "http://127.0.0.1/"
REFUSED: Final = "这张照片的地址不能用。"
# What each of them asks, which is what an echo answers.
ASKED: Final = (
    "若琪帮我写一首诗",
    "你好",
    "上次我们聊到哪里了？",
    REFUSED,
    REFUSED,
    "你好",
    "我叫什么？",
)
PATHS: Final = ("/sse/rokid", "/metis/agent/api/sse")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# --- the first start ------------------------------------------------------------------------------


def write_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def block(event: str, data: dict[str, Any]) -> str:
    """One event, byte for byte as the platform documents it."""
    return f"event: {event}\ndata: {write_json(data)}"


def expect_answer(blocks: list[str], text: str, *, message_id: str, agent_id: str | int) -> None:
    """Each event with exactly the keys of the examples, in their order; ids as they came."""
    answer = {"role": "agent", "type": "answer"}
    ids = {"message_id": message_id, "agent_id": agent_id}
    *pieces, last, done = blocks
    assert bool(pieces) is (text != REFUSED)
    for piece in pieces:
        part = json.loads(piece.partition("data: ")[2])["answer_stream"]
        data = {**answer, "answer_stream": part, **ids, "is_finish": False}
        assert piece == block("message", data)
    whole = spoken([last])
    assert last == block("message", {**answer, "answer_stream": whole, **ids, "is_finish": True})
    assert done == block("done", {**answer, **ids, "is_finish": True})
    # Behind a sentence of ours stands the code of its turn.
    assert spoken(blocks).partition("（代码")[0] == text
    assert bool(whole) is (text == REFUSED)


async def test_without_any_configuration_every_question_seen_in_the_field_is_answered(
    house: House,
) -> None:
    async with house.serve() as gateway, trio.open_nursery() as nursery:

        async def ask_all(path: str) -> None:
            """One keep-alive connection, as the platform has."""
            async with gateway.glasses() as glasses:
                for request, text in zip(REQUESTS, ASKED, strict=True):
                    body = json.loads(json.dumps(request["body"]).replace(ELSEWHERE, HERE))
                    await glasses.send(body, target=path, key=gateway.key)
                    response = await glasses.receive_head()
                    headers = {name.decode(): value.decode() for name, value in response.headers}
                    assert response.status_code == 200, request["case"]
                    assert headers["content-type"] == "text/event-stream; charset=utf-8"
                    assert headers["cache-control"] == "no-cache, no-transform"
                    assert headers["x-accel-buffering"] == "no"
                    assert headers["transfer-encoding"] == "chunked"
                    connected, *blocks = await glasses.receive_answer()
                    assert connected == ": connected"
                    ids = {"message_id": body["message_id"], "agent_id": body["agent_id"]}
                    expect_answer(blocks, text, **ids)

        for path in PATHS:
            nursery.start_soon(ask_all, path)


async def test_ids_that_are_numbers_come_back_as_a_text_and_as_they_came(house: House) -> None:
    async with house.serve() as gateway:
        blocks = await gateway.ask("你好，若琪", message_id=1021, agent_id=7)
        expect_answer(blocks, "你好，若琪", message_id="1021", agent_id=7)


async def test_the_first_start_makes_a_bot_and_a_key_and_shows_the_key_once(house: House) -> None:
    async with house.serve() as gateway:
        assert gateway.child is not None
        [key] = [word for word in gateway.child.log.split() if word.startswith("ak_")]
        assert key == gateway.key
        assert stat.S_IMODE(house.data.stat().st_mode) == 0o700
        files = [each for each in house.data.rglob("*") if each.is_file()]
        assert all(key.encode() not in each.read_bytes() for each in files)
        [bot] = await house.result("bot", "list")
        assert (bot["name"], bot["provider"], bot["online"]) == ("demo", "echo", True)
    async with house.serve() as gateway:
        assert gateway.child is not None
        assert "ak_" not in gateway.child.log
        assert_whole(await gateway.ask("还是我"), "还是我")
    assert [each["name"] for each in await house.result("bot", "list")] == ["demo"]
