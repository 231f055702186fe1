"""RELIABILITY 1, 2, 25, 28 and 38: links that break, die, double, all come back at once, and bots
that are restarted."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from cable_fakes import CableGateway, Sdk
from chaos import open_chaos_proxy
from fakes import KEY, OFFLINE, TOKEN, Glasses, assert_whole, question, read_events
from healthy_turn import beside_a_healthy_turn, until
from house import House
from link_rows import answer
from peers import HOST, FakeModel, SdkPeer, ask, open_gateway
from running_gateway import Gateway as GatewayElsewhere
from trio.testing import MockClock

from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
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
    assert (trace.missing, trace.anomalies) == ((), ())


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
    assert trace.anomalies == (Anomaly.HEALED,)


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
