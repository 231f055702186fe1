"""RELIABILITY 39, with real processes: a connector that is told to stop, or dies, in mid-answer."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from fakes import FAILED, assert_whole, spoken, without_code
from house import House
from model_scripts import PIECES, WHOLE_TEXT
from processes import Child, eventually
from running_gateway import Gateway, Model

CUT = f"{FAILED}回答中途中断。"
# Seconds for what needs no waiting, also on a busy machine; `resume_grace` is 20.
AT_ONCE = 8.0


@frozen
class Running:
    """A gateway, a model, and a connector of the bot `home` whose answer is running."""

    house: House
    gateway: Gateway
    model: Model
    connector: Child
    bot: dict[str, Any]


@asynccontextmanager
async def linked(folder: Path, settings: str = "") -> AsyncIterator[Running]:
    house = House(folder)
    bot = house.add_bot("home")
    async with house.model() as model:
        house.configure(f'[providers.m]\nbase_url = "{model.base_url}"\nmodel = "x"\n{settings}')
        async with house.serve() as gateway, house.connect(gateway, bot, provider="m") as child:
            yield Running(house, gateway, model, child, bot)


async def wait_until_asked(it: Running, count: int = 1) -> None:
    await it.model.wait_for("completions", count)


async def wait_until_draining(it: Running) -> None:
    async def is_draining() -> bool:
        return '"connector.draining"' in it.connector.log

    await eventually(is_draining, seconds=5)


async def test_sigterm_lets_the_running_answer_finish_and_a_new_question_to_the_next_process(
    tmp_path: Path,
) -> None:
    async with linked(tmp_path) as it, it.gateway.glasses() as glasses:
        await it.gateway.send(glasses, "script:pieces:5:0.4", agent_id="home")
        await glasses.receive_event()
        await wait_until_asked(it)
        it.connector.process.send_signal(signal.SIGTERM)
        await wait_until_draining(it)
        async with it.gateway.glasses() as later:
            await it.gateway.send(later, agent_id="home")
            assert_whole(await glasses.receive_answer(), "".join(PIECES[1:]))
            assert await it.connector.process.wait() == 0
            async with it.house.connect(it.gateway, it.bot, provider="m"):
                assert_whole(await later.receive_answer(), WHOLE_TEXT)


async def test_what_outlasts_the_drain_is_told_to_the_wearer_at_once(tmp_path: Path) -> None:
    async with (
        linked(tmp_path, "[patience]\ndrain_timeout = 0.5\n") as it,
        it.gateway.glasses() as glasses,
    ):
        await it.gateway.send(glasses, "script:hang", agent_id="home")
        await glasses.receive_event()
        it.connector.process.send_signal(signal.SIGTERM)
        with trio.fail_after(AT_ONCE):
            assert without_code(spoken(await glasses.receive_answer())).endswith(CUT)
            assert await it.connector.process.wait() == 0
        await it.model.wait_for("aborted", 1)


async def test_a_second_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    async with linked(tmp_path) as it, it.gateway.glasses() as glasses:
        await it.gateway.send(glasses, "script:hang", agent_id="home")
        await glasses.receive_event()
        it.connector.process.send_signal(signal.SIGTERM)
        await wait_until_draining(it)
        it.connector.process.send_signal(signal.SIGTERM)
        with trio.fail_after(AT_ONCE):
            assert await it.connector.process.wait() == 1
        assert "Error: stopped at once by a second signal: 1 cut off" in it.connector.log


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_one_with_nothing_to_do_ends_at_once(tmp_path: Path, how: int) -> None:
    async with linked(tmp_path) as it:
        it.connector.process.send_signal(how)
        with trio.fail_after(AT_ONCE):
            assert await it.connector.process.wait() == 0


async def test_the_process_after_one_that_was_killed_says_at_once_that_its_turn_is_gone(
    tmp_path: Path,
) -> None:
    async with linked(tmp_path) as it, it.gateway.glasses() as glasses:
        await it.gateway.send(glasses, "script:hang", agent_id="home")
        await glasses.receive_event()
        await glasses.receive_event()
        it.connector.process.kill()
        await it.connector.process.wait()
        async with it.house.connect(it.gateway, it.bot, provider="m"):
            with trio.fail_after(AT_ONCE):
                assert without_code(spoken(await glasses.receive_answer())).endswith(CUT)
            assert_whole(await it.gateway.ask(agent_id="home"), WHOLE_TEXT)
