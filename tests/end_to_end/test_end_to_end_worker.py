"""The edge worker as it exists, over real processes and sockets (PROTOCOL 3).

It triggers, connects a while later, subscribes, and answers pings with a bare pong. Beside it a
poller that is cut off at random reads the same turns.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import trio
from attrs import define
from fakes import Glasses, assert_whole, question
from house import House
from peers import SdkPeer
from processes import LIFETIME, eventually
from running_gateway import Gateway
from trio_websocket import wrap_client_stream
from worker_fakes import WorkerPeer, poll, stream_identifier, text_of, trigger

TURNS: Final = 200
SCRAPS: Final = (
    *("你好", "，", "\n", "😀", "e\u0301", " ", "a", "\u2028", "\0", '{"type":"stream_end"}'),
    *("data: [DONE]\n\n", "\\u0000", '"', "西湖边的桂花开了，步行约十分钟可以到达断桥。"),
)


@define(eq=False)
class BusySdk(SdkPeer):
    """An SDK that answers many commands side by side."""

    @property
    def identifier(self) -> str:
        named = {"channel": "BotChannel", "bot_id": str(self.bot_id), "max_concurrency": 1_000}
        return json.dumps(named)


@asynccontextmanager
async def connect_worker(
    gateway: Gateway, query: str = "", *, message_queue_size: int = 1
) -> AsyncIterator[WorkerPeer]:
    """The worker's WebSocket, welcomed by nobody yet."""
    stream = await gateway.open_stream()
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, stream),
            f"{gateway.host}:{gateway.port}",
            f"/cable{query}",
            message_queue_size=message_queue_size,
            max_message_size=10_000_000,
        )
        try:
            yield WorkerPeer(socket)
        finally:
            await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


async def begin(gateway: Gateway, text: str = "你好", *, key: str = "", **fields: Any) -> str:
    """Trigger a turn; its session id."""
    async with gateway.glasses() as glasses:
        body = question(text, **fields)
        status, told = await trigger(glasses, body, key=key or gateway.key)
        assert (status, told["status"]) == (200, "triggered"), told
        session_id: str = told["session_id"]
        return session_id


def resident_bytes(process: trio.Process) -> int:
    """The memory that a process has now."""
    for line in Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


# --- two hundred random turns ---------------------------------------------------------------------


@define(eq=False)
class RandomTurn:
    """One turn, as both of its readers have seen it."""

    gateway: Gateway
    bot_id: int
    rng: random.Random
    pieces: list[str]
    cuts: int = 0

    async def live(self, name: str) -> None:
        turn = await begin(self.gateway, name, bot_id=self.bot_id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._subscribe, turn)
            nursery.start_soon(self._poll, turn)

    async def _subscribe(self, turn: str) -> None:
        await trio.sleep(self.rng.random() * 0.5)
        key = self.gateway.key
        query, named = self.rng.choice((("", key), (f"?access_key={key}", None)))
        async with connect_worker(self.gateway, query) as worker:
            messages = await worker.follow(stream_identifier(turn, self.bot_id, named))
        assert [each["content"] for each in messages[:-1]] == self.pieces
        assert messages[-1]["type"] == "stream_end"

    async def _poll(self, turn: str) -> None:
        """Poll to the end, from what was seen last, however often it is cut off."""
        key = self.gateway.key
        entries: list[dict[str, Any]] = []
        while not entries or entries[-1]["type"] == "stream_chunk":
            patience = self.rng.choice((self.rng.random() * 0.05, LIFETIME, LIFETIME))
            async with self.gateway.glasses() as glasses:
                with trio.move_on_after(patience) as scope:
                    status, more = await poll(
                        glasses, turn, len(entries) or None, bot_id=self.bot_id, key=key
                    )
                    assert status == 200, more
                    entries += more
            self.cuts += scope.cancelled_caught
        assert [each["id"] for each in entries] == list(range(1, len(entries) + 1))
        assert [each["content"] for each in entries[:-1]] == self.pieces
        assert entries[-1]["type"] == "stream_end"


async def test_the_worker_sees_every_chunk_of_random_turns_and_so_does_a_poller_cut_at_random(
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("CHAOS_SEED", str(time.time_ns() % 1_000_000)))
    print(f"random turns: CHAOS_SEED={seed}")
    rng = random.Random(seed)
    house = House(tmp_path)
    bot = house.add_bot("busy")
    answers = {
        f"问题 {n}": [rng.choice(SCRAPS) for _ in range(rng.randint(1, 30))] + ["完"]
        for n in range(TURNS)
    }
    async with house.serve() as gateway, trio.open_nursery() as nursery:
        sdk = BusySdk(
            gateway.port,
            bot["id"],
            bot["token"],
            answers.__getitem__,
            pause=lambda: rng.random() * rng.choice((0.001, 0.05)),
            ack_patience=0,  # two hundred that look every 5 ms would cost more than all else
        )
        await nursery.start(sdk.run)
        turns = [
            RandomTurn(gateway, bot["id"], random.Random(rng.random()), pieces)
            for pieces in answers.values()
        ]
        async with trio.open_nursery() as readers:
            for name, turn in zip(answers, turns, strict=True):
                readers.start_soon(turn.live, name)
                await trio.sleep(0.005)
        # It was not for nothing that each turn was judged after cuts.
        assert sum(turn.cuts for turn in turns) > TURNS / 10
        listed = await house.result("trace", "list", "--limit", str(TURNS))
        assert len(listed) == TURNS
        assert {(each["source"], each["outcome"]) for each in listed} == {("trigger", "answered")}
        nursery.cancel_scope.cancel()


# --- rights ---------------------------------------------------------------------------------------


async def test_row_24_a_turn_is_read_with_the_key_that_triggered_it_and_by_nobody_else(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    first, second = house.add_bot("first"), house.add_bot("second")
    async with (
        house.serve() as gateway,
        gateway.sdk(first) as sdk,
        gateway.sdk(second) as other_sdk,
        gateway.glasses() as healthy,
    ):
        own = await house.result("key", "create", "own", "--bot", str(second["id"]))
        other = await house.result("key", "create", "other")
        await sdk.link()
        await other_sdk.link()
        # One healthy answer runs beside it all.
        await gateway.send(healthy, agent_id="second")
        healthy_turn = await other_sdk.receive_turn()
        await other_sdk.chunk(healthy_turn, 0, "健康")

        turn = await begin(gateway, bot_id=first["id"])
        assert await sdk.receive_turn() == turn
        await sdk.chunk(turn, 0, "秘密")
        await sdk.wait_for_acknowledged(1)

        foreign = [
            (turn, first["id"], own["key"]),
            (turn, first["id"], other["key"]),
            (turn, second["id"], own["key"]),
            (turn, second["id"], gateway.key),
            (turn, 99, gateway.key),
            ("0" * 32, first["id"], gateway.key),
        ]
        told: set[str] = set()
        for session_id, bot_id, key in foreign:
            async with gateway.glasses() as glasses:
                status, body = await poll(glasses, session_id, bot_id=bot_id, key=key)
                told.add(f"{status} {body}")
        assert told == {"404 {'error': 'Turn not found', 'detail': None}"}

        async with connect_worker(gateway) as worker:
            assert await worker.receive() == {"type": "welcome"}
            for session_id, bot_id, key in (*foreign, (turn, first["id"], "ak_wrong")):
                identifier = stream_identifier(session_id, bot_id, key)
                await worker.subscribe(identifier)
                await worker.expect_rejection(identifier)

        await sdk.end(turn, "秘密", 1)
        async with gateway.glasses() as glasses:
            _, entries = await poll(glasses, turn, bot_id=first["id"], key=gateway.key)
            assert text_of(entries) == "秘密"
        await other_sdk.end(healthy_turn, "健康", 1)
        assert_whole(await healthy.receive_answer(), "健康")


async def test_row_30_a_revoked_key_ends_its_turn_its_poll_and_its_subscription_in_two_seconds(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    bot = house.add_bot("home")
    async with (
        house.serve() as gateway,
        gateway.sdk(bot) as sdk,
        gateway.glasses() as glasses,
        connect_worker(gateway) as worker,
    ):
        made = await house.result("key", "create", "short-lived")
        await sdk.link()
        turn = await begin(gateway, key=made["key"], bot_id=bot["id"])
        assert await sdk.receive_turn() == turn
        identifier = stream_identifier(turn, bot["id"], made["key"])
        assert await worker.receive() == {"type": "welcome"}
        await worker.subscribe(identifier)
        await worker.expect_confirmation(identifier)
        async with trio.open_nursery() as nursery:
            polled: list[int] = []

            async def wait_in_vain() -> None:
                status, _ = await poll(glasses, turn, bot_id=bot["id"], key=made["key"])
                polled.append(status)

            nursery.start_soon(wait_in_vain)
            await house.command("key", "revoke", str(made["id"]))
            with trio.fail_after(2):
                await worker.expect_rejection(identifier)
                assert (await worker.receive())["reason"] == "unauthorized"
                cancel = (await sdk.receive())["message"]
                assert (cancel["type"], cancel["session_id"]) == ("cancel", turn)
        assert polled == [401]


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
        before = resident_bytes(gateway.process)
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
            growth = resident_bytes(gateway.process) - before
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
