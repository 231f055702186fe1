"""What the tests of the store share: one moment, and a database that closes itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import trio

from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.store import Store
from eyeclaw_trio.store.trace_list import TraceFilter, walk_traces

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOON_STAMP = "2026-01-31T12:00:00.000Z"


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database of this folder, as another process would have it."""
    with closing(open_database(folder)) as db:
        yield db


def write_first_key(db: sqlite3.Connection, name: str) -> None:
    """A key as the first schema of all has it."""
    db.execute(
        "INSERT INTO access_keys (name, prefix, digest, created_at) VALUES (?, 'ak_', x'00', ?)",
        (name, NOON_STAMP),
    )


def read_all_bytes(folder: Path) -> bytes:
    """Everything that is at rest in the folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def count_traces(db: sqlite3.Connection) -> int:
    """How many there are."""
    return int(db.execute("SELECT count(*) FROM stream_traces").fetchone()[0])


def newest_traces(db: sqlite3.Connection) -> tuple[TraceRecord, ...]:
    """Up to a thousand, newest first, without their events."""
    return tuple(walk_traces(db, TraceFilter(), 1000))


async def degraded(store: Store, wanted: bool) -> None:
    """Wait until the store says so: there is no event for it, health asks when it is asked."""
    with trio.fail_after(5):
        while store.is_degraded is not wanted:
            await trio.sleep(0.01)
