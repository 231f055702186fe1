"""Answers that outlive their reader: real processes and sockets, a scripted callback, SIGTERM
(PROTOCOL 7)."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import trio
from callback_server import ACCOUNT_KEY, Verdict, open_callback
from house import House
from processes import eventually
from running_gateway import Gateway

SETTINGS = """
[patience]
late_after = {after}
drain_timeout = {drain}

[push]
account_key = "{key}"
url = "{url}"

[providers.slow]
base_url = "{model}"
model = "script:{script}"

[[bots]]
name = "home"
provider = "slow"
default = true
late = "push"
"""


def settings(url: str, model: str, *, script: str, after: float = 0, drain: float = 10) -> str:
    return SETTINGS.format(
        after=after, drain=drain, key=ACCOUNT_KEY, url=url, model=model, script=script
    )


async def only_trace(house: House) -> dict[str, Any]:
    """The only trace, once its turn is over."""
    found: list[dict[str, Any]] = []

    async def is_over() -> bool:
        traces = (await house.command("trace", "list", "--json")).result
        found[:] = [each for each in traces if each["outcome"] is not None]
        return len(found) == len(traces) == 1

    await eventually(is_over, seconds=15, every=0.2)
    return found[0]


async def leave_after(gateway: Gateway, events: int) -> None:
    """Ask, read so many events, and hang up."""
    async with gateway.glasses() as glasses:
        await gateway.send(glasses, user_id="wearer-1", agent_id="agent-7")
        for _ in range(events):
            await glasses.receive_event()


@pytest.mark.parametrize("events", [0, 2])
async def test_whoever_hangs_up_has_the_whole_answer_pushed(tmp_path: Path, events: int) -> None:
    house = House(tmp_path)
    script = "pieces:5:0.2"
    async with open_callback(Verdict(500)) as callback, house.model() as model:
        house.configure(settings(callback.url, model.base_url, script=script))
        async with house.serve() as gateway:
            await leave_after(gateway, events)
            await callback.wait_for(2)
            trace = await only_trace(house)
            log = gateway.child.log if gateway.child else ""
        assert (await model.seen())["aborted"] == 0
    assert callback.contents == ["你好，我是scripted model。😀"] * 2
    assert callback.pushes[0] == callback.pushes[1]
    assert callback.pushes[0]["account_id"] == "wearer-1"
    assert callback.pushes[0]["message"]["agent_id"] == "agent-7"
    assert trace["outcome"] == "late"
    assert ACCOUNT_KEY not in log
    assert "scripted model" not in log


async def test_silence_ends_with_a_sentence_and_the_answer_is_pushed(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with open_callback() as callback, house.model() as model:
        house.configure(settings(callback.url, model.base_url, script="pieces:2:1.5", after=0.5))
        async with house.serve() as gateway:
            blocks = await gateway.ask(user_id="wearer-1")
            said = [json.loads(block.split("data: ")[1]) for block in blocks if "data:" in block]
            assert [each.get("answer_stream") for each in said] == ["我做好后告诉你。", None]
            await callback.wait_for(1)
            assert (await only_trace(house))["outcome"] == "late"
    assert callback.contents == ["你好，我是"]


@pytest.mark.parametrize(
    ("drain", "outcome", "pushed"), [(10.0, "late", ["你好，我是"]), (0.5, "interrupted", [])]
)
async def test_a_gateway_that_is_told_to_stop_waits_for_late_answers_as_long_as_for_others(
    tmp_path: Path, drain: float, outcome: str, pushed: list[str]
) -> None:
    house = House(tmp_path)
    async with open_callback() as callback, house.model() as model:
        house.configure(settings(callback.url, model.base_url, script="pieces:2:1.5", drain=drain))
        async with house.serve() as gateway:
            await leave_after(gateway, 0)
            await trio.sleep(0.3)
            gateway.process.send_signal(signal.SIGTERM)
            assert gateway.child is not None
            assert await gateway.child.status(within=15) == 0
    assert callback.contents == pushed
    assert (await only_trace(house))["outcome"] == outcome
