"""What a model or a bot wants of the glasses, and what it thinks aloud, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import trio
from attrs import frozen
from fakes import assert_whole, read_events, spoken, without_code
from house import House
from model_actions import HEARD_MARKDOWN, MARKDOWN, MEETING, NAVIGATION
from model_scripts import PIECES
from running_gateway import Gateway, Model

SETTINGS: Final = """
[providers.tools]
base_url = "{base_url}"
model = "script:pieces"
[providers.blocks]
base_url = "{base_url}"
model = "script:pieces"
tools = false

[[bots]]
name = "tools"
provider = "tools"
default = true
[[bots]]
name = "blocks"
provider = "blocks"
[[bots]]
name = "few"
provider = "tools"
speech = "as_is"
[bots.wearer]
actions = ["notify_agent_off"]
follow_ups = 0
[[bots]]
name = "short"
provider = "tools"
[bots.wearer]
longest = 8
emoji = false
"""
SIZES: Final = (1, 2, 5, 100)


@frozen
class World:
    house: House
    gateway: Gateway
    model: Model
    linked: dict[str, Any]

    async def ask(self, script: str, bot: str = "tools") -> list[tuple[str, dict[str, Any]]]:
        """The events of one answer."""
        return read_events(await self.gateway.ask(f"script:{script}", agent_id=bot))

    async def trace(self) -> dict[str, Any]:
        """The last one that is over."""
        while True:
            done = await self.house.command("trace", "list", "--limit", "1", "--json")
            [trace] = json.loads(done.stdout)
            if trace["outcome"] is not None:
                shown = await self.house.command("trace", "show", trace["trace_id"], "--json")
                value: dict[str, Any] = json.loads(shown.stdout)
                return value
            await trio.sleep(0.05)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    house = House(folder)
    async with house.model("pieces") as model:
        house.configure(SETTINGS.format(base_url=model.base_url))
        linked = house.add_bot("linked")
        async with house.serve() as gateway:
            yield World(house, gateway, model, linked)


def texts_of(events: list[tuple[str, dict[str, Any]]]) -> str:
    return "".join(data.get("answer_stream", "") for _, data in events)


def calls_of(events: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [data["tool_call"] for _, data in events if data["type"] == "tool_call"]


def call(command: str, fields: str = "{}") -> dict[str, Any]:
    return {"handling_required": True, "command": command, **json.loads(fields), "is_recall": True}


async def test_each_action_of_a_model_reaches_the_glasses_however_its_arguments_are_streamed(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as it:
        for size in SIZES:
            events = await it.ask(f"navigate:{size}")
            assert calls_of(events) == [call("take_navigation", NAVIGATION)]
            assert calls_of(await it.ask(f"calendar:{size}")) == [call("control_calendar", MEETING)]
        assert calls_of(await it.ask("goodbye")) == [call("notify_agent_off")]
        blocks = await it.gateway.ask("script:photo:3", message_id="m1", agent_id="tools")
        # Byte for byte, as the platform's own bridge writes it.
        assert (
            'event: message\ndata: {"role":"agent","type":"tool_call","tool_call":'
            '{"handling_required":true,"command":"take_photo","is_recall":true},'
            '"message_id":"m1","agent_id":"tools","is_finish":false}'
        ) in blocks
        assert_whole(blocks, "好的，")
        body = (await it.model.seen())["completions"][-1]
        assert [each["function"]["name"] for each in body["tools"]] == [
            *("take_photo", "take_navigation", "control_calendar", "notify_agent_off"),
        ]


async def test_an_action_goes_out_before_the_text_behind_it(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        events = await it.ask("call-then-text")
        kinds = [(data["type"], data.get("answer_stream")) for _, data in events]
        assert kinds == [
            ("tool_call", None),
            ("answer", "拍好了"),
            ("answer", ""),
            ("answer", None),
        ]


async def test_a_model_without_tools_says_them_in_a_block_that_nobody_hears(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        for size in SIZES:
            events = await it.ask(f"block:{size}", "blocks")
            assert calls_of(events) == [call("take_photo")]
            assert texts_of(events) == "好的。\n"
            events = await it.ask(f"questions:{size}", "blocks")
            assert texts_of(events) == "好的。\n\n"
            assert events[-3][1]["follow_up"] == ["多少钱？", "在哪？", "几点？"]
            assert [data["type"] for _, data in events[-3:]] == ["follow_up", "answer", "answer"]
        body = (await it.model.seen())["completions"][-1]
        assert "tools" not in body
        told = body["messages"][0]["content"]
        assert '```eyeclaw\n{"tool_call": {"command": "take_photo"}}' in told


async def test_a_wrong_call_is_told_to_the_model_once_and_stands_in_the_trace(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as it:
        for script, said in (("unknown-call", ""), ("wrong-call", "我看看。")):
            events = await it.ask(script)
            assert calls_of(events) == []
            assert texts_of(events) == said + "".join(PIECES)
            first, second = (await it.model.seen())["completions"][-2:]
            assert second["messages"][: len(first["messages"])] == first["messages"]
            behind = second["messages"][len(first["messages"]) :]
            assert [each["role"] for each in behind] == ["assistant", "tool"]
            assert behind[0]["tool_calls"][0]["id"] == behind[1]["tool_call_id"] == "call_1"
            trace = await it.trace()
            [refused] = [each for each in trace["events"] if each["type"] == "action_refused"]
            assert refused["data"]["why"]
            assert trace["anomaly"] is False


async def test_thinking_and_markdown_are_not_said_and_are_no_loss(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        for size in SIZES:
            blocks = await it.gateway.ask(f"script:thought:{size}", agent_id="tools")
            assert_whole(blocks, "好的，重点：__init__.py。")
            assert_whole(
                await it.gateway.ask(f"script:markdown:{size}", agent_id="tools"), HEARD_MARKDOWN
            )
        trace = await it.trace()
        assert (trace["status"], trace["anomaly"], trace["outcome"]) == (
            *("completed", False, "answered"),
        )
        assert texts_of(await it.ask("reasoning")) == "好"


async def test_a_bot_has_the_manners_that_its_settings_say(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        assert texts_of(await it.ask("markdown:4", "few")) == MARKDOWN
        events = await it.ask("photo", "few")
        assert calls_of(events) == []
        [function] = (await it.model.seen())["completions"][-1]["tools"][:1]
        assert function["function"]["name"] == "notify_agent_off"
        assert not [data for _, data in await it.ask("questions", "few") if "follow_up" in data]
        assert texts_of(await it.ask("markdown:4", "short")) == "天气\n\n"
        assert texts_of(await it.ask("pieces", "short")) == "你好，我是scr"


async def test_a_linked_bot_says_them_as_messages_and_its_markdown_stays(tmp_path: Path) -> None:
    async with (
        world(tmp_path) as it,
        it.gateway.sdk(it.linked) as sdk,
        it.gateway.glasses() as glasses,
    ):
        await sdk.link()
        await it.gateway.send(glasses, agent_id=str(it.linked["id"]))
        turn = await sdk.receive_turn()
        await sdk.say("follow_up", turn, follow_up=["还有呢？"])
        await sdk.chunk(turn, 0, "**好**，")
        await sdk.say("tool_call", turn, tool_call={"command": "take_photo"})
        await sdk.chunk(turn, 1, "看一下")
        await sdk.say("tool_call", turn, tool_call={"command": "fly"})
        await sdk.say("tool_call", turn, tool_call=5)
        await sdk.end(turn, "**好**，看一下", 2)
        await sdk.wait_for_acknowledged(2)
        blocks = await glasses.receive_answer()
        assert_whole(blocks, "**好**，看一下")
        types = [data["type"] for name, data in read_events(blocks) if name == "message"]
        assert types == ["answer", "tool_call", "answer", "follow_up", "answer"]
        assert sdk.acknowledged == [(turn, 0), (turn, 1)]


async def test_an_action_alone_is_an_answer_of_a_linked_bot_too(tmp_path: Path) -> None:
    async with (
        world(tmp_path) as it,
        it.gateway.sdk(it.linked) as sdk,
        it.gateway.glasses() as glasses,
    ):
        await sdk.link()
        await it.gateway.send(glasses, agent_id=str(it.linked["id"]))
        turn = await sdk.receive_turn()
        await sdk.say("tool_call", turn, tool_call={"command": "take_photo"})
        await sdk.end(turn, "", 0)
        events = read_events(await glasses.receive_answer())
        assert [data["type"] for _, data in events] == ["tool_call", "answer", "answer"]


async def test_a_connector_elsewhere_passes_on_what_its_model_calls(tmp_path: Path) -> None:
    async with (
        world(tmp_path) as it,
        it.house.connect(it.gateway, it.linked, provider="tools"),
    ):
        events = await it.ask("navigate:3", "linked")
        assert calls_of(events) == [call("take_navigation", NAVIGATION)]
        events = await it.ask("block:2", "linked")
        assert calls_of(events) == [call("take_photo")]


async def test_only_thinking_is_no_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        said = spoken(await it.gateway.ask("script:only-thought", agent_id="tools"))
        assert without_code(said) == "Bot 处理出错，请稍后重试。"
