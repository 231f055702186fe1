"""Everything at random, by a seed: turns, bots, readers and faults (RELIABILITY 34).

A gateway on real sockets, six bots (three as the EyeClaw SDK, three as our connector), each pair
once without and twice behind a proxy that breaks links; readers that hang up, stop reading or
sit behind a bad network. Every answer is known beforehand, so every reader is judged character
by character:

- beside the faults: the whole answer, nothing recorded;
- behind them: a prefix and one apology, or the whole answer; with our connector and with a
  summary that arrived, never less than the whole when there is no apology.

As a program: `python tests/random_faults.py --seconds 1800 [--seed N]`, or `make chaos`.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
import trio
import trio.testing
from attrs import define, field
from cable_fakes import CableGateway
from chaos import ChaosProxy, open_chaos_proxy
from fakes import Glasses, make_bot, make_key, question
from peers import HOST, FakeModel, SdkPeer, ask, open_files, open_gateway, split_apology

from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.core import backoff
from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Happening, Outcome, Trace

PATIENCE = Patience(
    idle_timeout=6.0,
    keepalive=0.4,
    resume_grace=4.0,
    summary_grace=1.0,
    queue_timeout=8.0,
    request_timeout=5.0,
    write_timeout=2.0,
)
LIMITS = Limits(answer_buffer=262_144, queued_turns=8)
HEALTHY_BOTS = (1, 4)
SDK_BOTS = (1, 2, 3)
SCRAPS = (
    *("你好", "，", "\n", "\n\n", "**要点**", "😀", "👨\u200d👩\u200d👧", "e\u0301", " ", "a"),
    *('{"type":"done"}', "data: x\n", "event: done\n\n", "[DONE]", "\u2028", "\\u0000", "\0"),
    "西湖边的桂花开了，步行约十分钟可以到达断桥。",
)


def make_answer(text: str) -> list[str]:
    """The answer to a question: always the same one, and never twice the same."""
    dice = random.Random(text)
    count = dice.choice((1, 2, 5, 20, 60, 120))
    pieces = [dice.choice(SCRAPS) * dice.choice((1, 1, 1, 3)) for _ in range(count)]
    if dice.random() < 0.1:
        pieces[dice.randrange(count)] = "长" * dice.randrange(2_000, 12_000)
    return [f"<{text}>", *pieces]


@define
class Report:
    """What a run has seen."""

    seed: int
    turns: int = 0
    healthy: int = 0
    characters: int = 0
    whole: int = 0
    healed: int = 0
    resumed: int = 0
    uncured: int = 0
    endings: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.turns} turns ({self.healthy} beside the faults), "
            f"{self.characters} characters compared, {self.whole} whole, {self.healed} healed, "
            f"{self.resumed} resumed, {self.uncured} without a cure (an SDK's summary cut off), "
            f"0 lost that could be saved; endings {dict(self.endings)}; faults {dict(self.faults)}"
        )


@define(eq=False)
class World:
    """One run."""

    seed: int
    seconds: float
    report: Report = field(init=False)
    gateway: CableGateway = field(init=False)
    dice: random.Random = field(init=False)
    _number: int = 0

    def __attrs_post_init__(self) -> None:
        self.report = Report(self.seed)
        self.dice = random.Random(self.seed)
        bots = {n: make_bot(n, f"bot{n}", f"bt_token-of-bot-{n}") for n in range(1, 7)}
        self.gateway = CableGateway(
            patience=PATIENCE,
            limits=LIMITS,
            directory=Directory(keys=(make_key(),), bots=bots),
        )

    async def run(self) -> Report:
        """Run until the time is over; raises AssertionError at the first wrong character."""
        files = open_files()
        async with (
            open_gateway(self.gateway) as port,
            open_chaos_proxy(port) as links,
            open_chaos_proxy(port) as more_links,
            open_chaos_proxy(port) as readers,
            trio.open_nursery() as bots,
        ):
            for bot_id, via in ((1, port), (2, links.port), (3, more_links.port)):
                await bots.start(self._sdk(bot_id, via).run)
            for bot_id, via in ((4, port), (5, links.port), (6, more_links.port)):
                await bots.start(self._run_connector, bot_id, via)
            with trio.move_on_after(self.seconds):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._break, links)
                    nursery.start_soon(self._break, more_links)
                    nursery.start_soon(self._spoil, readers)
                    self._start_readers(nursery, port, readers.port)
            for proxy in (links, more_links, readers):
                self.report.faults += proxy.counts
            with trio.fail_after(PATIENCE.resume_grace + 10):
                await self.gateway.answers.wait_for_none()
            assert self.gateway.switchboard.open_turns == 0
            bots.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert self.gateway.front_door.open_connections == 0
        assert open_files() == files, "file descriptors were left open"
        return self.report

    # ---- who takes part -------------------------------------------------------------------------

    def _sdk(self, bot_id: int, port: int) -> SdkPeer:
        return SdkPeer(port, bot_id, f"bt_token-of-bot-{bot_id}", make_answer, self._pause)

    async def _run_connector(
        self, bot_id: int, port: int, *, task_status: trio.TaskStatus[None]
    ) -> None:
        address = LinkTarget(f"http://{HOST}:{port}", bot_id, f"bt_token-of-bot-{bot_id}")

        def announce(event: dict[str, object]) -> None:
            nonlocal task_status
            if event["event"] == "connected":
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED

        model = FakeModel(make_answer, self._pause)
        await keep_connected(address, model, max_concurrency=8, announce=announce)

    def _pause(self) -> float:
        return self.dice.choice((0.0, 0.0, 0.001, 0.004, 0.01))

    def _start_readers(self, nursery: trio.Nursery, port: int, bad_port: int) -> None:
        # Bots 1 and 4 and whoever asks them have nothing to do with any fault.
        for bot_id, count in ((1, 1), (4, 3)):
            for _ in range(count):
                nursery.start_soon(self._ask_for_ever, bot_id, partial(self._ask_in_peace, port))
        for bot_id, count in ((2, 2), (3, 2), (5, 3), (6, 3)):
            for n in range(count):
                via = bad_port if n == 1 else port
                nursery.start_soon(self._ask_for_ever, bot_id, partial(self._ask_in_chaos, via))

    async def _ask_for_ever(
        self, bot_id: int, ask_once: Callable[[str, int], Awaitable[None]]
    ) -> None:
        while True:
            self._number += 1
            fails = bot_id in (5, 6) and self.dice.random() < 0.05
            text = f"{self.seed}-{self._number}{'-fail' if fails else ''}"
            await ask_once(text, bot_id)
            self.report.turns += 1
            await trio.sleep(self.dice.random() * 0.02)

    # ---- how they ask ---------------------------------------------------------------------------

    async def _ask_in_peace(self, port: int, text: str, bot_id: int) -> None:
        blocks = await ask(port, question(text, agent_id=str(bot_id), message_id=text))
        said, apology = split_apology(blocks)
        whole = "".join(make_answer(text))
        assert (said, apology) == (whole, ""), f"{text}: {said[:80]!r} … {apology}"
        self.report.healthy += 1
        self.report.characters += len(whole)

    async def _ask_in_chaos(self, port: int, text: str, bot_id: int) -> None:
        body = question(text, agent_id=str(bot_id), message_id=text)
        habit = self.dice.random()
        try:
            if habit < 0.1:
                await self._hang_up_midway(port, body)
                return
            if habit < 0.13:
                await self._stop_reading(port, body)
                return
            with trio.fail_after(60):
                blocks = await ask(port, body)
        except (OSError, trio.BrokenResourceError, AssertionError, StopIteration) as error:
            if not _is_broken_reader(error):
                raise
            self.report.endings["reader's connection broken"] += 1
            return
        except Exception as error:
            if type(error).__name__ != "RemoteProtocolError":
                raise
            self.report.endings["reader's connection broken"] += 1
            return
        await self._judge(text, bot_id, blocks)

    async def _hang_up_midway(self, port: int, body: dict[str, object]) -> None:
        async with await trio.open_tcp_stream(HOST, port) as stream:
            await Glasses(stream).send(body)
            for _ in range(self.dice.randrange(4)):
                await stream.receive_some(500)
        self.report.faults["reader hung up"] += 1

    async def _stop_reading(self, port: int, body: dict[str, object]) -> None:
        async with await trio.open_tcp_stream(HOST, port) as stream:
            await Glasses(stream).send(body)
            await trio.sleep(self.dice.random() * 3)
        self.report.faults["reader stopped reading"] += 1

    async def _judge(self, text: str, bot_id: int, blocks: Sequence[str]) -> None:
        """Whole, or a prefix and an apology, or a loss that had no cure and is recorded."""
        said, apology = split_apology(blocks)
        whole = "".join(make_answer(text))
        self.report.characters += len(said)
        self.report.endings[apology[:6] or "whole"] += 1
        if apology:
            assert whole.startswith(said), f"{text}: {said[-80:]!r} {apology}"
            return
        assert "fail" not in text, f"{text}: a failing model was not told of"
        if said == whole:
            self.report.whole += 1
            return
        # Less than the whole and no apology: only an SDK whose summary never arrived. Then
        # nobody could know of a lost tail, but a hole before the end is on record.
        assert bot_id in SDK_BOTS, f"{text}: {said[-80:]!r} of a connector's answer"
        self.report.uncured += 1
        trace = await self._find_trace(text)
        said_all = any(each.kind is Happening.STREAM_SUMMARY_RECEIVED for each in trace.events)
        assert not said_all, f"{text}: its summary came and did not heal it"
        assert whole.startswith(said) or Anomaly.LOST in trace.anomalies, f"{text}: {said[-80:]!r}"

    async def _find_trace(self, text: str) -> Trace:
        """The trace of this turn, which is there a moment after its reader has seen the end."""
        with trio.fail_after(5):
            while True:
                for trace in self.gateway.traces:
                    if trace.message_id == text:
                        return trace
                await trio.sleep(0.001)

    # ---- what goes wrong ------------------------------------------------------------------------

    async def _break(self, proxy: ChaosProxy) -> None:
        """Break the links behind this proxy, in every way, and let them recover."""
        while True:
            await trio.sleep(self.dice.random() * 1.5)
            match self.dice.randrange(6):
                case 0 | 1:
                    proxy.reset_all()
                case 2:
                    proxy.cut_all()
                case 3:
                    proxy.set_weather(slice=self.dice.choice((1, 3, 50)))
                    await trio.sleep(self.dice.random())
                    proxy.set_weather(slice=0)
                case 4:
                    proxy.set_weather(delay=self.dice.random() * 0.05)
                    await trio.sleep(self.dice.random())
                    proxy.set_weather(delay=0.0)
                case 5:
                    # A power loss: what is sent is gone, and then the link is found dead.
                    proxy.set_weather(blackhole=True)
                    await trio.sleep(self.dice.random() * 0.5)
                    proxy.reset_all()
                    proxy.set_weather(blackhole=False)

    async def _spoil(self, proxy: ChaosProxy) -> None:
        """Make the readers' network slow and sliced, and now and then break it."""
        while True:
            proxy.set_weather(
                slice=self.dice.choice((0, 0, 7, 100)), delay=self.dice.choice((0.0, 0.0, 0.01))
            )
            await trio.sleep(self.dice.random() * 2)
            if self.dice.random() < 0.2:
                proxy.reset_all()


def _is_broken_reader(error: BaseException) -> bool:
    return not isinstance(error, AssertionError) or "ConnectionClosed" in str(error)


def count_traces(report: Report, traces: Sequence[Trace]) -> None:
    """Add what the gateway itself recorded of its turns; beside the faults it has nothing to."""
    for trace in traces:
        if trace.bot_id in HEALTHY_BOTS and trace.outcome is Outcome.ANSWERED:
            assert not trace.anomalies, trace
            assert not trace.duplicates, trace
        report.healed += Anomaly.HEALED in trace.anomalies
        report.resumed += bool(trace.resumed)


def quieten() -> None:
    """Leave out of the log what such a run is made of."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


async def run_world(seed: int, seconds: float) -> Report:
    """One run with this seed; the connector's delays are shortened for it."""
    delays = backoff.FIRST, backoff.HIGHEST
    backoff.FIRST, backoff.HIGHEST = 0.05, 0.4  # type: ignore[misc]
    world = World(seed, seconds)
    try:
        report = await world.run()
    finally:
        backoff.FIRST, backoff.HIGHEST = delays  # type: ignore[misc]
    count_traces(report, world.gateway.traces)
    return report


def main() -> None:
    """Run it as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    choices = parser.parse_args()
    quieten()
    sys.stdout.write(f"seed {choices.seed}\n")
    report = trio.run(run_world, choices.seed, choices.seconds)
    sys.stdout.write(f"{report}\n")


if __name__ == "__main__":
    main()
