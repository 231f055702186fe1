"""Rows 22 and 24: any character, and what is somebody else's."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from cable_fakes import IDENTIFIER, CableGateway
from fakes import (
    FAILED,
    LIMITED_KEY,
    TOKEN,
    Gateway,
    make_bot,
    make_key,
    question,
    read_events,
    spoken,
)
from healthy_turn import beside_a_healthy_turn
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd

# Surrogates are no characters: JSON with half a pair is refused, which is row 16's and 20's.
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
some_id = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128).filter(
    lambda text: bool(text.strip())
)
json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """A question with any characters in any of its fields."""
    words = draw(anything.filter(lambda text: bool(text.strip())))
    asked = {"role": "user", "type": "text", "text": words, draw(anything): draw(anything)}
    before = [{"role": "agent", "text": draw(anything)} for _ in range(draw(st.integers(0, 2)))]
    return {
        "message_id": draw(some_id),
        "agent_id": draw(
            (some_id | st.just("1")).filter(lambda name: name not in ("9", "healthy"))
        ),
        "user_id": draw(st.none() | st.text(max_size=128).filter(str.isprintable)),
        "message": [*before, asked | {"role": "user", "type": "text", "text": words}],
        "metadata": draw(st.none() | st.dictionaries(anything, json_values, max_size=3)),
        "ext": draw(json_values),
    }


@settings(max_examples=150)
@given(body=questions(), pieces=st.lists(anything, max_size=8), is_escaped=st.booleans())
def test_row_22_whatever_is_asked_and_answered_the_client_parses_exactly_what_was_sent(
    body: dict[str, Any], pieces: list[str], is_escaped: bool
) -> None:
    async def run() -> None:
        # The default among all, so that it answers whatever the agent is called.
        default = attrs.evolve(make_bot(), is_default=True)
        gateway = Gateway(directory=Directory(keys=(make_key(),), bots={1: default}))
        async with beside_a_healthy_turn(gateway):
            bot = gateway.bot(1)
            with bot.station.attached(bot):
                async with gateway.glasses() as glasses:
                    sent = json.dumps(body, ensure_ascii=is_escaped).encode()
                    await glasses.send(sent)
                    head = await glasses.receive_head()
                    assert head.status_code == 200, await glasses.receive_body()
                    [command] = await bot.wait_for_commands()
                    bot.say(
                        *[StreamChunk(command.session_id, p, n) for n, p in enumerate(pieces)],
                        StreamEnd(command.session_id),
                        summary_of(command.session_id, *pieces),
                    )
                    blocks = await glasses.receive_answer()
        assert command.params.message == body["message"][-1]["text"].strip()
        assert list(command.metadata.full_messages) == body["message"]
        assert command.metadata.original_metadata == (body["metadata"] or {})
        events = read_events(blocks)
        for name, data in events:
            if name != "error":
                assert data["message_id"] == body["message_id"]
                assert data["agent_id"] == body["agent_id"]
        said = [data["answer_stream"] for name, data in events if name == "message"]
        if "".join(pieces).strip():
            assert said == [*(piece for piece in pieces if piece), ""]
        else:
            english = "".join(pieces) + "The bot ran into a problem"
            assert spoken(blocks).startswith(("".join(pieces) + FAILED, english))
        assert events[-1][0] == "done"

    trio.run(run, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("name", ["message_id", "agent_id", "user_id"])
async def test_row_22_an_id_has_at_most_128_characters(
    name: str, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway), gateway.glasses() as glasses:
        for length, status in ((128, 200), (129, 400)):
            body = question() | {"bot_id": 1, name: "😀" * length}
            await glasses.send(body)
            assert (await glasses.receive_head()).status_code == status
            received = await glasses.receive_body()
        assert json.loads(received)["detail"].keys() == {name}


# ---- 24: somebody else's ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{"agent_id": "1"}, {"agent_id": 1}, {"agent_id": "home"}, {"bot_id": 1}]
)
async def test_row_24_a_key_of_bot_2_that_asks_bot_1_is_403(
    fields: dict[str, Any], autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot(1)
        with bot.station.attached(bot):
            async with gateway.glasses() as glasses:
                await glasses.send(question(**fields), key=LIMITED_KEY)
                assert (await glasses.receive_head()).status_code == 403
                assert b"home" not in await glasses.receive_body()
        assert bot.commands == []


async def test_row_24_a_link_may_not_subscribe_or_speak_for_another_bot(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    foreign = '{"channel":"BotChannel","bot_id":"2"}'
    nobodys = '{"channel":"BotChannel","bot_id":"77"}'
    async with beside_a_healthy_turn(gateway), gateway.sdk() as sdk:
        assert await sdk.receive() == {"type": "welcome"}
        answers = []
        for identifier in (foreign, nobodys):
            await sdk.subscribe(identifier)
            answers.append(await sdk.receive())
            await sdk.say({"type": "ping"}, identifier)
        # One that exists is rejected in the same words as one that does not.
        assert answers == [
            {"identifier": foreign, "type": "reject_subscription"},
            {"identifier": nobodys, "type": "reject_subscription"},
        ]
        assert not gateway.switchboard.is_online(2)
        await sdk.subscribe(IDENTIFIER)
        assert (await sdk.receive())["type"] == "confirm_subscription"
        assert (await sdk.receive())["message"]["bot_id"] == 1


@pytest.mark.parametrize("bot_id", ["2", "9", "77"])
async def test_row_24_a_token_opens_no_link_of_another_bot(
    bot_id: str, autojump_clock: MockClock
) -> None:
    gateway = CableGateway()
    async with (
        beside_a_healthy_turn(gateway),
        gateway.sdk(f"?sdk_token={TOKEN}&bot_id={bot_id}") as sdk,
    ):
        refusal = {"type": "disconnect", "reason": "unauthorized", "reconnect": False}
        assert await sdk.receive() == refusal
