"""A running store under pressure: full queues, locks, a full disk, bad writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import trio
import trio.testing
from store_helpers import NOON, degraded, opened
from store_watching import Watched, blocked, count, insert
from structlog.testing import capture_logs

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.errors import StoreBusy, StoreError
from eyeclaw_trio.store.bots import add_bot, list_bots
from eyeclaw_trio.store.jobs import MOST_JOBS
from eyeclaw_trio.store.keys import create_key, rotate_key
from eyeclaw_trio.store.store import Store, open_store


async def test_a_full_queue_drops_and_counts_and_never_waits(tmp_path: Path) -> None:
    async with open_store(tmp_path, capacity=5) as store:
        async with blocked(store):
            taken = [store.write_nowait(insert(str(number))) for number in range(8)]
            assert taken == [True] * 5 + [False] * 3
            assert store.dropped == 3
        assert await store.run(count) == 5


async def test_a_request_finds_a_place_among_the_writes_until_too_many_wait(
    tmp_path: Path,
) -> None:
    outcomes: list[str] = []

    async def ask(store: Store) -> None:
        try:
            outcomes.append(f"{await store.run(count)} there")
        except StoreBusy:
            outcomes.append("busy")

    async with (
        open_store(tmp_path, capacity=1) as store,
        trio.open_nursery() as nursery,
        blocked(store),
    ):
        for _ in range(2):
            store.write_nowait(insert("first"))
        for _ in range(MOST_JOBS + 2):
            nursery.start_soon(ask, store)
        await trio.testing.wait_all_tasks_blocked()
        assert outcomes == ["busy"] * 2
    assert outcomes == ["busy"] * 2 + ["1 there"] * MOST_JOBS


async def test_a_locked_database_makes_nobody_wait_and_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        _, secret = create_key(db, "glasses", now=NOON)
    async with open_store(tmp_path) as store:
        with opened(tmp_path) as other, capture_logs() as logs:
            other.execute("BEGIN EXCLUSIVE")
            began = trio.current_time()
            for number in range(50):
                store.write_nowait(insert(str(number)))
            store.key_used(1)
            assert store.directory.find_key(secret) is not None
            assert trio.current_time() - began < 0.1
            await degraded(store, True)
            # Pages that only read are served meanwhile, and see what was before.
            assert await store.run(count) == 0
            other.execute("ROLLBACK")
            await degraded(store, False)
        assert await store.run(count) == 50
        assert store.dropped == 0
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("store.failing", "warning"),
        ("store.recovered", "info"),
    ]


async def test_a_lock_that_outlasts_the_gateway_does_not_keep_it_from_stopping(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as other:
        with trio.fail_after(5):
            async with open_store(tmp_path) as store:
                other.execute("BEGIN EXCLUSIVE")
                store.write_nowait(insert("lost"))
        other.execute("ROLLBACK")
        assert store.dropped == 1
        assert count(other) == 0


async def test_a_full_disk_drops_and_counts_and_recovers_by_itself(tmp_path: Path) -> None:
    def insert_much(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO bots (name, origin, created_at) VALUES (?, 'demo', ?)",
                   (str(count(db)), "x" * 100_000))  # fmt: skip

    async with open_store(tmp_path) as store:
        with capture_logs() as logs:
            pages = await store.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
            await store.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
            async with blocked(store):
                for _ in range(10):
                    store.write_nowait(insert_much)
            assert await store.run(count) == 0
            await degraded(store, True)
            assert store.dropped == 9
            await store.run(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone())
            await degraded(store, False)
        # The newest was kept: that it could be written is how the space was noticed.
        assert await store.run(count) == 1
    assert [entry["event"] for entry in logs] == ["store.failing", "store.recovered"]
    assert "disk is full" in logs[0]["error"]


async def test_a_bad_write_costs_only_itself(tmp_path: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        insert("half")(db)
        raise ZeroDivisionError

    async with open_store(tmp_path) as store:
        with capture_logs() as logs:
            async with blocked(store):
                for write in (insert("a"), fail, insert("a"), insert("b")):
                    store.write_nowait(write)
            names = [bot.name for bot in await store.run(list_bots)]
        assert names == ["a", "b"]
        assert store.dropped == 2
        assert not store.is_degraded
    assert [entry["event"] for entry in logs] == ["store.bad_write"] * 2


async def test_an_on_change_that_raises_does_not_end_the_gateway(tmp_path: Path) -> None:
    def fail(directory: Directory) -> None:
        raise ZeroDivisionError

    with capture_logs() as logs:
        async with open_store(tmp_path, on_change=fail) as store:
            await store.run(lambda db: add_bot(db, "home", now=NOON))
            assert store.directory.find_bot_named("home") is not None
    assert [entry["event"] for entry in logs] == ["store.on_change_failed"]


async def test_a_folder_of_a_newer_version_cannot_be_opened(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "eyeclaw.db")) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        async with open_store(tmp_path):
            pass


async def test_an_old_key_ends_while_the_gateway_runs_and_no_jump_of_the_wall_clock_ends_it(
    tmp_path: Path,
) -> None:
    watched, wall = Watched(), [NOON]
    with opened(tmp_path) as db:
        key, old = create_key(db, "glasses", now=NOON)
        late, lasting = create_key(db, "worker", now=NOON)
        rotate_key(db, key.id, timedelta(seconds=1), now=NOON)
        rotate_key(db, late.id, timedelta(hours=1), now=NOON)
    async with open_store(tmp_path, on_change=watched.on_change, now=lambda: wall[0]) as store:
        wall[0] = NOON + timedelta(days=1)
        with trio.fail_after(5):
            await watched.wait_until(store, lambda seen: seen.find_key(old) is None)
        assert store.directory.find_key(lasting) is not None
    async with open_store(tmp_path, now=lambda: NOON + timedelta(hours=1)) as store:
        assert store.directory.find_key(lasting) is None
