"""The history is written once a minute, whatever comes: presence and turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import define
from trio.testing import MockClock

from eyeclaw_trio.app.history import History
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.presence import letter_at
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.store.bots import add_bot, list_bots
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.presence_history import read_presence
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.store.turn_statistics import MINUTE, read_turn_counts

START = datetime(2026, 1, 31, 12, 0, 20, tzinfo=UTC)
NOON = int(START.timestamp()) // 60  # the minute


@define(eq=False)
class StubLink:
    """A link that lives and is silent."""

    is_alive: bool = True
    can_cancel: bool = False
    capacity: int = 1
    can_resume: bool = False

    def send(self, message: object) -> None:
        raise AssertionError("nothing was asked")

    def acknowledge(self, session_id: str, sequences: object) -> None:
        raise AssertionError("nothing was said")

    def replace(self) -> None:
        raise AssertionError("there is one link only")


def make_turn(outcome: Outcome = Outcome.ANSWERED) -> Trace:
    """One that is over."""
    trace = Trace("trace", "session", 1, 0.0)
    trace.end(outcome)
    return trace


@define(eq=False)
class Running:
    """A store, its history and its bots, with a wall clock that goes with the virtual one."""

    clock: MockClock
    store: Store
    switchboard: Switchboard
    history: History

    async def pass_minutes(self, number: int) -> None:
        """As long, a minute at a time; all that was queued is written then."""
        for _ in range(number):
            self.clock.jump(60.0)
            await trio.testing.wait_all_tasks_blocked()
        await self.store.run(list_bots)

    async def letters(self, bot_id: int, first: int, number: int) -> str:
        hours = (await self.store.read(lambda db: read_presence(db, 0))).get(bot_id, {})
        return "".join(letter_at(hours, minute) for minute in range(first, first + number))


@asynccontextmanager
async def running(
    folder: Path, clock: MockClock, jump: Callable[[], timedelta] = timedelta
) -> AsyncIterator[Running]:
    """Begins 20 s into a minute."""
    began = trio.current_time()

    def wall() -> datetime:
        return START + timedelta(seconds=trio.current_time() - began) + jump()

    async with open_store(folder) as store:
        for name in ("home", "away"):
            await store.run(partial(add_bot, name=name, now=START))
        switchboard = Switchboard(Patience(presence_timeout=1e6), Limits())
        history = History(store, switchboard, wall)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(history.run)
            await trio.testing.wait_all_tasks_blocked()
            yield Running(clock, store, switchboard, history)
            nursery.cancel_scope.cancel()


async def test_each_minute_of_each_bot_is_one_letter(tmp_path: Path, mock_clock: MockClock) -> None:
    async with running(tmp_path, mock_clock) as here:
        station = here.switchboard.station(1)
        with station.attached(StubLink()):
            await here.pass_minutes(3)
        with station.attached(StubLink()):
            await here.pass_minutes(2)
        await here.pass_minutes(2)
        assert await here.letters(1, NOON - 1, 9) == ".boobobx."
        assert await here.letters(2, NOON - 1, 9) == ".xxxxxxx."


async def test_the_last_minute_is_written_when_the_gateway_ends(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with running(tmp_path, mock_clock) as here:
        await here.pass_minutes(1)
        here.history.note_turn(make_turn())
    with closing(open_database(tmp_path)) as db:
        assert letter_at(read_presence(db, 0)[2], NOON + 1) == "x"
        assert [each.counts.turns for each in read_turn_counts(db, MINUTE, 0)] == [1]


async def test_a_jump_of_the_wall_clock_moves_the_history_and_loses_none(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    jump = timedelta()
    async with running(tmp_path, mock_clock, lambda: jump) as here:
        await here.pass_minutes(2)
        jump = timedelta(days=-1)
        await here.pass_minutes(2)
        assert await here.letters(2, NOON, 3) == "xx."
        assert await here.letters(2, NOON - 1440, 5) == "..xx."


async def test_turns_are_counted_in_the_minute_in_which_they_ended(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with running(tmp_path, mock_clock) as here:
        here.history.note_turn(make_turn())
        here.history.note_turn(make_turn(Outcome.TIMEOUT))
        await here.pass_minutes(2)
        here.history.note_turn(make_turn())
        await here.pass_minutes(1)
        counted = await here.store.read(lambda db: read_turn_counts(db, MINUTE, 0))
    assert [
        (each.began // 60 - NOON, each.counts.turns, each.counts.failed) for each in counted
    ] == [
        (0, 2, 1),
        (2, 1, 0),
    ]


async def test_while_the_queue_is_full_turns_are_kept_for_the_next_minute(
    tmp_path: Path, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, mock_clock) as here:
        here.history.note_turn(make_turn())
        with monkeypatch.context() as patch:
            patch.setattr(here.store, "write_nowait", lambda _: False)
            await here.pass_minutes(1)
        await here.pass_minutes(1)
        counted = await here.store.read(lambda db: read_turn_counts(db, MINUTE, 0))
    assert [(each.began // 60 - NOON, each.counts.turns) for each in counted] == [(1, 1)]
