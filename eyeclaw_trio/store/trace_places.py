"""Single traces by what is known of them, their places in a filtered list, and dots of many.

All but what one trace holds is read from the narrow index of `store/trace_list`.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.scatter import TurnDot
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import transaction, translated
from eyeclaw_trio.store.trace_list import (
    LISTED,
    SEARCHED,
    TraceFilter,
    find_floor,
    read_cursor,
    where_of,
)
from eyeclaw_trio.store.traces import storable

# Dots in one picture; more lie upon each other.
DOTS: Final = 500
# Beyond the number of any trace.
_FAR: Final = 1 << 62


@frozen
class Neighbours:
    """The traces beside one in a filtered list; None at its ends."""

    newer: str | None
    older: str | None


def list_dots(
    db: sqlite3.Connection, wanted: TraceFilter, *, after: str | None = None, limit: int = DOTS
) -> tuple[TurnDot, ...]:
    """The newest turns that have a first chunk, newest first; `after` as in `list_traces`, and a
    text is looked for in as many.

    Raises NoSuchRecord for what is no cursor, StoreError.
    """
    below = None if after is None else read_cursor(after)
    where, values = where_of(wanted, above=find_floor(db, wanted, below))
    if below is not None:
        where, values = f"{where} AND number < ?", (*values, below)
    query = (
        "SELECT trace_id, created_at, first_chunk_delay, missing_count, outcome"  # noqa: S608  (ours)
        f" FROM {LISTED} WHERE {where} AND first_chunk_delay IS NOT NULL"
        " ORDER BY number DESC LIMIT ?"
    )
    with translated():
        return tuple(TurnDot(*row) for row in db.execute(query, (*values, min(limit, DOTS))))


def find_moment(db: sqlite3.Connection, wanted: TraceFilter, moment: datetime) -> str | None:
    """The cursor of the page that begins with the newest trace begun before `moment`.

    Where there is none, that of the oldest trace at all; None where the list is empty. A text does
    not matter here: it is looked for from that place on. Raises StoreError.
    """
    where, values = where_of(wanted, without="text")
    # The moment first: it costs little, and what is before it needs no more looking at.
    queries = (
        f"SELECT number FROM {LISTED} WHERE created_at < ? AND ({where})"  # noqa: S608  (ours)
        " ORDER BY number DESC LIMIT 1",
        f"SELECT number FROM {LISTED} WHERE created_at >= ? AND ({where})"  # noqa: S608
        " ORDER BY number LIMIT 1",
    )
    with translated():
        for query in queries:
            row = db.execute(query, (to_stamp(moment), *values)).fetchone()
            if row is not None:
                return str(row[0] + 1)
    return None


def find_neighbours(db: sqlite3.Connection, wanted: TraceFilter, trace_id: str) -> Neighbours:
    """What stands before and behind this trace in the list, whether it is in it itself or not; a
    text is looked for in SEARCHED traces of each side.

    Raises NoSuchRecord where there is no such trace, StoreError.
    """
    where, values = where_of(wanted)

    def find(first: int, last: int, order: str) -> str | None:
        query = (
            f"SELECT trace_id FROM {LISTED} WHERE {where} AND number BETWEEN ? AND ?"  # noqa: S608
            f" ORDER BY number {order} LIMIT 1"
        )
        row = db.execute(query, (*values, first, last)).fetchone()
        return None if row is None else str(row[0])

    with translated():
        found = db.execute(
            "SELECT number FROM stream_traces WHERE trace_id = ?", (storable(trace_id),)
        ).fetchone()
        if found is None:
            raise NoSuchRecord(f"there is no trace {trace_id}")
        number = found[0]
        reach = SEARCHED if wanted.text.strip() else _FAR
        return Neighbours(
            find(number + 1, number + reach, "ASC"), find(number - reach, number - 1, "DESC")
        )


def find_named(db: sqlite3.Connection, text: str) -> str | None:
    """The trace that somebody means who types this: its id, its short code in whatever case (the
    newest of a code), or the id of a message or a session that only one has. Raises StoreError."""
    text = storable(text.strip()) or ""
    if not text:
        return None
    with translated():
        row = db.execute(
            "SELECT trace_id FROM stream_traces WHERE trace_id = ?", (text,)
        ).fetchone()
        if row is not None:
            return str(row[0])
        rows = db.execute(
            f"SELECT trace_id, code = :text COLLATE NOCASE AS is_code FROM {LISTED}"  # noqa: S608
            " WHERE is_code OR message_id = :text OR session_id = :text"
            " ORDER BY is_code DESC, number DESC LIMIT 2",
            {"text": text},
        ).fetchall()
    if len(rows) == 1 or (rows and rows[0][1]):
        return str(rows[0][0])
    return None


def delete_trace(db: sqlite3.Connection, trace_id: str) -> None:
    """Take this trace away. Raises NoSuchRecord; StoreError where its turn still runs, which
    would write it again at its end."""
    with transaction(db):
        row = db.execute(
            "SELECT outcome FROM stream_traces WHERE trace_id = ?", (storable(trace_id),)
        ).fetchone()
        if row is None:
            raise NoSuchRecord(f"there is no trace {trace_id}")
        if row[0] is None:
            raise StoreError("this turn still runs: its trace can be deleted when it is over")
        db.execute("DELETE FROM stream_traces WHERE trace_id = ?", (storable(trace_id),))
