"""What the pages are told of the whole gateway: bots, clock, disk, the backup that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import trio
from attrs import define, field

from eyeclaw_trio.app.backup_shelf import BackupShelf
from eyeclaw_trio.app.checkup import GatewayCheckup
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.core.presence import BROKEN
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.settings import load_settings
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.presence_history import write_presence
from eyeclaw_trio.store.store import open_store
from eyeclaw_trio.store.traces import write_trace

START = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)


@define(eq=False)
class WallClock:
    """Goes with trio's clock, but for jumps."""

    jumped: timedelta = field(default=timedelta())
    began: float = field(factory=trio.current_time)

    def __call__(self) -> datetime:
        return START + self.jumped + timedelta(seconds=trio.current_time() - self.began)


@asynccontextmanager
async def open_checkup(folder: Path) -> AsyncIterator[tuple[GatewayCheckup, WallClock]]:
    settings = load_settings({"data": folder}, config=None, environ={}, cwd=folder)
    clock = WallClock()
    async with open_store(folder) as store:
        gateway = Gateway(settings, store, connections=10)
        yield GatewayCheckup(gateway, BackupShelf(folder), "127.0.0.1", True, clock), clock


def add_bots(db: Database) -> None:
    for name in ("steady", "flapping", "old"):
        add_bot(db, name, None, now=START)


def write_troubles(db: Database, minute: int) -> None:
    with transaction(db):
        write_presence(db, range(minute - 4, minute), {2: BROKEN})
        for number in range(3):
            trace = Trace(f"trace_{number}", "session", 3, 100.0)
            trace.end(Outcome.ANSWERED)
            write_trace(db, trace, START, 0.0)


async def test_a_bot_that_flaps_and_one_with_an_old_sdk_are_named(tmp_path: Path) -> None:
    async with open_checkup(tmp_path) as (checkup, clock):
        store = checkup.gateway.store
        await store.run(add_bots)
        minute = int(clock().timestamp()) // 60
        await store.run(partial(write_troubles, minute=minute))
        facts = await checkup.look()
        assert facts.flapping == ("flapping",)
        assert facts.old_sdks == ("old",)
        assert facts.bots == {"steady": False, "flapping": False, "old": False}
        assert facts.disk_free is not None


async def test_a_clock_that_jumps_is_told_from_one_that_goes_on(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_checkup(tmp_path) as (checkup, clock):
        await trio.sleep(1_000)
        assert abs((await checkup.look()).clock_off) < 1
        clock.jumped = timedelta(minutes=-3)
        assert round((await checkup.look()).clock_off) == -180


async def test_a_backup_that_waits_is_told(tmp_path: Path) -> None:
    async with open_checkup(tmp_path) as (checkup, _):
        assert not (await checkup.look()).is_backup_waiting
        async with checkup.backups.copy() as copy:
            pieces = [await copy.read()]

        async def send() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        await checkup.backups.receive(send())
        assert (await checkup.look()).is_backup_waiting
        await checkup.backups.forget()
        assert not (await checkup.look()).is_backup_waiting
