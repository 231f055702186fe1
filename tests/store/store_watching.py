"""What a running store publishes, and work that holds its thread up."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.store.store import Store


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
