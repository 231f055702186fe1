"""Rows 25, 28 and 38: one bot with two links, everybody at once, and bots that are restarted."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from cable_fakes import CableGateway, Sdk
from fakes import OFFLINE, TOKEN, Glasses, assert_whole, make_bot, make_key, question, spoken
from healthy_turn import beside_a_healthy_turn, nothing_left, until
from link_rows import answer
from peers import HOST, SdkPeer, ask, open_gateway
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.protocol.bot import encode_from_bot
from eyeclaw_trio.relay.station import Station


async def test_row_25_the_newer_link_takes_new_turns_and_the_older_goes_behind_its_own(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with (
        beside_a_healthy_turn(gateway),
        gateway.sdk() as old,
        gateway.glasses() as one,
        gateway.glasses() as two,
    ):
        await old.link()
        await one.send(question("一"))
        first = (await old.receive_command())["metadata"]["session_id"]
        async with gateway.sdk() as new:
            await new.link()
            await two.send(question("二"))
            await trio.sleep(5)
            assert gateway.switchboard.station(1).links == 2  # its turn still runs
            await answer(old, first, "答一")
            while (frame := await old.receive()).get("type") != "disconnect":
                assert frame["message"]["type"] == "chunk_received"
            assert frame == {"type": "disconnect", "reason": "replaced", "reconnect": False}
            with pytest.raises(ConnectionClosed):
                await old.receive()
            second = (await new.receive_command())["metadata"]["session_id"]
            await answer(new, second, "答二")
            for glasses, text in ((one, "答一"), (two, "答二")):
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), text)
            await until(lambda: gateway.switchboard.station(1).links == 1, seconds=2)


async def test_row_25_two_sdks_with_one_token_do_not_throw_each_other_out_for_ever(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    links: Counter[str] = Counter()
    refused: list[str] = []

    async def keep_linked(name: str, first_pause: float) -> None:
        """An SDK that comes back whenever it is not told to stay away."""
        await trio.sleep(first_pause)
        while True:
            async with gateway.sdk() as sdk:
                links[name] += 1
                await sdk.link()
                try:
                    while (frame := await sdk.receive()).get("type") != "disconnect":
                        await sdk.say({"type": "ping"})
                except ConnectionClosed:
                    frame = {"reconnect": True}
            if not frame["reconnect"]:
                refused.append(name)
                return
            await trio.sleep(2)

    async with beside_a_healthy_turn(gateway), trio.open_nursery() as nursery:
        nursery.start_soon(keep_linked, "one", 0)
        nursery.start_soon(keep_linked, "two", 1)
        await trio.sleep(60)
        assert links == {"one": 1, "two": 1}
        assert refused == ["one"]
        assert gateway.switchboard.station(1).links == 1
        nursery.cancel_scope.cancel()


async def test_row_25_two_real_sdks_with_one_token_end_as_one_and_it_answers() -> None:
    gateway = CableGateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_gateway(gateway) as port,
        trio.open_nursery() as bots,
    ):
        peers = [SdkPeer(port, 1, TOKEN, lambda text: [text, "!"]) for _ in range(2)]
        for peer in peers:
            await bots.start(peer.run)
        await until(lambda: gateway.switchboard.station(1).links == 1, seconds=5)
        for number in range(20):
            text = f"第{number}问"
            assert_whole(await ask(port, question(text)), text + "!")
        assert [peer.links for peer in peers] == [1, 1]
        assert [[each["reason"] for each in peer.disconnects] for peer in peers] == [
            ["replaced"],
            [],
        ]
        bots.cancel_scope.cancel()


# ---- 28: everybody at once ----------------------------------------------------------------------

CROWD = int(os.environ.get("CROWD", "2000"))
CROWD_OF_BOTS = Path(__file__).with_name("crowd_of_bots.py")


@asynccontextmanager
async def crowd_of_bots(port: int, first: int) -> AsyncIterator[trio.Process]:
    """CROWD bots in a process of their own, so that their work is not the gateway's."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(CROWD_OF_BOTS), str(port), str(first), str(CROWD)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@contextmanager
def files_for(many: int) -> Iterator[None]:
    """This process may open so many files while inside, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, many)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def count_back(stations: Sequence[Station]) -> int:
    """How many have the link that is their second one."""
    return sum(station.is_online and station.links_ever == 2 for station in stations)


async def test_row_28_a_crowd_of_bots_that_come_back_at_once_is_online_within_30_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = 1_000
    bots = {n: make_bot(n, f"b{n}", f"bt_{n}") for n in range(first, first + CROWD)}
    gateway = CableGateway(directory=Directory(keys=(make_key(),), bots={1: make_bot(), **bots}))
    stations = [gateway.switchboard.station(n) for n in bots]
    waits: list[float] = []
    connected, storm, is_over = trio.Event(), trio.Event(), trio.Event()

    async def ask_again_and_again(port: int, scope: trio.CancelScope) -> None:
        # The platform's client keeps its connections; a new one would wait behind the crowd's.
        async with await trio.open_tcp_stream(HOST, port) as stream:
            glasses = Glasses(stream)
            connected.set()
            await storm.wait()
            while not is_over.is_set():
                began = time.perf_counter()
                await glasses.send(question("问", agent_id="1"))
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), "问!")
                waits.append(time.perf_counter() - began)
                await trio.sleep(0.01)
        scope.cancel()

    with files_for(CROWD + 500):
        async with (
            nothing_left(gateway),
            open_gateway(gateway) as port,
            beside_a_healthy_turn(gateway) as healthy,
            crowd_of_bots(port, first) as crowd,
            trio.open_nursery() as peers,
        ):
            await peers.start(SdkPeer(port, 1, TOKEN, lambda text: [text, "!"]).run)
            await until(lambda: all(station.is_online for station in stations), seconds=60)
            peers.start_soon(ask_again_and_again, port, peers.cancel_scope)
            await connected.wait()
            crowd.send_signal(signal.SIGUSR1)
            began = time.perf_counter()
            storm.set()
            await until(lambda: count_back(stations) == CROWD, seconds=30)
            took = time.perf_counter() - began
            with trio.fail_after(5):
                await healthy.goes_on()
            is_over.set()
    waits.sort()
    with capsys.disabled():
        print(
            f"\nrow 28: {CROWD} bots back in {took:.2f} s, "
            f"{gateway.front_door.newcomers.turned_out} ever turned out; "
            f"{len(waits)} answers of another meanwhile, median and slowest (s): "
            f"{waits[len(waits) // 2]:.3f}, {waits[-1]:.3f}"
        )
    assert took < 30
    assert waits[len(waits) // 2] < 0.25
    assert waits[-1] < 5  # the moment in which all the links break at once


# ---- 38: a bot is restarted while it answers, or while it seems stuck ---------------------------


async def test_row_38_who_stays_hears_the_offline_text_and_who_asks_next_an_answer(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), gateway.glasses() as glasses:
        async with gateway.sdk() as sdk:
            await sdk.link()
            await glasses.send()
            turn = (await sdk.receive_command())["metadata"]["session_id"]
            await sdk.say({"type": "stream_chunk", "content": "半", "session_id": turn})
            await glasses.receive_head()
            while '"半"' not in await glasses.receive_event():
                pass
        await trio.sleep(3)
        async with gateway.sdk() as restarted:
            await restarted.link()
            back = trio.current_time()
            blocks = await glasses.receive_answer()
            assert spoken(blocks) == OFFLINE
            assert trio.current_time() == pytest.approx(back + 20, abs=0.01)
            assert (await restarted.receive())["message"]["type"] == "cancel"
            await expect_answer(gateway, restarted, at=trio.current_time())


async def test_row_38_who_asks_a_bot_again_that_seemed_stuck_is_answered_by_its_new_process(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway):
        async with gateway.sdk() as stuck:
            await stuck.link()
            async with gateway.glasses() as glasses:
                await glasses.send()
                await stuck.receive_command()
                await trio.sleep(25)  # nothing; the wearer gives up, and the owner restarts it
        async with gateway.sdk() as restarted:
            await restarted.link()
            await trio.sleep(2)
            await expect_answer(gateway, restarted, at=trio.current_time())


async def expect_answer(gateway: CableGateway, sdk: Sdk, *, at: float) -> None:
    """A question whose command comes at that moment, and whose answer is whole."""
    async with gateway.glasses() as glasses:
        await glasses.send()
        turn = (await sdk.receive_command())["metadata"]["session_id"]
        assert trio.current_time() == pytest.approx(at, abs=0.01)
        chunk = {"type": "stream_chunk", "content": "好", "sequence": 0, "session_id": turn}
        await sdk.say(chunk)
        await sdk.say({"type": "stream_end", "session_id": turn})
        await sdk.say(encode_from_bot(summary_of(turn, "好")))
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), "好")
        while (await sdk.receive())["message"]["type"] != "chunk_received":
            pass
