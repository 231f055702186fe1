"""Workers' turns when the gateway stops, and readers that take nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import trio
from fakes import Glasses, question
from house import House
from processes import eventually
from running_gateway import Gateway
from worker_fakes import poll, stream_identifier, text_of, trigger
from worker_turns import BusySdk, begin, connect_worker


def resident_bytes(pid: int) -> int:
    """The memory that a process has now."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


# --- stopping -------------------------------------------------------------------------------------


@asynccontextmanager
async def begun_turn(folder: Path, settings: str = "") -> AsyncIterator[tuple[Gateway, Any, str]]:
    """A gateway, its SDK, and a triggered turn that has begun with `一`."""
    house = House(folder)
    house.configure(settings)
    bot = house.add_bot("home")
    async with house.serve() as gateway, gateway.sdk(bot) as sdk:
        await sdk.link()
        turn = await begin(gateway, bot_id=bot["id"])
        assert await sdk.receive_turn() == turn
        await sdk.chunk(turn, 0, "一")
        await sdk.wait_for_acknowledged(1)
        yield gateway, sdk, turn


def is_draining(gateway: Gateway) -> Callable[[], Any]:
    async def look() -> bool:
        return (await gateway.health())[0] == 503

    return look


GOODBYE: Final = {"type": "disconnect", "reason": "server_restart", "reconnect": True}


async def test_after_sigterm_a_running_turn_is_read_to_its_end_also_by_who_comes_only_then(
    tmp_path: Path,
) -> None:
    async with begun_turn(tmp_path) as (gateway, sdk, turn), connect_worker(gateway) as early:
        identifier = stream_identifier(turn, sdk.bot_id, gateway.key)
        assert await early.receive() == {"type": "welcome"}
        await early.subscribe(identifier)
        await early.expect_confirmation(identifier)
        gateway.process.terminate()
        await eventually(is_draining(gateway), seconds=2)
        async with gateway.glasses() as glasses:
            status, _ = await trigger(glasses, key=gateway.key)
            assert status == 503
        async with gateway.glasses() as poller, connect_worker(gateway) as late:
            _, first = await poll(poller, turn, bot_id=sdk.bot_id, key=gateway.key)
            assert text_of(first) == "一"
            assert await late.receive() == {"type": "welcome"}
            await late.subscribe(identifier)
            await late.expect_confirmation(identifier)
            await sdk.chunk(turn, 1, "二")
            await sdk.end(turn, "一二", 2)
            # The turn is over; a poller that comes back for the rest is waited for, a little.
            await trio.sleep(0.3)
            _, rest = await poll(poller, turn, 1, bot_id=sdk.bot_id, key=gateway.key)
            assert (text_of(rest), rest[-1]["type"]) == ("二", "stream_end")
            for worker in (early, late):
                assert text_of(await worker.receive_rest(identifier)) == "一二"
                assert await worker.receive() == GOODBYE
        assert await gateway.process.wait() == 0


async def test_a_turn_that_nobody_fetches_keeps_a_gateway_from_stopping_for_a_moment_only(
    tmp_path: Path,
) -> None:
    async with begun_turn(tmp_path) as (gateway, sdk, turn):
        gateway.process.terminate()
        await sdk.end(turn, "一", 1)
        began = time.monotonic()
        assert await sdk.receive() == GOODBYE
        assert await gateway.process.wait() == 0
        assert 3.0 < time.monotonic() - began < 8.0


async def test_a_turn_that_outlasts_the_drain_ends_with_an_error_that_is_still_read(
    tmp_path: Path,
) -> None:
    patience = "[patience]\ndrain_timeout = 0.6\n"
    async with begun_turn(tmp_path, patience) as (gateway, sdk, turn):
        async with connect_worker(gateway) as worker:
            identifier = stream_identifier(turn, sdk.bot_id, gateway.key)
            assert await worker.receive() == {"type": "welcome"}
            await worker.subscribe(identifier)
            await worker.expect_confirmation(identifier)
            gateway.process.terminate()
            *_, last = await worker.receive_rest(identifier)
            assert last["type"] == "stream_error"
            assert await worker.receive() == GOODBYE
        assert await gateway.process.wait() == 0


# --- memory ---------------------------------------------------------------------------------------


async def test_readers_that_take_nothing_cost_pieces_of_an_answer_and_not_copies(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    bot = house.add_bot("busy")
    pieces = [f"{n:05}" * 10_000 for n in range(60)]
    whole = "".join(pieces)
    async with house.serve() as gateway, trio.open_nursery() as nursery:
        sdk = BusySdk(
            gateway.port, bot["id"], bot["token"], lambda _: pieces, pause=lambda: 0, ack_patience=9
        )
        await nursery.start(sdk.run)
        turn = await begin(gateway, bot_id=bot["id"])
        identifier = stream_identifier(turn, bot["id"], gateway.key)
        async with connect_worker(gateway) as worker:
            assert text_of(await worker.follow(identifier)) == whole
        before = resident_bytes(gateway.pid)
        async with trio.open_nursery() as stalled:

            async def take_nothing(task_status: trio.TaskStatus[None]) -> None:
                """A poller that reads the head of its answer and no more."""
                async with gateway.glasses() as glasses:
                    target = f"/api/rokid/poll?bot_id={bot['id']}&session_id={turn}"
                    await glasses.send(method="GET", target=target, key=gateway.key)
                    await glasses.receive_head()
                    task_status.started()
                    await trio.sleep_forever()

            async def follow_nothing(task_status: trio.TaskStatus[None]) -> None:
                """A subscriber that reads up to its confirmation and no more."""
                async with connect_worker(gateway, message_queue_size=0) as worker:
                    await worker.subscribe(identifier)
                    await worker.receive()
                    task_status.started()
                    await trio.sleep_forever()

            for _ in range(20):
                await stalled.start(take_nothing)
                await stalled.start(follow_nothing)
            # Nobody is held up by them.
            async with gateway.glasses() as glasses:
                began = time.monotonic()
                _, entries = await poll(glasses, turn, bot_id=bot["id"], key=gateway.key)
                assert time.monotonic() - began < 2.0
            assert text_of(entries) == whole
            growth = resident_bytes(gateway.pid) - before
            print(f"grown by {growth / 1e6:.1f} MB for 40 readers of 3 MB each")
            assert growth < 30_000_000
            stalled.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


async def test_over_a_keep_alive_connection_many_polls_are_as_good_as_over_many(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway, gateway.glasses() as glasses:
        status, told = await trigger(glasses, question("一个 两个 三个 四个"), key=gateway.key)
        assert status == 200
        entries: list[dict[str, Any]] = []
        while not entries or entries[-1]["type"] == "stream_chunk":
            entries += await _poll_one(glasses, gateway, told, len(entries))
        assert text_of(entries) == "一个 两个 三个 四个"


async def _poll_one(
    glasses: Glasses, gateway: Gateway, told: dict[str, Any], last_id: int
) -> list[dict[str, Any]]:
    status, entries = await poll(
        glasses, told["session_id"], last_id, bot_id=told["bot_id"], key=gateway.key
    )
    assert status == 200
    return cast(list[dict[str, Any]], entries)
