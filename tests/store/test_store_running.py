"""The running gateway's store: what others change shows, and nothing of it makes trio wait."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio
import trio.testing
from store_helpers import NOON, NOON_STAMP, opened
from store_watching import Watched, blocked, count, insert
from trio.testing import MockClock

from eyeclaw_trio.errors import NoSuchRecord, StoreBusy, StoreError
from eyeclaw_trio.store.bots import (
    ConfiguredBot,
    add_bot,
    enter_configured_bots,
    list_bots,
    remove_bot,
)
from eyeclaw_trio.store.keys import create_key, list_keys, revoke_key
from eyeclaw_trio.store.sessions import BotSession, Presence, list_presence, write_session
from eyeclaw_trio.store.store import open_store


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
        store.sessions.session_heard("link", trio.current_time())
        assert await read() == Presence(1, NOON_STAMP, True)
        pass_time(2)
        store.sessions.session_heard("link", trio.current_time())
        store.sessions.session_heard("another", trio.current_time())
        assert await read() == Presence(1, "2026-01-31T12:00:11.000Z", True)
        pass_time(1)
        store.sessions.session_closed("link")
        store.sessions.session_closed("link")
        store.sessions.session_heard("link", trio.current_time())
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
