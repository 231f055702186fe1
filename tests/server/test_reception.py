"""What every door for questions does with one: whose conversation it is, and how much of them."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from fakes import KEY, Gateway, assert_whole, make_key, question

from eyeclaw_trio.core.trace import Happening
from eyeclaw_trio.server.glasses import GlassesDoor

OTHER_KEY = "ak_another-key-for-all-bots"


async def conversation_of(metadata: dict[str, Any], agent_id: str = "1") -> str:
    """What the bot is told of the conversation that a question with this metadata belongs to."""
    gateway = Gateway()
    bot = gateway.bot(int(agent_id))
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(question(agent_id=agent_id, metadata=metadata))
            [command] = await bot.wait_for_commands()
    return command.metadata.openclaw_session_id


@pytest.mark.parametrize(
    ("named", "conversation"),
    [
        ("kitchen", "bot_1_session_kitchen"),
        ("bot_2_user_alice", "bot_1_session_bot_2_user_alice"),
        ("bot_2", "bot_1_session_bot_2"),
        ("bot_1", "bot_1_session_bot_1"),
        ("x" * 128, "bot_1_session_" + "x" * 128),
        ("x" * 129, "bot_1"),
        ("", "bot_1"),
        (2, "bot_1"),
        (None, "bot_1"),
    ],
)
@pytest.mark.parametrize("is_nested", [False, True], ids=["flat", "context"])
async def test_a_named_conversation_stays_within_the_bots_own(
    named: object, conversation: str, *, is_nested: bool
) -> None:
    metadata = {"openclaw_session_id": named}
    assert await conversation_of({"context": metadata} if is_nested else metadata) == conversation


async def test_two_bots_never_share_a_conversation_whatever_is_named() -> None:
    names = ["", "_session_", "1", "1_session_1", "2_session_x", "session_x"]
    told = [
        {await conversation_of({"openclaw_session_id": name}, agent_id) for name in names}
        for agent_id in ("1", "2")
    ]
    assert not told[0] & told[1]


async def test_one_key_asks_so_much_at_once_and_another_still_asks() -> None:
    gateway = Gateway()
    gateway.directory = attrs.evolve(
        gateway.directory, keys=(*gateway.directory.keys, make_key(OTHER_KEY, 3))
    )
    questions = gateway.reception.questions
    questions.limit = 20_000
    long = question("x" * 9_000)
    bot = gateway.bot(capacity=8)
    with bot.station.attached(bot):
        async with gateway.glasses() as first, gateway.glasses() as second:
            await first.send(long)
            [command] = await bot.wait_for_commands()
            await second.send(long)
            refused = await second.receive_head()
            assert refused.status_code == 503
            assert dict(refused.headers)[b"retry-after"] == b"5"
            assert json.loads(await second.receive_body())["error"] == "Too much at once"
        async with gateway.glasses() as other:
            await other.send(long, key=OTHER_KEY)
            [_, command] = await bot.wait_for_commands(2)
            bot.answer(command.session_id, "好")
            assert (await other.receive_head()).status_code == 200
            assert_whole(await other.receive_answer(), "好")
    assert questions.taken == 0


@pytest.mark.parametrize("keeps_content", [False, True])
async def test_a_question_is_kept_in_its_trace_only_where_content_is(keeps_content: bool) -> None:
    gateway = Gateway()
    door = GlassesDoor(attrs.evolve(gateway.reception, keeps_content=keeps_content))
    gateway.open_doors({"/sse/rokid": {"POST": door.answer}})
    async with gateway.glasses() as glasses:
        await glasses.send(question("天气怎么样"))
        assert (await glasses.receive_head()).status_code == 200
        await glasses.receive_body()
    received = gateway.traces[0].events[0]
    assert received.kind is Happening.REQUEST_RECEIVED
    assert received.data == ({"question": "天气怎么样"} if keeps_content else {})


@pytest.mark.parametrize("body", [b"{", b"not json" * 500, b""], ids=["half", "wrong", "none"])
async def test_what_is_refused_or_left_takes_no_room(body: bytes) -> None:
    gateway = Gateway()
    async with gateway.glasses() as glasses:
        head = f"POST /sse/rokid HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        length = 5_000 if body == b"{" else len(body)
        await glasses.stream.send_all(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
        await trio.testing.wait_all_tasks_blocked()
    assert gateway.reception.questions.taken == 0
