"""How a gateway ends: asked to, asked twice, and killed (RELIABILITY 6, 7)."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from attrs import frozen
from fakes import FAILED, Glasses, assert_whole, read_events, spoken, without_code
from house import House
from processes import eventually
from running_gateway import Gateway
from running_sdk import Sdk

# A process that is told to stop at once, or has nothing left to do, needs no longer (seconds).
AT_ONCE: Final = 1.5


@frozen
class Running:
    """A gateway with an answer that has begun: its SDK has said `一`, and goes on when told."""

    house: House
    gateway: Gateway
    sdk: Sdk
    glasses: Glasses
    turn: str
    other_bot: dict[str, Any]

    async def finish(self) -> None:
        await self.sdk.chunk(self.turn, 1, "二")
        await self.sdk.end(self.turn, "一二", 2)

    async def wait_until_draining(self) -> None:
        """`/health` says so at once, to whoever asks."""

        async def is_draining() -> bool:
            status, body = await self.gateway.health()
            assert (status, body["status"]) in ((200, "ok"), (503, "draining"))
            return status == 503

        await eventually(is_draining, seconds=0.5)


@asynccontextmanager
async def running_answer(folder: Path, settings: str = "") -> AsyncIterator[Running]:
    house = House(folder)
    house.configure(settings)
    bot, connected = house.add_bot("home"), house.add_bot("connected")
    async with house.serve() as gateway, gateway.sdk(bot) as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await gateway.send(glasses, agent_id="home")
        turn = await sdk.receive_turn()
        await sdk.chunk(turn, 0, "一")
        assert spoken([await glasses.receive_event()]) == "一"
        yield Running(house, gateway, sdk, glasses, turn, connected)


async def test_sigterm_lets_the_running_answer_finish_and_says_goodbye_to_the_bots(
    tmp_path: Path,
) -> None:
    async with running_answer(tmp_path) as it, it.gateway.glasses() as queued:
        await it.gateway.send(queued, agent_id="home")  # waits in the queue of the busy SDK
        gateway = it.gateway
        async with gateway.glasses() as kept:
            await kept.send(method="GET", target="/health", key=None)
            assert (await kept.receive_head()).status_code == 200
            await kept.receive_body()

            gateway.process.terminate()
            await it.wait_until_draining()

            async def expect_503(glasses: Glasses) -> None:
                await glasses.send(key=gateway.key)
                response = await glasses.receive_head()
                assert response.status_code == 503
                assert int(dict(response.headers)[b"retry-after"]) > 0

            await expect_503(kept)
            async with gateway.glasses() as new:
                await expect_503(new)

            await it.finish()
            assert_whole(await it.glasses.receive_answer(), "二")
            # The one in the queue was taken before the signal: it is answered too.
            turn = await it.sdk.receive_turn()
            assert (await gateway.health())[0] == 503
            await it.sdk.chunk(turn, 0, "三")
            await it.sdk.end(turn, "三", 1)
            assert_whole(await queued.receive_answer(), "三")

            goodbye = {"type": "disconnect", "reason": "server_restart", "reconnect": True}
            assert await it.sdk.receive() == goodbye
            assert await gateway.process.wait() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_gateway_with_nothing_to_do_ends_at_once(tmp_path: Path, how: int) -> None:
    house = House(tmp_path)
    bot = house.add_bot("home")
    async with house.serve() as gateway, gateway.sdk(bot) as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await glasses.send(method="GET", target="/health", key=None)
        await glasses.receive_head()
        await glasses.receive_body()
        gateway.process.send_signal(how)
        goodbye = {"type": "disconnect", "reason": "server_restart", "reconnect": True}
        assert await sdk.receive() == goodbye
        with trio.fail_after(AT_ONCE):
            assert await gateway.process.wait() == 0


async def test_an_answer_that_outlasts_the_drain_ends_with_the_apology_and_status_0(
    tmp_path: Path,
) -> None:
    async with running_answer(tmp_path, "[patience]\ndrain_timeout = 0.6\n") as it:
        began = trio.current_time()
        it.gateway.process.terminate()
        blocks = await it.glasses.receive_answer()
        assert 0.5 < trio.current_time() - began < 1.6
        (name, message), (last, _) = read_events(blocks)
        assert (name, message["is_finish"]) == ("message", True)
        assert without_code(message["answer_stream"]) == FAILED
        assert last == "done"
        cancel = (await it.sdk.receive())["message"]
        assert (cancel["type"], cancel["session_id"]) == ("cancel", it.turn)
        goodbye = {"type": "disconnect", "reason": "server_restart", "reconnect": True}
        assert await it.sdk.receive() == goodbye
        with trio.fail_after(AT_ONCE):
            assert await it.gateway.process.wait() == 0


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    async with running_answer(tmp_path) as it:
        it.gateway.process.terminate()
        await it.wait_until_draining()
        it.gateway.process.terminate()
        with trio.fail_after(AT_ONCE):
            status = await it.gateway.process.wait()
        # An answer was cut off, so this is not success; one line says so.
        assert status == 1
        assert it.gateway.child is not None
        last = it.gateway.child.log.splitlines()[-1]
        assert last == "Error: stopped at once by a second signal: 1 cut off"


async def test_after_sigkill_it_starts_again_on_the_same_data_and_the_bots_come_back(
    tmp_path: Path,
) -> None:
    async with running_answer(tmp_path) as it:
        house, address = it.house, f"{it.gateway.host}:{it.gateway.port}"
        async with house.connect(it.gateway, it.other_bot, provider="echo") as connector:
            it.gateway.process.kill()
            await it.gateway.process.wait()
            assert (await connector.line())["event"] == "disconnected"

            with closing(sqlite3.connect(house.data / "eyeclaw.db")) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

            began = trio.current_time()
            async with house.serve("--listen", address) as gateway:
                assert trio.current_time() - began < 3.0
                assert f"{gateway.host}:{gateway.port}" == address
                with trio.fail_after(10):
                    while (await connector.line())["event"] != "connected":
                        pass
                assert_whole(await gateway.ask("又在", agent_id="connected"), "又在")
