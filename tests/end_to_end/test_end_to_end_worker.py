"""The edge worker as it exists, over real processes and sockets (PROTOCOL 3).

It triggers, connects a while later, subscribes, and answers pings with a bare pong. Beside it a
poller that is cut off at random reads the same turns.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define
from fakes import assert_whole
from house import House
from processes import LIFETIME
from running_gateway import Gateway
from worker_fakes import poll, stream_identifier, text_of
from worker_turns import BusySdk, begin, connect_worker

TURNS: Final = 200
SCRAPS: Final = (
    *("你好", "，", "\n", "😀", "e\u0301", " ", "a", "\u2028", "\0", '{"type":"stream_end"}'),
    *("data: [DONE]\n\n", "\\u0000", '"', "西湖边的桂花开了，步行约十分钟可以到达断桥。"),
)


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
