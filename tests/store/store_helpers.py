"""What the tests of the store share: one moment, and a database that closes itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from eyeclaw_trio.store.database import open_database

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOON_STAMP = "2026-01-31T12:00:00.000Z"


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database of this folder, as another process would have it."""
    with closing(open_database(folder)) as db:
        yield db


def read_all_bytes(folder: Path) -> bytes:
    """Everything that is at rest in the folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
