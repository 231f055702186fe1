"""How long traces are kept: by days of running, by rows, and never by a jump of the wall clock."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio
from attrs import define
from store_helpers import NOON, count_traces, degraded, newest_traces, opened
from structlog.testing import capture_logs
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.store.database import transaction
from eyeclaw_trio.store.retention import DAY, STEP_ROWS, Retention, TraceSettings, start_clock
from eyeclaw_trio.store.store import open_store
from eyeclaw_trio.store.traces import write_trace


@define
class Time:
    """A wall clock and a monotonic one, which a test moves together or apart."""

    wall: datetime = NOON
    monotonic: float = 1000.0

    def pass_days(self, days: float) -> None:
        self.wall += timedelta(days=days)
        self.monotonic += days * DAY

    def jump(self, days: float) -> None:
        self.wall += timedelta(days=days)


class Gateway:
    """One run of a gateway, as far as retention is concerned."""

    def __init__(
        self, db: sqlite3.Connection, time: Time, *, keep_days: int = 30, keep_rows: int = 100_000
    ) -> None:
        self.db, self.time = db, time
        self.clock = start_clock(db, time.wall, lambda: time.monotonic)
        self.retention = Retention(
            TraceSettings(keep_days, keep_rows), self.clock, lambda: time.wall
        )
        self.retention.step(db)  # the first one writes down what the clock says

    def trace(self, trace_id: str) -> None:
        with transaction(self.db):
            write_trace(self.db, end_trace(make_trace(trace_id)), self.time.wall, self.clock.read())

    def left(self) -> list[str]:
        """What is left after all that there is to do."""
        while self.retention.step(self.db):
            pass
        return [each.trace_id for each in reversed(newest_traces(self.db))]


def test_a_trace_goes_when_it_is_older_than_its_days(tmp_path: Path) -> None:
    time = Time()
    with opened(tmp_path) as db:
        gateway = Gateway(db, time, keep_days=30)
        gateway.trace("first")
        time.pass_days(29)
        gateway.trace("second")
        time.pass_days(1.9)
        assert gateway.left() == ["first", "second"]
        time.pass_days(0.2)  # a day more is granted, for a clock that may have jumped so far
        assert gateway.left() == ["second"]


@pytest.mark.parametrize("days", [1, -1, 400, -400, 40_000])
def test_a_wall_clock_that_jumps_while_a_gateway_runs_makes_nothing_older(
    tmp_path: Path, days: float
) -> None:
    time = Time()
    with opened(tmp_path) as db:
        gateway = Gateway(db, time, keep_days=1)
        gateway.trace("before")
        time.jump(days)
        gateway.trace("after")
        time.pass_days(1.5)
        assert gateway.left() == ["before", "after"]
        time.pass_days(1)
        assert gateway.left() == []


@pytest.mark.parametrize("days", [1, -1, 400, -400, 40_000])
def test_a_wall_clock_that_jumps_between_two_runs_takes_nothing_before_its_days(
    tmp_path: Path, days: float
) -> None:
    time = Time()
    with opened(tmp_path) as db:
        gateway = Gateway(db, time, keep_days=2)
        gateway.trace("before")
        time.pass_days(1.9)
        gateway.left()
        time.jump(days)
        gateway = Gateway(db, time, keep_days=2)
        gateway.trace("after")
        assert gateway.left() == ["before", "after"]
        # The next start finds the clock as it was left: the jump counts once.
        gateway = Gateway(db, time, keep_days=2)
        assert gateway.left() == ["before", "after"]
        time.jump(-days)
        assert Gateway(db, time, keep_days=2).left() == ["before", "after"]


def test_the_nights_in_which_no_gateway_runs_count(tmp_path: Path) -> None:
    time = Time()
    with opened(tmp_path) as db:
        Gateway(db, time, keep_days=3).trace("first")
        for _ in range(5):
            gateway = Gateway(db, time, keep_days=3)
            time.pass_days(0.1)
            gateway.left()
            time.monotonic = 5.0  # the machine starts anew
            time.jump(0.8)
        assert Gateway(db, time, keep_days=3).left() == []


def test_of_a_long_stop_a_day_counts(tmp_path: Path) -> None:
    time = Time()
    with opened(tmp_path) as db:
        Gateway(db, time, keep_days=3).trace("first")
        time.jump(365)
        assert Gateway(db, time, keep_days=3).left() == ["first"]


def test_no_more_rows_are_kept_than_wanted_and_the_newest_stay(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        gateway = Gateway(db, Time(), keep_rows=3)
        for number in range(8):
            gateway.trace(str(number))
        assert gateway.left() == ["5", "6", "7"]
        gateway.trace("8")
        assert gateway.left() == ["6", "7", "8"]


def test_a_backlog_goes_in_small_steps(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        gateway = Gateway(db, Time(), keep_rows=10)
        for number in range(2 * STEP_ROWS + 50):
            gateway.trace(str(number))
        left = []
        is_more = True
        while is_more:
            is_more = gateway.retention.step(db)
            left.append(count_traces(db))
        assert left == [STEP_ROWS + 50, 50, 10]


async def test_a_running_store_keeps_to_its_rows_by_itself(tmp_path: Path) -> None:
    settings = TraceSettings(keep_rows=5)
    async with open_store(tmp_path, traces=settings, tidy_every=0.05) as store:
        for number in range(2 * STEP_ROWS + 20):
            store.trace_ended(end_trace(make_trace(str(number), trio.current_time())))
        with trio.fail_after(10):
            while await store.run(count_traces) > 5:
                await trio.sleep(0.02)
        newest = await store.run(newest_traces)
        assert newest[0].trace_id == str(2 * STEP_ROWS + 19)
        assert (store.dropped, store.is_degraded) == (0, False)


async def test_a_chore_behind_a_lock_is_done_when_the_lock_is_gone(tmp_path: Path) -> None:
    async with open_store(tmp_path, traces=TraceSettings(keep_rows=1), tidy_every=0.3) as store:
        for number in range(3):
            store.trace_ended(end_trace(make_trace(str(number), trio.current_time())))
        assert await store.run(count_traces) == 3
        with opened(tmp_path) as other, capture_logs() as logs:
            other.execute("BEGIN EXCLUSIVE")
            await degraded(store, True)
            other.execute("ROLLBACK")
            await degraded(store, False)
            assert await store.run(count_traces) == 1
        assert store.dropped == 0
    assert [(entry["event"], entry["what"]) for entry in logs] == [
        ("store.failing", "tidy"),
        ("store.recovered", "tidy"),
    ]
