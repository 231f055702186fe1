"""Reading the directory: the snapshot of keys and bots that requests read instead of a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from attrs import define, field

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.errors import StoreError
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.bots import list_bots
from eyeclaw_trio.store.database import roll_back, translated
from eyeclaw_trio.store.keys import is_past, list_keys
from eyeclaw_trio.store.memory import list_beginnings
from eyeclaw_trio.store.trouble import Trouble
from eyeclaw_trio.store.wearers import list_standings


def load_directory(db: sqlite3.Connection, now: datetime | None = None) -> Directory:
    """All keys and bots as of one moment, `now` where it is given. Raises StoreError; waits for no
    writer."""
    with translated():
        # One read transaction: a key and the bot it was made for are seen together or not at all.
        db.execute("BEGIN")
        try:
            bots = {bot.id: bot for bot in list_bots(db)}
            return Directory(list_keys(db, now), bots, list_standings(db), list_beginnings(db))
        finally:
            roll_back(db)


def read_data_version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection, of any process, has committed something."""
    version: int = db.execute("PRAGMA data_version").fetchone()[0]
    return version


@define(eq=False)
class Lookout:
    """Looks on the writer thread whether the directory has changed, and publishes the new one:
    another process has changed it, we have, or the time of an old key is over.

    `now` must not jump: it is what old keys end by (RELIABILITY 10). `seen` is the data version
    at which `directory` was loaded.
    """

    _publish: Callable[[Directory], None]
    _now: Callable[[], datetime]
    _directory: Directory
    _seen: int
    _trouble: Trouble = field(factory=lambda: Trouble("look"), init=False)

    @property
    def is_failing(self) -> bool:
        """Whether the last look failed."""
        return self._trouble.is_on

    def look(self, db: sqlite3.Connection) -> None:
        """Publish a new directory if there may be one."""
        try:
            version = read_data_version(db)
            if version != self._seen or self._has_key_to_end():
                # Noted only when it worked, so that a failure is tried again.
                self._load(db)
                self._seen = version
        except (sqlite3.Error, StoreError) as error:
            self._trouble.begin(error)
        else:
            self._trouble.end()

    def load(self, db: sqlite3.Connection) -> None:
        """Publish what this connection has changed: SQLite counts only others' changes as new."""
        try:
            self._load(db)
        except StoreError as error:
            self._trouble.begin(error)
            self._seen = -1  # so that the next look loads

    def _load(self, db: sqlite3.Connection) -> None:
        self._directory = load_directory(db, self._now())
        self._publish(self._directory)

    def _has_key_to_end(self) -> bool:
        stamp = to_stamp(self._now())
        return any(key.is_active and is_past(key.open_until, stamp) for key in self._directory.keys)
