"""Reading for pages: however slow, it delays neither a write nor a question, and has an end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from store_helpers import NOON, count_traces, newest_traces, opened
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.errors import NoSuchRecord, StoreBusy, StoreError
from eyeclaw_trio.store import reader
from eyeclaw_trio.store.bots import add_bot, list_bots
from eyeclaw_trio.store.jobs import MOST_JOBS
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.store.traces import get_trace

ENDLESS = (
    "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more) SELECT max(n) FROM more"
)


def insert(name: str) -> Callable[[sqlite3.Connection], None]:
    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO bots (name, origin, created_at) VALUES (?, 'demo', '')", (name,))

    return write


@asynccontextmanager
async def reading_without_end(store: Store) -> AsyncIterator[trio.CancelScope]:
    """A read that goes on until the scope is cancelled, or the block left."""
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def read(db: sqlite3.Connection) -> None:
        token.run_sync_soon(begun.set)
        db.execute(ENDLESS).fetchone()

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def ask() -> None:
            with scope:
                await store.read(read)

        nursery.start_soon(ask)
        await begun.wait()
        yield scope
        scope.cancel()


async def committed(store: Store, holds: Callable[[sqlite3.Connection], bool]) -> None:
    """Wait until a reader of another connection sees it."""
    with trio.fail_after(10):
        while not await store.read(holds):
            await trio.sleep(0.01)


async def test_a_reader_sees_what_has_been_written(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        assert await store.read(count_traces) == 0
        store.trace_ended(end_trace(make_trace(started_at=trio.current_time())))
        await committed(store, lambda db: count_traces(db) == 1)
        bot, _ = await store.run(lambda db: add_bot(db, "home", now=NOON))
        assert await store.read(list_bots) == (bot,)


async def test_a_read_that_has_no_end_delays_no_write_and_no_change(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        async with reading_without_end(store):
            for number in range(300):
                assert store.write_nowait(insert(str(number)))
            with trio.fail_after(10):
                assert len(await store.run(list_bots)) == 300
                await store.run(lambda db: add_bot(db, "home", now=NOON))
            assert store.directory.find_bot_named("home") is not None
        assert (store.dropped, store.is_degraded) == (0, False)


async def test_a_read_that_is_cancelled_is_broken_off_for_the_next_one(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store, reading_without_end(store) as scope:
        scope.cancel()
        with trio.fail_after(10):
            assert await store.read(count_traces) == 0


async def test_a_read_that_waits_and_is_cancelled_is_not_done(tmp_path: Path) -> None:
    done: list[str] = []

    def note(words: str) -> Callable[[sqlite3.Connection], None]:
        return lambda _: done.append(words)

    async with open_store(tmp_path) as store, reading_without_end(store) as slow:
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.read(note("cancelled before"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.read, note("cancelled"))
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        slow.cancel()
        await store.read(note("not cancelled"))
    assert done == ["not cancelled"]


async def test_a_read_that_takes_too_long_is_given_up_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path) as store:
        monkeypatch.setattr(reader, "READ_TIMEOUT", 0.05)
        with pytest.raises(StoreError, match="took too long"):
            await store.read(lambda db: db.execute(ENDLESS).fetchone())
        assert await store.read(count_traces) == 0
        assert not store.is_degraded


async def test_leaving_breaks_off_what_is_read_and_refuses_what_waits(tmp_path: Path) -> None:
    refused: list[str] = []

    async def ask(store: Store, work: Callable[[sqlite3.Connection], object]) -> None:
        with pytest.raises(StoreBusy):
            await store.read(work)
        refused.append("busy")

    async with trio.open_nursery() as nursery:
        with trio.fail_after(10):
            async with open_store(tmp_path) as store:
                nursery.start_soon(ask, store, lambda db: db.execute(ENDLESS).fetchone())
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(ask, store, count_traces)
                await trio.testing.wait_all_tasks_blocked()
    assert refused == ["busy"] * 2
    with pytest.raises(StoreBusy):
        await store.read(count_traces)
    assert not (tmp_path / "eyeclaw.db-wal").exists()  # both have closed
    assert not [each for each in threading.enumerate() if each.name.startswith("eyeclaw")]


async def test_so_many_may_wait_and_one_more_is_told_that_it_is_busy(tmp_path: Path) -> None:
    outcomes: list[str] = []

    async def ask(store: Store) -> None:
        try:
            outcomes.append(f"{await store.read(count_traces)} there")
        except StoreBusy:
            outcomes.append("busy")

    async with (
        open_store(tmp_path) as store,
        trio.open_nursery() as nursery,
        reading_without_end(store),
    ):
        for _ in range(MOST_JOBS + 1):
            nursery.start_soon(ask, store)
        await trio.testing.wait_all_tasks_blocked()
        assert outcomes == ["busy"]
    assert outcomes == ["busy"] + ["0 there"] * MOST_JOBS


async def test_a_reader_cannot_write_and_raises_what_its_work_raises(tmp_path: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    async with open_store(tmp_path) as store:
        with pytest.raises(StoreError, match="read-only"):
            await store.read(lambda db: add_bot(db, "home", now=NOON))
        with pytest.raises(ZeroDivisionError):
            await store.read(fail)
        with pytest.raises(NoSuchRecord):
            await store.read(lambda db: get_trace(db, "trace_1"))
        with pytest.raises(StoreError, match="no such table"):
            await store.read(lambda db: db.execute("SELECT * FROM missing"))
        # A moment of the past that was left open does not stay so.
        await store.read(lambda db: db.execute("BEGIN"))
        assert await store.read(lambda db: db.in_transaction) is False
        assert await store.run(list_bots) == ()


async def test_a_locked_database_is_read_as_it_was_before(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.trace_ended(end_trace(make_trace(started_at=trio.current_time())))
        await committed(store, lambda db: count_traces(db) == 1)
        with opened(tmp_path) as other:
            other.execute("BEGIN EXCLUSIVE")
            with trio.fail_after(10):
                [found] = await store.read(newest_traces)
            other.execute("ROLLBACK")
        assert found.outcome == "answered"
