"""Reading the directory: the snapshot of keys and bots that requests read instead of a database."""

from __future__ import annotations

import sqlite3

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.store.bots import list_bots
from eyeclaw_trio.store.database import roll_back, translated
from eyeclaw_trio.store.keys import list_keys


def load_directory(db: sqlite3.Connection) -> Directory:
    """All keys and bots as of one moment. Raises StoreError; waits for no writer."""
    with translated():
        # One read transaction: a key and the bot it was made for are seen together or not at all.
        db.execute("BEGIN")
        try:
            return Directory(keys=list_keys(db), bots={bot.id: bot for bot in list_bots(db)})
        finally:
            roll_back(db)


def read_data_version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection, of any process, has committed something."""
    version: int = db.execute("PRAGMA data_version").fetchone()[0]
    return version
