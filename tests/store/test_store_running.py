"""The running gateway's store: what others change shows, and nothing of it makes trio wait."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio
import trio.testing
from store_helpers import NOON, NOON_STAMP, degraded, opened
from structlog.testing import capture_logs
from trio.testing import MockClock

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.errors import NoSuchRecord, StoreBusy, StoreError
from eyeclaw_trio.store.bots import (
    ConfiguredBot,
    add_bot,
    enter_configured_bots,
    list_bots,
    remove_bot,
)
from eyeclaw_trio.store.jobs import MOST_JOBS
from eyeclaw_trio.store.keys import create_key, list_keys, revoke_key, rotate_key
from eyeclaw_trio.store.sessions import BotSession, Presence, list_presence, write_session
from eyeclaw_trio.store.store import Store, open_store


class Watched:
    """A store together with a way to wait for what its directory becomes."""

    def __init__(self) -> None:
        self._changed = trio.Event()
        self.changes: list[Directory] = []

    def on_change(self, directory: Directory) -> None:
        self.changes.append(directory)
        self._changed.set()
        self._changed = trio.Event()

    async def wait_until(self, store: Store, holds: Callable[[Directory], bool]) -> None:
        while not holds(store.directory):
            await self._changed.wait()


@asynccontextmanager
async def blocked(store: Store) -> AsyncIterator[None]:
    """The writer thread does nothing while this is open."""
    begun, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def wait(db: sqlite3.Connection) -> None:
        token.run_sync_soon(begun.set)
        go_on.wait(30)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run, wait)
        try:
            await begun.wait()
            yield
        finally:
            go_on.set()


def count(db: sqlite3.Connection) -> int:
    """Writes that this test made: names of bots are as good as any."""
    number: int = db.execute("SELECT count(*) FROM bots").fetchone()[0]
    return number


def insert(name: str) -> Callable[[sqlite3.Connection], None]:
    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO bots (name, origin, created_at) VALUES (?, 'demo', '')", (name,))

    return write


async def test_the_directory_is_there_from_the_start(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        _, secret = create_key(db, "glasses", now=NOON)
        bot, _ = add_bot(db, "home", now=NOON)
    async with open_store(tmp_path) as store:
        assert store.directory.find_key(secret) is not None
        assert store.directory.bots == {bot.id: bot}


async def test_what_another_connection_changes_shows_within_a_second(tmp_path: Path) -> None:
    watched = Watched()
    async with open_store(tmp_path, on_change=watched.on_change) as store:
        with opened(tmp_path) as db:
            with trio.fail_after(1):
                key, secret = create_key(db, "glasses", now=NOON)
                await watched.wait_until(store, lambda now: now.find_key(secret) is not None)
            with trio.fail_after(1):
                revoke_key(db, key.id)
                await watched.wait_until(store, lambda now: now.find_key(secret) is None)
    assert watched.changes[-1].keys[0].is_active is False


async def test_what_another_process_changes_shows_within_a_second(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from eyeclaw_trio.store.database import open_database\n"
        "from eyeclaw_trio.store.bots import add_bot\n"
        "add_bot(open_database(Path(sys.argv[1])), 'home', now=datetime.now(UTC))\n"
    )
    watched = Watched()
    async with open_store(tmp_path, on_change=watched.on_change) as store:
        command = [sys.executable, "-c", program, str(tmp_path)]
        await trio.to_thread.run_sync(lambda: subprocess.run(command, check=True))
        with trio.fail_after(1):
            await watched.wait_until(store, lambda now: now.find_bot_named("home") is not None)


async def test_what_a_request_changes_is_in_the_directory_when_it_returns(tmp_path: Path) -> None:
    watched = Watched()
    async with open_store(tmp_path, on_change=watched.on_change) as store:
        [bot] = await store.run(
            lambda db: enter_configured_bots(db, [ConfiguredBot("home", "echo")], NOON)
        )
        assert store.directory.bots == {bot.id: bot}
        _, secret = await store.run(lambda db: create_key(db, "first", now=NOON))
        assert store.directory.find_key(secret) is not None
        assert len(watched.changes) == 2
        assert await store.run(lambda db: len(list_keys(db))) == 1
        assert len(watched.changes) == 2


async def test_a_request_raises_what_its_work_raises_in_our_words(tmp_path: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    async with open_store(tmp_path) as store:
        with pytest.raises(NoSuchRecord):
            await store.run(lambda db: revoke_key(db, 7))
        with pytest.raises(ZeroDivisionError):
            await store.run(fail)
        with pytest.raises(StoreError, match="no such table"):
            await store.run(lambda db: db.execute("SELECT * FROM missing"))
        # A transaction that was left open does not stay so.
        await store.run(lambda db: db.execute("BEGIN IMMEDIATE"))
        assert await store.run(lambda db: db.in_transaction) is False
        assert not store.is_degraded


async def test_a_request_cancelled_before_it_begins_is_not_done(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        async with blocked(store):
            with trio.move_on_after(0.01) as scope:
                await store.run(lambda db: add_bot(db, "home", now=NOON))
            assert scope.cancelled_caught
        assert await store.run(list_bots) == ()


async def test_a_request_of_a_store_that_was_left_is_refused(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        pass
    with pytest.raises(StoreBusy):
        await store.run(list_bots)
    assert store.write_nowait(insert("late")) is False
    assert store.dropped == 1


async def test_the_use_of_a_key_is_written_once_a_minute(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    moment = NOON

    def now() -> datetime:
        return moment

    with opened(tmp_path) as db:
        create_key(db, "glasses", now=NOON)
    async with open_store(tmp_path, now=now) as store:

        async def read() -> str | None:
            [key] = await store.run(list_keys)
            return key.last_used_at

        store.key_used(1)
        store.key_used(99)
        assert await read() == NOON_STAMP
        moment += timedelta(days=1)  # the wall clock jumps: nothing is decided by it
        mock_clock.jump(59.9)
        store.key_used(1)
        assert await read() == NOON_STAMP
        moment -= timedelta(days=2)
        mock_clock.jump(0.2)
        store.key_used(1)
        assert await read() == "2026-01-30T12:00:00.000Z"


async def test_a_session_is_written_when_it_opens_now_and_then_and_when_it_closes(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    moment = NOON

    def now() -> datetime:
        return moment

    def pass_time(seconds: float) -> None:
        nonlocal moment
        moment += timedelta(seconds=seconds)
        mock_clock.jump(seconds)

    with opened(tmp_path) as db:
        add_bot(db, "home", now=NOON)
    async with open_store(tmp_path, now=now) as store:

        async def read() -> Presence:
            return (await store.run(list_presence))[1]

        store.sessions.session_opened(1, "link", {"sdk": "若\ud800"})
        assert await read() == Presence(1, NOON_STAMP, True)
        pass_time(9)
        store.sessions.session_heard("link")
        assert await read() == Presence(1, NOON_STAMP, True)
        pass_time(2)
        store.sessions.session_heard("link")
        store.sessions.session_heard("another")
        assert await read() == Presence(1, "2026-01-31T12:00:11.000Z", True)
        pass_time(1)
        store.sessions.session_closed("link")
        store.sessions.session_closed("link")
        store.sessions.session_heard("link")
        assert await read() == Presence(1, "2026-01-31T12:00:11.000Z", False)
    with opened(tmp_path) as db:
        [row] = db.execute("SELECT session_id, connected_at, disconnected_at, metadata FROM"
                           " bot_sessions").fetchall()  # fmt: skip
    assert row[:3] == ("link", NOON_STAMP, "2026-01-31T12:00:12.000Z")
    assert json.loads(row[3]) == {"sdk": "若\ud800"}


async def test_a_session_of_a_bot_that_was_removed_is_no_fault(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "home", now=NOON)
    async with open_store(tmp_path) as store:
        store.sessions.session_opened(1, "link", {})
        await store.run(lambda db: remove_bot(db, 1))
        store.sessions.session_closed("link")
        assert await store.run(list_presence) == {}
        assert (store.dropped, store.is_degraded) == (0, False)


async def test_what_is_queued_is_written_and_open_sessions_are_closed_on_leaving(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "home", now=NOON)
    with trio.CancelScope() as scope:
        async with open_store(tmp_path) as store:
            store.sessions.session_opened(1, "link", {})
            for number in range(300):
                store.write_nowait(insert(str(number)))
            scope.cancel()
            await trio.sleep_forever()
    assert store.dropped == 0
    with opened(tmp_path) as db:
        assert count(db) == 301
        assert list_presence(db)[1].is_open is False
    assert not (tmp_path / "eyeclaw.db-wal").exists()  # closed, not merely left


async def test_sessions_that_a_dead_gateway_left_open_are_closed_at_the_start(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "home", now=NOON)
        write_session(db, BotSession("link", 1, "2026-01-01T00:00:00Z", NOON_STAMP))
    async with open_store(tmp_path) as store:
        assert await store.run(list_presence) == {1: Presence(1, NOON_STAMP, False)}
        ended = await store.run(
            lambda db: db.execute("SELECT disconnected_at FROM bot_sessions").fetchone()
        )
        assert ended == (NOON_STAMP,)


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
