"""What a wearer hears until the answer comes, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen
from fakes import assert_whole, spoken
from house import House
from model_scripts import PIECES, WHOLE_TEXT
from running_gateway import Gateway, Model

SETTINGS: Final = """
[providers.plain]
base_url = "{base_url}"
model = "scripted"

[[bots]]
name = "plain"
provider = "plain"

[[bots]]
name = "quiet"
provider = "plain"
[bots.wearer]
style = ""
{more}
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@frozen
class Talking:
    """A gateway, and the model behind its bots."""

    gateway: Gateway
    model: Model

    async def ask(self, text: str, **fields: Any) -> str:
        """What the wearer hears."""
        return spoken(await self.gateway.ask(text, user_id="u1", **fields))

    async def told(self) -> list[tuple[str, str]]:
        """The messages that the model was last asked with."""
        messages = (await self.model.seen())["completions"][-1]["messages"]
        return [(each["role"], each["content"]) for each in messages]


@asynccontextmanager
async def talking(house: House, model: Model, more: str = "") -> AsyncIterator[Talking]:
    house.configure(SETTINGS.format(base_url=model.base_url, more=more))
    async with house.serve() as gateway:
        await gateway.wait_for_bots(2)
        yield Talking(gateway, model)


async def test_a_slow_model_s_wearer_hears_a_word_once_and_the_trace_keeps_it_apart(
    house: House,
) -> None:
    more = "filler_after = 0.1\n[traces]\nkeep_content = true\n"
    async with house.model() as model, talking(house, model, more) as it:
        assert await it.ask("script:comments:20:0.03", agent_id="quiet") == "嗯，你好，我是"
        assert await it.ask("script:pieces", agent_id="plain") == WHOLE_TEXT
        quick, slow = (await house.result("trace", "list"))[:2]
        assert slow["sse_content"] == slow["sdk_content"] == "你好，我是"
        assert (slow["sdk_chunk_count"], slow["sse_chunk_count"]) == (2, 3)
        assert quick["sdk_chunk_count"] == quick["sse_chunk_count"] == len(PIECES)
        assert slow["status"] == quick["status"] == "completed"
        await it.ask("script:pieces:1", agent_id="quiet")
        assert ("assistant", "你好，我是") in await it.told()  # nor is it remembered


async def test_a_model_s_own_tool_and_a_bot_s_are_told_in_a_word_of_the_wearer_s_language(
    house: House,
) -> None:
    sdk_bot = house.add_bot("sdk")
    async with house.model() as model, talking(house, model) as it:
        linked = house.add_bot("linked")
        async with house.connect(it.gateway, linked, provider="plain"):
            await it.gateway.wait_for_bots(3)
            for bot in ("plain", "linked"):
                assert await it.ask("script:own-tool", agent_id=bot) == "正在查…你好，我是"
            english = {"lang": "en"}
            assert (
                await it.ask("script:own-tool", agent_id="plain", metadata=english)
                == "Looking it up…你好，我是"
            )
        async with it.gateway.sdk(sdk_bot) as sdk, it.gateway.glasses() as glasses:
            await sdk.link()
            await it.gateway.send(glasses, agent_id="sdk")
            turn = await sdk.receive_turn()
            await sdk.say("status", turn, status="tool_call", tool="web_search")
            assert spoken([await glasses.receive_event()]) == "正在查…"
            await sdk.say("status", turn, status="busy")
            await sdk.chunk(turn, 0, "好")
            await sdk.end(turn, "好", 1)
            assert_whole(await glasses.receive_answer(), "好")
