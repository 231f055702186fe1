"""Answers go on whatever happens to the disk, the lock or the wall clock (RELIABILITY 8, 9, 10).

The gateway is the real one but for its sockets; a healthy turn runs beside every fault and
arrives byte for byte.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
import trio.testing
from attrs import define
from bot_fakes import FakeBot
from fakes import Glasses, assert_whole, question, spoken
from store_helpers import degraded, newest_traces, opened
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.settings.kinds import HostPort
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.keys import create_key
from eyeclaw_trio.store.retention import TraceSettings
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.store.traces import get_trace

PIECES = ["多云，", "二十一度，", "适合散步。"]
HOLD = (
    "import sqlite3, sys\n"
    "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "db.execute('BEGIN EXCLUSIVE')\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


@define(eq=False)
class Running:
    """A gateway without sockets, with a bot that waits for questions."""

    gateway: Gateway
    store: Store
    bot: FakeBot
    key: str

    @asynccontextmanager
    async def glasses(self) -> AsyncIterator[Glasses]:
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.gateway.front_door.serve_connection, theirs)
            try:
                yield Glasses(ours)
            finally:
                await trio.aclose_forcefully(ours)

    async def ask(self, glasses: Glasses) -> str:
        """Ask; returns the turn's id once the bot has the question."""
        asked = len(self.bot.commands)
        await glasses.send(question(), key=self.key)
        assert (await glasses.receive_head()).status_code == 200
        assert await glasses.receive_event() == ": connected"
        commands = await self.bot.wait_for_commands(asked + 1)
        return commands[-1].metadata.session_id

    async def answer_one(self) -> None:
        """A question and its whole answer."""
        async with self.glasses() as glasses:
            self.bot.answer(await self.ask(glasses), *PIECES)
            assert_whole(await glasses.receive_answer(), "".join(PIECES))

    @asynccontextmanager
    async def healthy_turn(self) -> AsyncIterator[None]:
        """A turn that begins before the block and ends behind it, with a chunk for each part."""
        async with self.glasses() as glasses:
            turn = await self.ask(glasses)
            self.bot.say(StreamChunk(turn, PIECES[0], 0))
            heard = spoken([await glasses.receive_event()])
            yield
            self.bot.say(*(StreamChunk(turn, PIECES[n], n) for n in (1, 2)), StreamEnd(turn))
            blocks = await glasses.receive_answer()
            assert heard + spoken(blocks) == "".join(PIECES)

    async def health(self) -> tuple[str, int]:
        """What `/health` says: the status, and how much was dropped."""
        async with self.glasses() as glasses:
            await glasses.send(method="GET", target="/health", key=None)
            assert (await glasses.receive_head()).status_code == 200
            await glasses.receive_body()
        status, body = self.gateway.observer.health()
        assert status == 200
        store = body["store"]
        assert isinstance(store, dict)
        assert store["degraded"] is (body["status"] == "degraded")
        return str(body["status"]), int(store["dropped"])

    async def traces(self) -> tuple[TraceRecord, ...]:
        return await self.store.run(newest_traces)


@asynccontextmanager
async def running(folder: Path, clock: Clock | None = None) -> AsyncIterator[Running]:
    clock = clock or Clock()
    with opened(folder) as db:
        add_bot(db, "home", now=clock.now())
        _, key = create_key(db, "glasses", now=clock.now())
    address = HostPort("127.0.0.1", 0)
    settings = Settings(address, address, folder, traces=TraceSettings(keep_days=1))
    async with open_store(folder, now=clock.now, traces=settings.traces, tidy_every=0.05) as store:
        gateway = Gateway(settings, store, settings.limits.connections)
        bot = FakeBot(gateway.switchboard.station(1), capacity=100, can_cancel=True)
        with bot.station.attached(bot):
            yield Running(gateway, store, bot, key)
        assert gateway.roster.answers.count == gateway.switchboard.open_turns == 0


@define
class Clock:
    """A wall clock that jumps when it is told to."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@contextmanager
def locked_by_another_process(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD, str(folder / "eyeclaw.db")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield


async def test_row_8_on_a_full_disk_answers_go_on_and_traces_are_dropped_and_counted(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as it:
        await it.answer_one()
        assert await it.health() == ("ok", 0)
        async with it.healthy_turn():
            pages = await it.store.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
            await it.store.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
            # The pages that are there take a few more rows.
            with trio.fail_after(20):
                while (await it.health())[0] == "ok":
                    await it.answer_one()
            for _ in range(20):
                await it.answer_one()
            status, dropped = await it.health()
            assert status == "degraded"
            assert dropped > 0
            metrics = it.gateway.observer.metrics.render().decode()
            assert f"eyeclaw_store_writes_dropped_total {dropped}.0" in metrics
            assert "eyeclaw_store_degraded 1.0" in metrics
            await it.store.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
            await degraded(it.store, False)
            assert (await it.health())[0] == "ok"
        kept = len(await it.traces())
        await it.answer_one()
        found = await it.traces()
        assert len(found) == kept + 1
        assert found[0].outcome == "answered"


async def test_row_9_while_another_process_locks_the_database_answers_go_on_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as it:
        async with it.healthy_turn():
            assert len(await it.traces()) == 1
            with locked_by_another_process(tmp_path):
                began = trio.current_time()
                for _ in range(30):
                    await it.answer_one()
                assert trio.current_time() - began < 2.0
                await degraded(it.store, True)
                assert (await it.health())[0] == "degraded"
                await it.answer_one()
                # Who only reads sees what was before.
                assert len(await it.traces()) == 1
                assert len(await it.store.read(newest_traces)) == 1
            await degraded(it.store, False)
        assert await it.health() == ("ok", 0)
        found = await it.traces()
        assert len(found) == 32
        assert {each.outcome for each in found} == {"answered"}


async def test_a_list_that_never_ends_delays_no_question_and_no_write(tmp_path: Path) -> None:
    def read_for_ever(db: sqlite3.Connection) -> None:
        db.execute(
            "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more)"
            " SELECT max(n) FROM more"
        ).fetchone()

    async with running(tmp_path) as it, trio.open_nursery() as nursery:
        nursery.start_soon(it.store.read, read_for_ever)
        async with it.healthy_turn():
            for _ in range(30):
                await it.answer_one()
        assert len(await it.traces()) == 31
        assert await it.health() == ("ok", 0)
        nursery.cancel_scope.cancel()


async def test_row_10_when_the_wall_clock_jumps_a_day_either_way_nothing_expires(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as it:
        await it.answer_one()
        async with it.healthy_turn():
            for days in (1, -1, -1, 1, 400, -800):
                clock.ahead += timedelta(days=days)
                await it.answer_one()
                await trio.sleep(0.1)  # retention takes its steps meanwhile
                assert it.gateway.switchboard.is_online(1)
        found = await it.traces()
        assert len(found) == 8
        assert {each.outcome for each in found} == {"answered"}
        # A turn that a jump fell into: its times are those of its beginning, and never go back.
        trace_id = found[-2].trace_id
        record = await it.store.read(lambda db: get_trace(db, trace_id))
        stamps = [event["timestamp"] for event in record.events]
        assert len(stamps) > 5
        assert stamps == sorted(stamps)


async def test_row_10_it_holds_over_a_restart_too(tmp_path: Path) -> None:
    clock = Clock()
    for days in (0, 1, -1, -1, 1):
        clock.ahead += timedelta(days=days)
        async with open_store(
            tmp_path, now=clock.now, traces=TraceSettings(keep_days=2), tidy_every=0.02
        ) as store:
            store.trace_ended(end_trace(make_trace(f"{clock.ahead}{days}", trio.current_time())))
            await trio.sleep(0.1)
            found = await store.run(newest_traces)
    assert len(found) == 5
