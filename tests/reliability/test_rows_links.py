"""RELIABILITY 1, 2, 25, 28 and 38: links that break, die, double, all come back at once, and bots
that are restarted."""

from __future__ import annotations

import json
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
from cable_fakes import CableGateway, Sdk
from chaos import open_chaos_proxy
from fakes import (
    KEY,
    OFFLINE,
    TOKEN,
    Glasses,
    assert_whole,
    make_bot,
    make_key,
    question,
    read_events,
    spoken,
    summary_of,
)
from healthy_turn import beside_a_healthy_turn, nothing_left, until
from house import House
from peers import HOST, FakeModel, SdkPeer, ask, open_gateway
from running_gateway import Gateway as GatewayElsewhere
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, encode_from_bot

# ---- 1: the link of a bot breaks in mid-answer --------------------------------------------------


def long_answer(text: str) -> Sequence[str]:
    """Two seconds of it, at the pace of the peers below."""
    return [f"<{text}>", *(f"第{n}句。\n" for n in range(60))]


@asynccontextmanager
async def reading(port: int, text: str, **fields: object) -> AsyncIterator[Glasses]:
    """A reader of bot 1 behind the head of its answer."""
    async with await trio.open_tcp_stream(HOST, port) as stream:
        glasses = Glasses(stream)
        await glasses.send(question(text, **fields))
        assert (await glasses.receive_head()).status_code == 200
        yield glasses


@pytest.mark.parametrize("how", ["reset", "cut"])
async def test_row_01_our_connector_resends_what_was_not_acknowledged(how: str) -> None:
    gateway = CableGateway()
    events: list[dict[str, object]] = []
    async with (
        beside_a_healthy_turn(gateway),
        open_gateway(gateway) as port,
        open_chaos_proxy(port) as proxy,
        trio.open_nursery() as bots,
    ):
        model = FakeModel(long_answer, lambda: 0.02)
        address = LinkTarget(f"http://{HOST}:{proxy.port}", 1, TOKEN)

        async def connect() -> None:
            # The shortest of the delays that `core/backoff` allows: 0.75 s.
            await keep_connected(address, model, announce=events.append, random=lambda: 0.0)

        bots.start_soon(connect)
        await until(lambda: gateway.switchboard.is_online(1), seconds=5)
        async with reading(port, "问") as glasses:
            blocks = [await glasses.receive_event() for _ in range(10)]
            # Some chunks are on their way and get lost with the link.
            proxy.set_weather(blackhole=True)
            await trio.sleep(0.15)
            assert (proxy.reset_all if how == "reset" else proxy.cut_all)() == 1
            proxy.set_weather(blackhole=False)
            await until(lambda: not gateway.switchboard.is_online(1), seconds=1)
            with trio.fail_after(20):
                blocks += await glasses.receive_answer()
            assert_whole(blocks, "".join(long_answer("问")))
        assert [event["event"] for event in events] == [
            "connected",
            "disconnected",
            "connected",
        ]
        assert model.open_answers == 0
        bots.cancel_scope.cancel()
    [trace] = [each for each in gateway.traces if each.bot_id == 1]
    assert trace.resumed == 1
    assert trace.outcome is Outcome.ANSWERED
    # All chunks came, so the summary had nothing to heal, and nobody waited for it.
    assert (trace.missing, trace.anomalies) == ((), [])


async def test_row_01_the_tail_that_was_said_while_the_link_was_down_comes_without_a_summary(
    autojump_clock: MockClock,
) -> None:
    """What our connector does, in virtual time: everything resent, and the end right behind it."""
    gateway = CableGateway()
    connector = json.dumps({"channel": "BotChannel", "bot_id": "1", "cancel": True, "resume": True})
    async with beside_a_healthy_turn(gateway), gateway.glasses() as glasses:
        async with gateway.sdk() as sdk:
            await link_as(sdk, connector)
            await glasses.send()
            turn = (await sdk.receive())["message"]["metadata"]["session_id"]
            await sdk.say(encode_from_bot(StreamChunk(turn, "一", 0)), connector)
            await sdk.receive()
        await trio.sleep(19)
        async with gateway.sdk() as sdk:
            await link_as(sdk, connector)
            assert (await sdk.receive())["message"]["sequence"] == 0  # reminded of its turn
            for sequence, text in enumerate(("一", "二", "三")):
                await sdk.say(encode_from_bot(StreamChunk(turn, text, sequence)), connector)
            said = trio.current_time()
            named = (await sdk.receive())["message"]
            assert named == {"type": "running_turns", "session_ids": [turn]}
            numbers = [(await sdk.receive())["message"]["sequence"] for _ in range(3)]
            assert numbers == [0, 1, 2]
            await glasses.receive_head()
            blocks = [await glasses.receive_event() for _ in range(4)]
            while len(read_events(blocks)) < 3:
                blocks.append(await glasses.receive_event())
            assert trio.current_time() == said
            await sdk.say({"type": "stream_end", "session_id": turn}, connector)
            assert_whole([*blocks, *await glasses.receive_answer()], "一二三")
            assert trio.current_time() <= said + 0.25
    [trace] = [each for each in gateway.traces if each.bot_id == 1]
    assert (trace.resumed, trace.duplicates, trace.missing) == (1, 1, ())


async def link_as(sdk: Sdk, identifier: str) -> None:
    """Everything up to the confirmed subscription, as something else than an SDK."""
    assert await sdk.receive() == {"type": "welcome"}
    await sdk.subscribe(identifier)
    assert (await sdk.receive())["type"] == "confirm_subscription"
    assert (await sdk.receive())["message"]["type"] == "connected"


async def test_row_01_what_an_sdk_has_lost_with_its_link_is_healed_from_its_summary() -> None:
    gateway = CableGateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_gateway(gateway) as port,
        open_chaos_proxy(port) as proxy,
        trio.open_nursery() as bots,
    ):
        sdk = SdkPeer(proxy.port, 1, TOKEN, long_answer, lambda: 0.01, retry=0.3, ack_patience=0.2)
        await bots.start(sdk.run)
        async with reading(port, "问") as glasses:
            blocks = [await glasses.receive_event() for _ in range(10)]
            proxy.reset_all()
            with trio.fail_after(20):
                blocks += await glasses.receive_answer()
            assert_whole(blocks, "".join(long_answer("问")))
        assert sdk.links == 2
        bots.cancel_scope.cancel()
    [trace] = [each for each in gateway.traces if each.bot_id == 1]
    assert trace.resumed == 1
    assert trace.missing_count >= 1
    assert trace.anomalies == [Anomaly.HEALED]


async def test_row_01_a_bot_that_is_not_back_in_time_is_apologised_for_once(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway, places_kept=1), gateway.glasses() as glasses:
        async with gateway.sdk() as sdk:
            await sdk.link()
            await glasses.send()
            turn = (await sdk.receive_command())["metadata"]["session_id"]
            for sequence in (0, 2):  # one is held when the link breaks
                await sdk.say(encode_from_bot(StreamChunk(turn, f"第{sequence}", sequence)))
            await sdk.receive()
        broken = trio.current_time()
        await glasses.receive_head()
        blocks = await glasses.receive_answer()
        assert broken + 20 <= trio.current_time() <= broken + 21
        assert_whole(blocks, "第0" + OFFLINE)
    [trace] = [each for each in gateway.traces if each.bot_id == 1]
    assert (trace.outcome, trace.resumed) == (Outcome.OFFLINE, 0)


async def test_row_01_a_bot_that_comes_back_too_late_changes_nothing_any_more(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), gateway.glasses() as glasses:
        async with gateway.sdk() as sdk:
            await sdk.link()
            await glasses.send()
            turn = (await sdk.receive_command())["metadata"]["session_id"]
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), OFFLINE)
        async with gateway.sdk() as sdk:
            await sdk.say(encode_from_bot(StreamChunk(turn, "旧", 0)))
            await sdk.say({"type": "stream_end", "session_id": turn})
            await sdk.say(encode_from_bot(summary_of(turn, "旧")))
            assert await sdk.receive() == {"type": "welcome"}
            acknowledgement = (await sdk.receive())["message"]
            assert (acknowledgement["type"], acknowledgement["sequence"]) == ("chunk_received", 0)
            await sdk.subscribe()
            assert (await sdk.receive())["type"] == "confirm_subscription"
            await sdk.receive()
            await glasses.send()
            await answer(sdk, (await sdk.receive_command())["metadata"]["session_id"], "新")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "新")


# ---- 2: the process of a bot is killed ----------------------------------------------------------


async def test_row_02_a_killed_bot_is_offline_within_a_second_and_said_to_be_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), open_gateway(gateway) as port:
        here = GatewayElsewhere(HOST, port, KEY)
        bot = {"id": 1, "token": TOKEN}
        async with House(tmp_path).connect(here, bot, provider="echo") as child:
            assert_whole(await ask(port, question("在吗")), "在吗")
            os.kill(child.process.pid, signal.SIGKILL)
            began = time.perf_counter()
            await until(lambda: not gateway.switchboard.is_online(1), seconds=1)
            noticed = time.perf_counter() - began
        began = time.perf_counter()
        assert_whole(await ask(port, question()), OFFLINE)
        answered = time.perf_counter() - began
    with capsys.disabled():
        print(
            f"\nrow 2: offline {noticed * 1000:.1f} ms after the kill, "
            f"said in {answered * 1000:.1f} ms"
        )
    assert answered < 0.1


# ---- 25: one bot, two links ---------------------------------------------------------------------


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


async def answer(sdk: Sdk, turn: str, *pieces: str) -> None:
    """A whole answer."""
    for sequence, piece in enumerate(pieces):
        await sdk.say(encode_from_bot(StreamChunk(turn, piece, sequence)))
    await sdk.say({"type": "stream_end", "session_id": turn})
    await sdk.say(encode_from_bot(summary_of(turn, *pieces)))


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


async def test_row_28_a_crowd_of_bots_that_come_back_at_once_is_online_within_30_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = 1_000
    bots = {n: make_bot(n, f"b{n}", f"bt_{n}") for n in range(first, first + CROWD)}
    gateway = CableGateway(directory=Directory(keys=(make_key(),), bots={1: make_bot(), **bots}))
    stations = [gateway.switchboard.station(n) for n in bots]
    waits: list[float] = []
    connected, storm, is_over = trio.Event(), trio.Event(), trio.Event()

    def came_back() -> int:
        """How many have the link that is their second one."""
        return sum(station.is_online and station.links_ever == 2 for station in stations)

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
            await until(lambda: came_back() == CROWD, seconds=30)
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
