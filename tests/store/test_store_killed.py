"""A gateway that is killed in the middle of a turn (RELIABILITY 7), with real processes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import trio
from fakes import assert_whole, spoken
from house import House


async def test_row_7_after_sigkill_in_mid_turn_the_next_start_knows_that_it_was_interrupted(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    bot = await house.result("bot", "add", "home")
    async with house.serve() as gateway, gateway.sdk(bot) as sdk, gateway.glasses() as glasses:
        await sdk.link()
        first = gateway.ask("一")
        async with trio.open_nursery() as nursery:
            whole: list[str] = []

            async def ask() -> None:
                whole.extend(await first)

            nursery.start_soon(ask)
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "一")
            await sdk.end(turn, "一", 1)
        assert_whole(whole, "一")
        await gateway.send(glasses)
        turn = await sdk.receive_turn()
        await sdk.chunk(turn, 0, "二")
        assert spoken([await glasses.receive_event()]) == "二"
        with trio.fail_after(5):  # begun turns are written within moments
            while [each["status"] for each in await house.result("trace", "list")] != [
                "active",
                "completed",
            ]:
                await trio.sleep(0.05)
        gateway.process.kill()
        await gateway.process.wait()
        with closing(sqlite3.connect(house.data / "eyeclaw.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

        began = trio.current_time()
        async with house.serve("--listen", f"{gateway.host}:{gateway.port}") as again:
            assert trio.current_time() - began < 3.0
            killed, answered = await house.result("trace", "list")
            assert (killed["status"], killed["outcome"]) == ("anomaly", "interrupted")
            assert (killed["bot_id"], killed["message_id"]) == (bot["id"], "1021")
            assert answered["outcome"] == "answered"
            async with again.sdk(bot) as sdk, again.glasses() as glasses:
                await sdk.link()
                await again.send(glasses)
                turn = await sdk.receive_turn()
                await sdk.chunk(turn, 0, "三")
                await sdk.end(turn, "三", 1)
                assert_whole(await glasses.receive_answer(), "三")
        with closing(sqlite3.connect(house.data / "eyeclaw.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
